// The shared rule of ops that fold one run of axes: what an op adds is its fold, the dtypes that it takes and gives, and
// its derivative.

import type { Fold } from '../../shaders/folds.ts'
import { reduce } from '../../shaders/reduce.ts'
import { type DType, type Shape, sameShape, sizeOf, type TensorType } from '../dtype.ts'
import {
  apply,
  type Box,
  type OpError,
  type Sample,
  type SampleInput,
  type StructuredOp,
  type TensorLike,
  type Windows,
} from '../op.ts'
import { sizes, startOf } from '../passes/box.ts'
import type { Tensor } from '../tensor.ts'
import { cast } from './arithmetic.ts'
import { extentOf, foldingOf, type ReduceOptions, type Run, runsOf, without } from './axes.ts'
import { refuse } from './refuse.ts'
import { reshape } from './shape.ts'

export interface FoldSpec<A extends Run> {
  readonly fold: (out: DType, x: DType) => Fold
  /** Cheap pointwise producers are not computed while it loads: a state of several parts binds more buffers than fusion
   * reckons with. Only then is `x` above the dtype of the elements. */
  readonly prologue?: false
  readonly takes: readonly DType[]
  /** What comes of a dtype; default: the same. */
  readonly gives?: (dtype: DType, attrs: A) => DType
  /** Whether the outputs are the parts of the fold's state. */
  readonly states?: (attrs: A) => boolean
  readonly vjp: StructuredOp<A>['vjp']
  /** A factor of the results of a sum of floats. */
  readonly scale?: (attrs: A) => number
  /** Floating-point operations for each element; default 1. */
  readonly flops?: number
  /** The results from those of parts of the run. */
  readonly combine?: Windows<A>['combine']
  /** Attributes of such a part, which begins at element `from`. */
  readonly mark?: (attrs: A, from: number) => A
  readonly samples: readonly Sample<A>[]
  readonly error?: OpError | 'exact'
  readonly source: string
}

export const foldOp = <A extends Run>(name: string, spec: FoldSpec<A>): StructuredOp<A> => ({
  name,
  kind: 'structured',
  infer: (types, attrs, no) => {
    const { dtype, shape } = types[0]
    if (!spec.takes.includes(dtype))
      no(`takes ${spec.takes.join(', ')}, not ${dtype}`, 'use cast()')
    if (!sizeOf(shape)) no('an empty tensor has no elements to fold')
    if (types.some((t) => !sameShape(t.shape, attrs.shape)))
      no(`the run is one of [${attrs.shape}]`)
    const out = spec.gives?.(dtype, attrs) ?? dtype
    if (!spec.states?.(attrs)) return types.map(() => ({ dtype: out, shape: without(attrs) }))
    return spec.fold(out, dtype).parts.map((part) => ({ dtype: part, shape: without(attrs) }))
  },
  vjp: spec.vjp,
  cost: (inputs) => ({
    macs: 0,
    flops: (spec.flops ?? 1) * inputs.reduce((n, t) => n + sizeOf(t.shape), 0),
  }),
  tail: false,
  prologue: spec.prologue ?? true,
  lower: ({ attrs, inputs, outputs, prologue, caps }) => {
    const { outer, rows, inner } = extentOf(attrs)
    return reduce(
      {
        // Constants that are folded leave no input.
        fold: spec.fold(outputs[0].dtype, (inputs[0] ?? outputs[0]).dtype),
        outer,
        reduce: rows,
        inner,
        values: spec.states?.(attrs) ? 1 : outputs.length,
        load: prologue,
        ...(!spec.states?.(attrs) && { elem: outputs[0].dtype }),
        ...(spec.scale && { scale: spec.scale(attrs) }),
      },
      caps,
    )
  },
  windows: windowsOf(spec.combine, spec.mark),
  samples: spec.samples,
  ...(spec.error && { error: spec.error }),
  source: spec.source,
})

/** `op` over any axes of x, or of what `of` makes of its elements. Throws ShapeError, in the name of who asks, for axes
 * that x has not or that are named twice. */
export function foldAxes(
  op: StructuredOp<Run>,
  x: TensorLike,
  axes: readonly number[] | undefined,
  options: ReduceOptions,
  { name = op.name, of = (t: Tensor) => t } = {},
): Tensor {
  const { x: t, axes: which, shape } = foldingOf(name, x, axes, options)
  const runs = runsOf(t.shape, which)
  const elements = of(t)
  const no = (problem: string, hint?: string) => refuse(name, problem, [t], hint)
  // Where every axis has size 1 the elements stay as they are; but what is refused is refused.
  const [{ dtype }] = op.infer([elements], { shape: t.shape, first: 0, count: 0 }, no)
  const fold = (y: Tensor, run: Omit<Run, 'shape'>) => apply(op, [y], { ...run, shape: y.shape })[0]
  return reshape(cast(runs.reduceRight(fold, elements), dtype), shape)
}

/** A fold falls into parts of its run where that comes first, whose results are
 * combined, or into entries of the other axes. `mark` tells a part where it begins. */
export function windowsOf<A extends Run>(
  combine?: Windows<A>['combine'],
  mark = (attrs: A, _from: number): A => attrs,
): Windows<A>[] {
  const at = (box: Box, attrs: A, inputs: readonly TensorType[]) => ({
    inputs: inputs.map(() => box),
    attrs: { ...attrs, shape: sizes(box) },
  })
  const entries: Windows<A> = {
    cut: 'output',
    axes: ({ shape, count }) => shape.length - count,
    part: (box, attrs, inputs) => {
      const { first, count, shape } = attrs
      const run = shape.slice(first, first + count).map((n): Box[number] => [0, n])
      return at([...box.slice(0, first), ...run, ...box.slice(first)], attrs, inputs)
    },
  }
  if (!combine) return [entries]
  const axes = (run: A) => (extentOf(run).outer === 1 ? run.first + run.count : 0)
  const part: Windows<A>['part'] = (box, attrs, inputs) => {
    const window = at(box, attrs, inputs)
    return { ...window, attrs: mark(window.attrs, startOf(attrs.shape, box)) }
  }
  return [{ cut: 'input', axes, part, combine }, entries]
}

/** Runs that take every way through the kernel: leading, inner and trailing, short and of several levels, with vectors
 * and without. */
export const runs: readonly Run[] = [
  { shape: [2, 3, 8], first: 0, count: 2 },
  { shape: [7, 3, 5], first: 1, count: 1 },
  { shape: [3, 40], first: 1, count: 1 },
  { shape: [1300, 3], first: 0, count: 1 },
  { shape: [5003], first: 0, count: 1 },
  { shape: [2, 600, 4], first: 1, count: 1 },
]

/** A sample of each run: `values` inputs of its shape. */
export const samplesOf = (
  input: (shape: Shape) => SampleInput,
  values = 1,
  of: readonly Run[] = runs,
): Sample<Run>[] =>
  of.map((attrs) => ({ inputs: Array.from({ length: values }, () => input(attrs.shape)), attrs }))

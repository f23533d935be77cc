// Padding that continues a tensor beyond its edge: by its mirror image, or by the edge itself.

import { type AxisSum, axisSums } from '../../shaders/axis-sum.ts'
import { type Border, stridedCopy } from '../../shaders/copy.ts'
import { type Shape, sizeOf } from '../dtype.ts'
import { apply, noCost, type Sample, type StructuredOp, sample, type TensorLike } from '../op.ts'
import type { Tensor } from '../tensor.ts'
import { checkAmounts } from './shape.ts'
import { toTensor } from './source.ts'
import { rows } from './windows.ts'

type Amounts = { readonly before: Shape; readonly after: Shape }
type Refuse = (problem: string, hint?: string) => never

/** A padding and its adjoint, which are each other's derivatives. */
function edgePad(
  name: string,
  border: Border,
  adjoint: AxisSum,
  source: string,
  check: (x: Shape, amounts: Amounts, refuse: Refuse) => void,
) {
  const cases: [x: Shape, amounts: Amounts][] = [
    [[4, 5, 2], { before: [2, 0, 0], after: [3, 4, 0] }],
    [[3, 4], { before: [1, 3], after: [0, 1] }],
    [[2, 5, 4], { before: [0, 1, 3], after: [1, 0, 1] }],
    [[3, 3, 8], { before: [0, 2, 0], after: [0, 1, 0] }],
  ]
  const padded = (x: Shape, { before, after }: Amounts) => x.map((n, a) => n + before[a] + after[a])
  const structured = {
    kind: 'structured',
    tail: false,
    prologue: false,
    f16: 'alike',
    // The axes before the first that is padded.
    windows: rows<Amounts>(({ before, after }) => before.findIndex((n, a) => n + after[a] > 0)),
  } as const

  const padOp: StructuredOp<Amounts> = {
    ...structured,
    name,
    error: 'exact',
    source,
    infer: ([x], amounts, no) => {
      if ([...amounts.before, ...amounts.after].some((n) => n < 0))
        no('amounts are not negative', 'use slice() or pad() to crop')
      check(x.shape, amounts, no)
      return [{ dtype: x.dtype, shape: padded(x.shape, amounts) }]
    },
    vjp: ({ attrs }, [dy]) => [dy && apply(adjointOp, [dy], attrs)[0]],
    cost: () => noCost,
    lower: ({ inputs: [x], outputs: [y], attrs: { before } }) =>
      stridedCopy({
        elem: x.dtype,
        outShape: y.shape,
        inShape: x.shape,
        map: x.shape.map((_, a) => ({ from: a, step: 1, offset: -before[a] })),
        border,
        access: [x.access],
      }),
    samples: [
      ...cases.map(([x, attrs]): Sample<Amounts> => ({ inputs: [sample(x)], attrs })),
      {
        inputs: [{ dtype: 'u8', shape: [3, 5], range: [0, 255] }],
        attrs: { before: [1, 2], after: [2, 4] },
      },
    ],
  }

  const adjointOp: StructuredOp<Amounts> = {
    ...structured,
    name: `${name}Grad`,
    source: `adjoint of ${name}`,
    infer: ([dy], { before, after }) => [
      { dtype: dy.dtype, shape: dy.shape.map((n, a) => n - before[a] - after[a]) },
    ],
    vjp: ({ attrs }, [g]) => [g && apply(padOp, [g], attrs)[0]],
    cost: ([dy]) => ({ macs: 0, flops: sizeOf(dy.shape) }),
    lower: ({ inputs: [dy], outputs: [dx], attrs: { before } }) =>
      axisSums({
        sum: adjoint,
        from: dy.shape,
        to: dx.shape,
        before,
        elem: dy.dtype,
        access: dy.access,
      }),
    samples: cases.map(([x, attrs]) => ({ inputs: [sample(padded(x, attrs))], attrs })),
  }

  const of = (x: TensorLike, before: readonly number[], after: readonly number[]): Tensor => {
    const t = toTensor(x, name)
    checkAmounts(name, t, before, after)
    return [...before, ...after].every((n) => n === 0) ? t : apply(padOp, [t], { before, after })[0]
  }
  return { of, ops: [padOp, adjointOp] as const }
}

const reflect = edgePad(
  'padReflect',
  'reflect',
  'reflectGrad',
  'one reflection at most, as in PyTorch',
  (x, { before, after }, no) => {
    x.forEach((n, a) => {
      if (before[a] >= n || after[a] >= n)
        no(
          `axis ${a} has ${n} elements and can be reflected by at most ${n - 1}`,
          'pad again what was padded, or use padReplicate()',
        )
    })
  },
)
const replicate = edgePad(
  'padReplicate',
  'replicate',
  'replicateGrad',
  'as in PyTorch, along any axes',
  (x, _, no) => {
    if (x.some((n) => n < 1)) no('there is no edge to repeat: a size is 0')
  },
)

/** `x` continued by its mirror image without repeating the edge, 3 2 | 1 2 3 | 2 1, with `before` and `after` more elements
 * per axis; any dtype. Throws ShapeError where an axis would have to be reflected twice. */
export const padReflect = reflect.of

/** `x` continued by its edge, 1 1 | 1 2 3 | 3, with `before` and `after` more elements per axis; any dtype. Throws
 * ShapeError. */
export const padReplicate = replicate.of

export const edgeOps = [...reflect.ops, ...replicate.ops] as const

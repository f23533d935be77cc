// Resizing of maps: to the nearest pixel and bilinearly. Both are linear maps whose ops come in pairs, each the adjoint of the
// other, so that they may be differentiated any number of times. (bicubic.ts resizes images.)

import type { Access, FloatElem } from '../../shaders/kernel.ts'
import { nearest, nearestGrad } from '../../shaders/nearest.ts'
import {
  resizeBilinear as bilinear,
  resizeBilinearGrad as bilinearGrad,
} from '../../shaders/resize.ts'
import {
  type Axis,
  axisOf,
  copied,
  copies,
  fits,
  mixed,
  type Range,
  type ResizeMode,
  type Rows,
  reached,
} from '../../shaders/resize-axis.ts'
import { type Shape, sizeOf, type TensorType } from '../dtype.ts'
import {
  apply,
  type Bound,
  noCost,
  type StructuredOp,
  sample,
  type TensorLike,
  type Windows,
} from '../op.ts'
import type { Tensor } from '../tensor.ts'
import { add } from './arithmetic.ts'
import { checkChoice, type Pair, sizeOfMap } from './options.ts'
import { refuse } from './refuse.ts'
import { toTensor } from './source.ts'
import { combinePairwise } from './windows.ts'

/** Heights and widths of x and of y. In a window of a larger application `rows` are those at hand, of x and of y. */
type ResizeAttrs = { readonly from: Pair; readonly to: Pair; readonly rows?: Rows }
type BilinearAttrs = ResizeAttrs & { readonly mode: ResizeMode }

const count = ([from, to]: Range) => to - from
const xShape = (y: Shape, { from, rows }: ResizeAttrs): Shape => [
  y[0],
  rows ? count(rows.x) : from[0],
  from[1],
  y[3],
]
const yShape = (x: Shape, { to, rows }: ResizeAttrs): Shape => [
  x[0],
  rows ? count(rows.y) : to[0],
  to[1],
  x[3],
]

/** Windows of rows of one side; `needed` gives those of the other. */
const windowsOf = <A extends ResizeAttrs>(
  side: 'x' | 'y',
  axisFor: (attrs: A) => Axis,
  needed: (axis: Axis, rows: Range) => Range,
): Windows<A> => ({
  cut: 'output',
  axes: () => 2,
  part: ([entries, own, , channels], attrs, [t]) => {
    const other = needed(axisFor(attrs), own)
    const rows = side === 'x' ? { x: own, y: other } : { x: other, y: own }
    return { attrs: { ...attrs, rows }, inputs: [[entries, other, [0, t.shape[2]], channels]] }
  },
})

/** Windows of rows of dy, whose gradients are added: where few rows of x take part in many of y. */
const terms = <A extends ResizeAttrs>(): Windows<A> => ({
  cut: 'input',
  axes: (_, [dy]) => (dy.shape[0] === 1 ? 2 : 0),
  part: (box, attrs) => {
    const rows = { x: [0, attrs.from[0]] as const, y: box[1] }
    return { attrs: { ...attrs, rows }, inputs: [box] }
  },
  combine: combinePairwise(add),
})

const common = { kind: 'structured', tail: false, prologue: false, f16: 'alike' } as const

// ---- nearest

const nearestAxis = (a: ResizeAttrs, i: 0 | 1) => axisOf('asymmetric', a.from[i], a.to[i])
const nearestSpec = (x: Shape, attrs: ResizeAttrs, { dtype, access }: Bound) => ({
  n: x[0],
  c: x[3],
  height: nearestAxis(attrs, 0),
  width: nearestAxis(attrs, 1),
  rows: attrs.rows ?? { x: [0, attrs.from[0]] as const, y: [0, attrs.to[0]] as const },
  elem: dtype,
  access: [access] as readonly Access[],
})
const nearestCases: ResizeAttrs[] = [
  { from: [2, 3], to: [5, 6] },
  { from: [7, 5], to: [3, 2] },
  { from: [3, 1], to: [3, 4] },
  { from: [5, 4], to: [1, 7] },
]
const nearestShape = ({ from: [h, w] }: ResizeAttrs, i: number) => [
  1 + (i % 2),
  h,
  w,
  [4, 3, 1, 8][i],
]

const nearestOp: StructuredOp<ResizeAttrs> = {
  ...common,
  name: 'resizeNearest',
  error: 'exact',
  source: '⌊dst·in/out⌋ in whole numbers; PyTorch’s nearest but where it rounds in/out',
  infer: ([x], attrs, no) => {
    if (!sizeOf(x.shape)) no('the map has no elements')
    return [{ dtype: x.dtype, shape: yShape(x.shape, attrs) }]
  },
  vjp: ({ attrs }, [dy]) => [dy && apply(nearestGradOp, [dy], attrs)[0]],
  cost: () => noCost,
  windows: [windowsOf('y', (a) => nearestAxis(a, 0), copied)],
  lower: ({ inputs: [x], attrs }) => nearest(nearestSpec(x.shape, attrs, x)),
  samples: [
    ...nearestCases.map((attrs, i) => ({ inputs: [sample(nearestShape(attrs, i))], attrs })),
    { inputs: [{ dtype: 'u8', shape: [2, 3, 5, 3] }], attrs: { from: [3, 5], to: [4, 7] } },
    { inputs: [{ dtype: 'u8', shape: [1, 4, 3, 4] }], attrs: { from: [4, 3], to: [6, 2] } },
    { inputs: [{ dtype: 'i32', shape: [1, 2, 2, 1] }], attrs: { from: [2, 2], to: [3, 3] } },
  ],
}

const nearestGradOp: StructuredOp<ResizeAttrs> = {
  ...common,
  name: 'resizeNearestGrad',
  source: 'the adjoint of resizeNearest',
  infer: ([dy], attrs) => [{ dtype: dy.dtype, shape: xShape(dy.shape, attrs) }],
  vjp: ({ attrs }, [g]) => [g && apply(nearestOp, [g], attrs)[0]],
  cost: ([dy]) => ({ macs: 0, flops: sizeOf(dy.shape) }),
  windows: [windowsOf('x', (a) => nearestAxis(a, 0), copies), terms()],
  lower: ({ inputs: [dy], attrs }) => nearestGrad(nearestSpec(dy.shape, attrs, dy)),
  samples: nearestCases.map((attrs, i) => ({
    inputs: [sample(yShape(nearestShape(attrs, i), attrs))],
    attrs,
  })),
}

// ---- bilinear

const bilinearAxis = (a: BilinearAttrs, i: 0 | 1) => axisOf(a.mode, a.from[i], a.to[i])
const bilinearSpec = (
  x: Shape,
  { from, to, mode, rows }: BilinearAttrs,
  { dtype, access }: Bound,
) => ({
  n: x[0],
  h: from[0],
  w: from[1],
  c: x[3],
  oh: to[0],
  ow: to[1],
  mode,
  rows,
  elem: dtype as FloatElem,
  access: [access],
})
const bilinearCases: [x: number[], to: Pair, mode: ResizeMode][] = [
  [[2, 3, 4, 4], [6, 8], 'half-pixel'],
  [[1, 5, 3, 3], [7, 8], 'align-corners'],
  [[1, 4, 4, 8], [8, 8], 'asymmetric'],
  [[1, 9, 8, 3], [4, 3], 'half-pixel'],
  [[1, 1, 5, 1], [6, 1], 'align-corners'],
  [[2, 2, 1, 5], [16, 7], 'half-pixel'],
]
const bilinearSamples = (side: 'x' | 'y') =>
  bilinearCases.map(([x, to, mode]) => ({
    inputs: [sample(side === 'x' ? x : [x[0], ...to, x[3]])],
    attrs: { from: [x[1], x[2]] as const, to, mode },
  }))

const bilinearOp: StructuredOp<BilinearAttrs> = {
  ...common,
  name: 'resizeBilinear',
  source: 'PyTorch’s `bilinear` with and without align_corners; asymmetric: FRRN’s released code',
  infer: ([x], attrs, no) => {
    if (!sizeOf(x.shape)) no('the map has no elements')
    return [{ dtype: 'f32', shape: yShape(x.shape, attrs) }]
  },
  vjp: ({ attrs }, [dy]) => [dy && apply(bilinearGradOp, [dy], attrs)[0]],
  cost: (_, [y]) => ({ macs: 0, flops: 8 * sizeOf(y.shape) }),
  windows: [windowsOf('y', (a) => bilinearAxis(a, 0), mixed)],
  lower: ({ inputs: [x], attrs }) => bilinear(bilinearSpec(x.shape, attrs, x)),
  samples: bilinearSamples('x'),
}

const bilinearGradOp: StructuredOp<BilinearAttrs> = {
  ...common,
  name: 'resizeBilinearGrad',
  source: 'the adjoint of resizeBilinear',
  infer: ([dy], attrs) => [{ dtype: 'f32', shape: xShape(dy.shape, attrs) }],
  vjp: ({ attrs }, [g]) => [g && apply(bilinearOp, [g], attrs)[0]],
  cost: ([dy]) => ({ macs: 0, flops: 8 * sizeOf(dy.shape) }),
  windows: [windowsOf('x', (a) => bilinearAxis(a, 0), reached), terms()],
  lower: ({ inputs: [dy], attrs }) => {
    // Columns first, where few pixels of x would each read many of dy.
    const split = attrs.to[0] >= 4 * attrs.from[0]
    return bilinearGrad({ ...bilinearSpec(dy.shape, attrs, dy), split })
  },
  samples: bilinearSamples('y'),
}

// ---- functions

/** Height and width of a map, and of its resized form. Throws ShapeError where either is none. */
export function resizeSizes(name: string, x: TensorType, size: Pair): { from: Pair; to: Pair } {
  if (x.shape.length !== 4)
    refuse(name, 'a map [n, h, w, c] is needed', [x], 'use reshape() or expandDims()')
  if (sizeOf(x.shape) === 0) refuse(name, 'the map has no elements', [x])
  return { from: [x.shape[1], x.shape[2]], to: sizeOfMap(name, size, [x]) }
}

const tooFine = (name: string, x: TensorType, { to }: ResizeAttrs): never =>
  refuse(
    name,
    `positions in ${to.join('×')} do not fit 32 bits`,
    [x],
    'take a simpler ratio, or resize in two steps',
  )

/** x [n, h, w, c] of any dtype at another size, each pixel that of the source at src = ⌊dst·in/out⌋, worked out in whole
 * numbers. The gradient, of floats, is the sum over the copies of each pixel. Throws ShapeError. */
export function resizeNearest(x: TensorLike, size: Pair): Tensor {
  const t = toTensor(x, 'resizeNearest')
  const attrs = resizeSizes('resizeNearest', t, size)
  if (!fits(nearestAxis(attrs, 0)) || !fits(nearestAxis(attrs, 1)))
    tooFine('resizeNearest', t, attrs)
  return apply(nearestOp, [t], attrs)[0]
}

/** x [n, h, w, c], f32, at another size, interpolated between the two source pixels next to src on each axis:
 * `half-pixel` (default): src = max(0, (dst + ½)·in/out − ½); `align-corners`: src = dst·(in − 1)/(out − 1), or 0 where out
 * is 1; `asymmetric`: src = dst·in/out. Beyond the last pixel it repeats. There is no antialiasing: a smaller size skips
 * pixels. Throws ShapeError and OptionError. */
export function resizeBilinear(x: TensorLike, size: Pair, mode: ResizeMode = 'half-pixel'): Tensor {
  const t = toTensor(x, 'resizeBilinear')
  checkChoice('resizeBilinear', 'mode', mode, ['half-pixel', 'align-corners', 'asymmetric'])
  if (t.dtype !== 'f32') refuse('resizeBilinear', 'f32 is needed', [t], 'use cast()')
  const attrs = { ...resizeSizes('resizeBilinear', t, size), mode }
  if (!fits(bilinearAxis(attrs, 0)) || !fits(bilinearAxis(attrs, 1)))
    tooFine('resizeBilinear', t, attrs)
  return apply(bilinearOp, [t], attrs)[0]
}

export const resizeOps = [nearestOp, nearestGradOp, bilinearOp, bilinearGradOp] as const

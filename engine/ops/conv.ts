// Convolution and its two gradients: a family that is closed under differentiation, since each of the three is linear
// in each of its operands and the adjoints are the other two.
//
//   y  = conv2d(x, w)            y[n,oy,ox,o] = Σ x[n, oy·s + ky·d − top, ox·s + kx·d − left, c] · w[ky,kx,c,o]
//   dx = conv2dInputGrad(dy, w)
//   dw = conv2dWeightGrad(x, dy)

import type { Conv } from '../../shaders/conv/geometry.ts'
import { convGeometry, inputGradGeometry } from '../../shaders/conv/geometry.ts'
import { forwardRecipe, weightGradRecipe } from '../../shaders/conv/plan.ts'
import { type Shape, sizeOf, type TensorType } from '../dtype.ts'
import { apply, type Cost, type Sample, type StructuredOp, sample, type TensorLike } from '../op.ts'
import type { Tensor } from '../tensor.ts'
import { add } from './arithmetic.ts'
import { type ConvAttrs, type ConvOptions, outputSize, writeOut } from './conv-options.ts'
import { toTensor } from './source.ts'
import { withTurned } from './turned.ts'
import { combinePairwise, type SlidingRows, slidingRows } from './windows.ts'

type Refuse = (problem: string, hint?: string) => never

/** The problem that the kernels see, from the types of x, w and y. */
function problem(x: TensorType, w: TensorType, y: TensorType, a: ConvAttrs): Conv {
  const [n, h, width, cin] = x.shape
  return {
    n,
    h,
    w: width,
    cin,
    oh: y.shape[1],
    ow: y.shape[2],
    cout: y.shape[3],
    kh: w.shape[0],
    kw: w.shape[1],
    strideY: a.stride[0],
    strideX: a.stride[1],
    dilationY: a.dilation[0],
    dilationX: a.dilation[1],
    padTop: a.padding[0],
    padLeft: a.padding[1],
  }
}

const sliding = (a: ConvAttrs) => ({
  kernel: a.kernel[0],
  stride: a.stride[0],
  dilation: a.dilation[0],
  pad: a.padding[0],
})

/** For some rows of a map: its size, and the padding above and below. */
function atRows(a: ConvAttrs, { x, y, pad }: SlidingRows): ConvAttrs {
  const below = (y - 1) * a.stride[0] + a.dilation[0] * (a.kernel[0] - 1) + 1 - x - pad
  return {
    ...a,
    size: [x, a.size[1]],
    padding: [pad, a.padding[1], below, a.padding[3]],
  }
}

function check(x: TensorType, w: TensorType, refuse: Refuse): void {
  if (x.shape.length !== 4) refuse('input must be [n, h, w, c]', 'use expandDims() or reshape()')
  if (w.shape.length !== 4)
    refuse('weight must be [kh, kw, in, out]', 'use expandDims() or reshape()')
  if (x.dtype !== 'f32' || w.dtype !== 'f32') refuse('f32 is needed', 'use cast()')
  if (sizeOf(x.shape) === 0 || sizeOf(w.shape) === 0) refuse('an operand has no elements')
}

/** What may be behind channels that differ. */
function layoutHint(x: Shape, w: Shape): string {
  if (x[1] === w[2] && x[1] < x[3])
    return 'input is [n, h, w, c]: permute(x, [0, 2, 3, 1]) makes one of [n, c, h, w]'
  if (x[3] === w[1] && w[0] !== w[1] && w[2] === w[3])
    return 'weight is [kh, kw, in, out]: permute(w, [2, 3, 1, 0]) makes one of PyTorch’s [out, in, kh, kw]'
  return 'weight is [kh, kw, in, out]; did you load a checkpoint of another width?'
}

const macs = (w: TensorType, y: TensorType): Cost => {
  const count = sizeOf(y.shape) * w.shape[0] * w.shape[1] * w.shape[2]
  return { macs: count, flops: 2 * count }
}

const attrsFor = (x: number[], w: number[], o: ConvOptions): ConvAttrs =>
  writeOut(o, [x[1], x[2]], [w[0], w[1]])

const cases: [x: number[], w: number[], options: ConvOptions][] = [
  [[2, 5, 7, 3], [3, 3, 3, 8], { padding: 1 }],
  [[1, 6, 5, 8], [3, 3, 8, 12], { padding: 2, dilation: 2 }],
  [[2, 9, 8, 4], [3, 3, 4, 5], { padding: 1, stride: 2 }],
  [[1, 4, 5, 16], [1, 1, 16, 8], {}],
  [[1, 6, 7, 1], [5, 2, 1, 1], { padding: 'same', stride: [3, 1] }],
  [[1, 3, 4, 4], [3, 3, 4, 4], { padding: 12, dilation: 12 }],
  [[1, 7, 6, 8], [1, 5, 8, 4], { padding: [0, 1, 0, 3] }],
]

export const conv2dOp: StructuredOp<ConvAttrs> = {
  name: 'conv2d',
  kind: 'structured',
  source: 'cross-correlation as PyTorch’s conv2d; `same` as TensorFlow’s',
  infer: ([x, w], attrs, refuse) => {
    check(x, w, refuse)
    if (x.shape[3] !== w.shape[2])
      refuse('input channels must equal weight channels', layoutHint(x.shape, w.shape))
    const [oh, ow] = outputSize(attrs)
    if (oh < 1 || ow < 1)
      refuse(
        `the padded input is smaller than the kernel (output ${oh}×${ow})`,
        'use more padding, or a smaller kernel or dilation',
      )
    return [{ dtype: 'f32', shape: [x.shape[0], oh, ow, w.shape[3]] }]
  },
  vjp: ({ inputs: [x, w], attrs }, [dy]) =>
    dy ? [inputGrad(dy, w, attrs), weightGrad(x, dy, attrs)] : [],
  cost: ([, w], [y]) => macs(w, y),
  tail: true,
  prologue: false,
  f16: { inputs: [0], outputs: [0] },
  windows: [slidingRows('y', ['x', 'w'], sliding, atRows)],
  loads: [0],
  statistics: true,
  lower: ({ inputs: [x, w], outputs: [y], attrs, caps, tail, loads, statistics = false }) =>
    forwardRecipe(
      {
        ...convGeometry(problem(x, w, y, attrs)),
        xAccess: x.access,
        x: loads[0],
        wAccess: w.access,
        yAccess: 'read_write',
        tail,
        statistics,
      },
      caps,
    ),
  samples: cases.map(
    ([x, w, o]): Sample<ConvAttrs> => ({
      inputs: [sample(x), sample(w)],
      attrs: attrsFor(x, w, o),
    }),
  ),
}

export const conv2dInputGradOp: StructuredOp<ConvAttrs> = {
  name: 'conv2dInputGrad',
  kind: 'structured',
  source: 'the adjoint of conv2d by x; PyTorch’s conv_transpose2d',
  infer: ([dy, w], { size }, refuse) => {
    check(dy, w, refuse)
    if (dy.shape[3] !== w.shape[3]) refuse('gradient channels must equal the weight’s outputs')
    return [{ dtype: 'f32', shape: [dy.shape[0], ...size, w.shape[2]] }]
  },
  vjp: ({ inputs: [dy, w], attrs }, [g]) =>
    g ? [apply(conv2dOp, [g, w], attrs)[0], weightGrad(g, dy, attrs)] : [],
  cost: ([dy, w]) => macs(w, dy),
  tail: true,
  prologue: false,
  f16: { inputs: [0], outputs: [0] },
  windows: [slidingRows('x', ['y', 'w'], sliding, atRows)],
  // The gradient convolves with the transposed kernel; weights are small, so they are turned around in memory once
  // rather than at every load.
  loads: [0],
  lower: ({ inputs: [dy, w], outputs: [dx], attrs, caps, tail, loads }) =>
    withTurned(
      w,
      (turned) =>
        forwardRecipe(
          {
            ...inputGradGeometry(problem(dx, w, dy, attrs)),
            xAccess: dy.access,
            x: loads[0],
            wAccess: turned.access,
            yAccess: 'read_write',
            tail,
          },
          caps,
        ),
      loads[0].operands.length,
    ),
  samples: cases.map(([x, w, o]): Sample<ConvAttrs> => {
    const attrs = attrsFor(x, w, o)
    return { inputs: [sample([x[0], ...outputSize(attrs), w[3]]), sample(w)], attrs }
  }),
}

export const conv2dWeightGradOp: StructuredOp<ConvAttrs> = {
  name: 'conv2dWeightGrad',
  kind: 'structured',
  source: 'the adjoint of conv2d by w',
  infer: ([x, dy], { kernel }, refuse) => {
    check(x, { dtype: dy.dtype, shape: [...kernel, x.shape[3], dy.shape[3]] }, refuse)
    if (x.shape[0] !== dy.shape[0]) refuse('batches differ')
    return [{ dtype: 'f32', shape: [...kernel, x.shape[3], dy.shape[3]] }]
  },
  vjp: ({ inputs: [x, dy], attrs }, [g]) =>
    g ? [inputGrad(dy, g, attrs), apply(conv2dOp, [x, g], attrs)[0]] : [],
  cost: ([, dy], [dw]) => macs(dw, dy),
  tail: false,
  prologue: false,
  f16: { inputs: [0, 1], outputs: [] },
  windows: [
    {
      ...slidingRows('x', ['x', 'y'], sliding, atRows),
      cut: 'input',
      combine: combinePairwise(add),
    },
  ],
  loads: [0, 1],
  lower: ({ inputs: [x, dy], outputs: [dw], attrs, caps, loads }) =>
    weightGradRecipe(
      {
        ...convGeometry(problem(x, dw, dy, attrs)),
        xAccess: x.access,
        dyAccess: dy.access,
        x: loads[0],
        dy: loads[1],
        dwAccess: 'read_write',
      },
      caps,
    ),
  samples: cases.map(([x, w, o]): Sample<ConvAttrs> => {
    const attrs = attrsFor(x, w, o)
    return { inputs: [sample(x), sample([x[0], ...outputSize(attrs), w[3]])], attrs }
  }),
}

const inputGrad = (dy: Tensor, w: Tensor, attrs: ConvAttrs) =>
  apply(conv2dInputGradOp, [dy, w], attrs)[0]
const weightGrad = (x: Tensor, dy: Tensor, attrs: ConvAttrs) =>
  apply(conv2dWeightGradOp, [x, dy], attrs)[0]

/** Convolution (cross-correlation) of x [n, h, w, in] with w [kh, kw, in, out]: [n, oh, ow, out] with
 * oh = floor((h + top + bottom − dilation·(kh − 1) − 1) / stride) + 1. Throws ShapeError and OptionError. */
export function conv2d(x: TensorLike, w: TensorLike, options: ConvOptions = {}): Tensor {
  const [a, b] = [toTensor(x, 'conv2d'), toTensor(w, 'conv2d')]
  const attrs = writeOut(options, [a.shape[1], a.shape[2]], [b.shape[0], b.shape[1]])
  return apply(conv2dOp, [a, b], attrs)[0]
}

export const convOps = [conv2dOp, conv2dInputGradOp, conv2dWeightGradOp] as const

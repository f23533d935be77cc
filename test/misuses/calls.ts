// A right call of every function on tensors: what is given to it.

import { zeros } from '../../nn/index.ts'
import { f32, i32, key, u8, variable } from './makers.ts'

type Call = () => readonly unknown[]
const each = (names: string, call: Call): Record<string, Call> =>
  Object.fromEntries(names.split(' ').map((name) => [name, call]))

const map = () => f32(2, 4, 6, 3)
const pool = { kernel: 2, stride: 2, padding: 0, ceil: true }

export const calls: Readonly<Record<string, Call>> = {
  ...each('neg abs sign square reciprocal sqrt rsqrt exp expm1 log log1p sin cos', () => [f32(3)]),
  ...each('floor ceil round trunc relu sigmoid tanh softplus isNaN isFinite', () => [f32(2, 3)]),
  ...each('add sub mul div mod pow maximum minimum', () => [f32(2, 3), f32(3)]),
  ...each('equal notEqual less lessEqual greater greaterEqual', () => [f32(2, 3), 1]),
  ...each('logicalAnd logicalOr logicalXor', () => [u8(3), u8(3)]),
  logicalNot: () => [u8(3)],
  where: () => [u8(3), f32(3), 0],
  leakyRelu: () => [f32(3), 0.1],
  clamp: () => [f32(3), 0, 1],
  cast: () => [f32(3), 'i32'],
  broadcastTo: () => [f32(3), [2, 3]],
  grad: () => [f32(2), [f32(2), variable(3)], f32(2)],
  stopGradient: () => [f32(3)],
  gate: () => [f32(3), f32()],
  constant: () => [[1, 2], [2]],
  hostTensor: () => [[1, 2], [2], 'f32'],
  scalar: () => [2, 'i32'],
  read: () => [variable(2)],
  assign: () => [variable(2), f32(2)],
  reshape: () => [f32(2, 3), [3, -1]],
  permute: () => [f32(2, 3), [1, 0]],
  transpose: () => [f32(2, 3)],
  swapAxes: () => [f32(2, 3), 0, 1],
  expandDims: () => [f32(3), 0],
  squeeze: () => [f32(1, 3), [0]],
  flip: () => [f32(2, 3), [0]],
  roll: () => [f32(3), [1], [0]],
  tile: () => [f32(3), [2]],
  slice: () => [f32(6), [1], [5], [2]],
  pad: () => [f32(3), [1], [1], 0],
  ...each('padReflect padReplicate', () => [f32(4), [1], [1]]),
  ...each('concat stack', () => [[f32(2, 3), f32(2, 3)], 1]),
  split: () => [f32(4), 2, 0],
  iota: () => [[2, 3], 1],
  gather: () => [f32(3, 4), i32(3, 2), 1],
  indexSelect: () => [f32(3, 4), i32(2), 1],
  scatterAdd: () => [f32(3, 4), i32(3, 2), f32(3, 2), 1],
  oneHot: () => [i32(3), 4, { dtype: 'u8' }],
  ...each('sum mean max min logSumExp any all countNonzero', () => [
    f32(2, 3),
    [1],
    { keepDims: true },
  ]),
  variance: () => [f32(2, 3), [1], { keepDims: true, correction: 1 }],
  ...each('argmax argmin', () => [f32(2, 3), 1, { keepDims: true }]),
  cumsum: () => [f32(3), 0, { reverse: true, exclusive: true }],
  channelSums: () => [[f32(2, 3), f32(2, 3)]],
  matmul: () => [f32(2, 3), f32(3, 4), { transposeA: false, transposeB: false }],
  ...each('dot outer', () => [f32(3), f32(3)]),
  linear: () => [f32(2, 3), f32(3, 4), f32(4)],
  moments: () => [f32(4, 3)],
  normalize: () => [f32(4, 3), f32(3), f32(3), f32(3)],
  ...each('softmax logSoftmax', () => [f32(2, 3), 1]),
  takeLabel: () => [f32(2, 3), u8(2)],
  ...each('topK kthLargest', () => [f32(3, 4), 2]),
  selectLargest: () => [f32(3, 4), u8(3, 4), 2],
  histogram: () => [f32(4), 3, { min: 0, max: 1 }],
  ...each('randomBits randomUniform randomNormal', () => [[3], key()]),
  bernoulli: () => [[3], f32(3), key()],
  permutation: () => [5, key()],
  dropout: () => [f32(2, 3), 0.5, key(), { channels: true }],
  conv2d: () => [map(), f32(3, 3, 3, 5), { stride: 1, dilation: 1, padding: 1 }],
  convTranspose2d: () => [
    map(),
    f32(3, 3, 5, 3),
    { stride: 2, dilation: 1, padding: 1, outputPadding: 1 },
  ],
  ...each('maxPool2d maxPool2dWithIndices', () => [map(), { ...pool, dilation: 1 }]),
  avgPool2d: () => [map(), { ...pool, countPadding: true }],
  adaptiveAvgPool2d: () => [map(), [2, 2]],
  globalAvgPool2d: () => [map()],
  maxUnpool2d: () => [f32(2, 2, 3, 3), i32(2, 2, 3, 3), [4, 6]],
  repeatUpsample: () => [map(), [2, 2]],
  resizeNearest: () => [map(), [3, 3]],
  resizeBilinear: () => [map(), [3, 3], 'half-pixel'],
  resizeBicubic: () => [map(), [3, 3], { antialias: true }],
  ...each('crossEntropy nllLoss', () => [
    f32(2, 4, 3),
    u8(2, 4),
    { ignore: 255, weights: [1, 2, 3], reduction: 'mean' },
  ]),
  pixelCrossEntropy: () => [f32(2, 4, 3), u8(2, 4), { ignore: 255 }],
  bootstrappedCrossEntropy: () => [
    f32(2, 4, 3),
    u8(2, 4),
    { keep: 3, scope: 'batch', divisor: 'k', threshold: 0.5, ignore: 255 },
  ],
  smoothL1: () => [f32(4), f32(4), { beta: 1, reduction: 'sum' }],
  huber: () => [f32(4), f32(4), { delta: 1, reduction: 'none' }],
  binaryCrossEntropyWithLogits: () => [
    f32(4, 3),
    f32(4, 3),
    { weight: f32(3), positiveWeight: 2, reduction: 'mean' },
  ],
  predict: () => [f32(2, 4, 3)],
}

/** A right construction of every layer. */
export const layers: Readonly<Record<string, Call>> = {
  Conv2d: () => [
    3,
    8,
    [3, 1],
    { stride: 2, dilation: 1, padding: 'same', bias: true, init: zeros },
  ],
  ConvTranspose2d: () => [
    3,
    8,
    2,
    { stride: 2, dilation: 1, padding: 0, outputPadding: 1, bias: true, init: zeros },
  ],
  Linear: () => [3, 8, { bias: true, init: zeros }],
  BatchNorm2d: () => [3, { eps: 1e-3, momentum: 0.1, statistic: 'variance' }],
  Dropout: () => [0.5],
  Dropout2d: () => [0.5],
}

// What is measured of kernels: each family on shapes of the papers' networks. Maps are [n, h, w, c], weights [kh, kw, in, out].

import {
  add,
  avgPool2d,
  concat,
  conv2d,
  grad,
  type HostTensor,
  hostTensor,
  matmul,
  maxPool2d,
  mean,
  relu,
  repeatUpsample,
  resizeBilinear,
  softmax,
  sum,
  type Tensor,
  topK,
} from '../../engine/index.ts'
import { sortOrder } from '../../engine/ops/sort.ts'
import { BatchNorm2d, crossEntropy } from '../../nn/index.ts'
import { product, uniform } from '../peers/engine.ts'
import { labelsOf } from '../peers/inputs.ts'

/** One program to measure. */
export interface Case {
  /** The same in every run on a kind of machine. */
  readonly name: string
  readonly family: string
  readonly fn: (...inputs: Tensor[]) => readonly Tensor[]
  args(): HostTensor[]
  /** Of a convolution, which is checked at some elements; everything else is checked at all of them (check.ts). */
  readonly conv?: ConvCase
}

export interface ConvCase extends ConvShape {
  readonly part: 'forward' | 'input gradient' | 'weight gradient'
}

export interface ConvShape {
  readonly x: Shape4
  readonly w: Shape4
  readonly stride: number
  readonly dilation: number
}

export type Shape4 = readonly [number, number, number, number]

/** The cases, with sides of maps `share` times the papers', and if `quick` the first two of each family. */
export function kernelCases(share: number, quick: boolean): Case[] {
  const side = (n: number) => Math.round(n * share)
  const convs: [network: string, ConvShape][] = [
    ['ResNet', conv([1, side(56), side(56), 64], [3, 3, 64, 64])],
    ['FRRN', conv([1, side(256), side(512), 48], [3, 3, 48, 48])],
    ['FRRN', conv([1, side(64), side(128), 224], [3, 3, 224, 192])],
    ['Model A', conv([1, side(63), side(63), 512], [3, 3, 512, 512], { dilation: 2 })],
    ['FCRN', conv([1, side(63), side(63), 2048], [5, 5, 2048, 21], { dilation: 12 })],
    ['GCN', conv([1, side(128), side(128), 256], [15, 1, 256, 21])],
    ['ResNet', conv([1, side(56), side(56), 128], [3, 3, 128, 128], { stride: 2 })],
    ['ResNet', conv([1, side(28), side(28), 512], [1, 1, 512, 128])],
    ['FRRN', conv([1, side(128), side(256), 96], [1, 1, 96, 32])],
    ['ResNet', conv([1, side(224), side(224), 3], [7, 7, 3, 64], { stride: 2 })],
  ]
  const size = share < 1 / 4 ? 256 : share < 1 ? 512 : 4096
  const map: Shape4 = [1, side(256), side(512), 48]
  const low: Shape4 = [1, side(128), side(256), 96]
  const scores: Shape4 = [1, side(64), side(128), 19]
  const square = [size, size]
  const families: Case[][] = [
    ...(['forward', 'input gradient', 'weight gradient'] as const).map((part) =>
      convs.map(([network, shape]) => convCase(network, shape, part)),
    ),
    [
      plain('matmul', `matmul ${size}³`, [square, square], (a, b) => [matmul(a, b)]),
      plain(
        'matmul',
        `matmul ${size}·64·${size}`,
        [
          [size, 64],
          [64, size],
        ],
        (a, b) => [matmul(a, b)],
      ),
    ],
    [
      plain('pointwise', `relu(a + b) ${map}`, [map, map], (a, b) => [relu(add(a, b))]),
      plain('concat', `concat of two ${map}`, [map, map], (a, b) => [concat([a, b], 3)]),
    ],
    batchNorm(map),
    withGradient('pooling', `max-pool 2×2 ${map}`, map, (x) => maxPool2d(x, { kernel: 2 })),
    withGradient('pooling', `average-pool 2×2 ${map}`, map, (x) => avgPool2d(x, { kernel: 2 })),
    withGradient('repeat', `repeat ×2 ${low}`, low, (x) => repeatUpsample(x, [2, 2])),
    withGradient('bilinear', `bilinear ×4 ${scores}`, scores, (x) =>
      resizeBilinear(x, [4 * scores[1], 4 * scores[2]]),
    ),
    [
      plain('softmax', `softmax ${scores}`, [scores], (x) => [softmax(x)]),
      crossEntropyCase(map[1] * map[2], 19),
    ],
    [
      plain('reduction', `sum over pixels ${map}`, [map], (x) => [sum(x, [0, 1, 2])]),
      plain('reduction', `mean of all ${map}`, [map], (x) => [mean(x)]),
    ],
    [selection(map[1] * map[2], 512), sorting(map[1] * map[2])],
  ]
  return families
    .flatMap((family) => (quick ? family.slice(0, 2) : family))
    .map((c) => ({ ...c, name: c.name.replace(/(?<=\d),(?=\d)/g, '×') }))
}

const conv = (x: Shape4, w: Shape4, more: { stride?: number; dilation?: number } = {}) => ({
  ...{ x, w, stride: 1, dilation: 1 },
  ...more,
})

/** As 'same' has it, for odd kernels. */
export const paddingOf = ({ w, dilation }: ConvShape): [number, number] => [
  (dilation * (w[0] - 1)) / 2,
  (dilation * (w[1] - 1)) / 2,
]

export const resultOf = ({ x, w, stride }: ConvShape): Shape4 => [
  x[0],
  Math.ceil(x[1] / stride),
  Math.ceil(x[2] / stride),
  w[3],
]

/** Numbers in [−1, 1), in part those of `seed`. */
const drawn = (shape: readonly number[], seed: number, scale = 1): HostTensor =>
  hostTensor(uniform(product(shape), seed).map((v) => scale * v) as Float32Array, shape)

function convCase(network: string, shape: ConvShape, part: ConvCase['part']): Case {
  const { x, w, stride, dilation } = shape
  const padding = paddingOf(shape)
  const how = [stride > 1 && `/${stride}`, dilation > 1 && `d ${dilation}`].filter(Boolean)
  const scale = 1 / Math.sqrt(w[0] * w[1] * w[2])
  return {
    name: `conv ${part}, ${network} ${x.slice(0, 3)} ${w[2]}→${w[3]} ${w[0]}×${w[1]} ${how.join(' ')}`.trim(),
    family: `conv ${part}`,
    fn: (a, b, dy) => {
      const y = conv2d(a, b, { stride, dilation, padding })
      return part === 'forward' ? [y] : grad(y, [part === 'input gradient' ? a : b], dy)
    },
    args: () => [drawn(x, 1), drawn(w, 2, scale), drawn(resultOf(shape), 3)],
    conv: { ...shape, part },
  }
}

const plain = (
  family: string,
  name: string,
  shapes: readonly (readonly number[])[],
  fn: Case['fn'],
): Case => ({ family, name, fn, args: () => shapes.map((shape, i) => drawn(shape, i + 1)) })

/** An op of one map, and its gradient alone. */
function withGradient(family: string, name: string, x: Shape4, fn: (x: Tensor) => Tensor): Case[] {
  const back: Case['fn'] = (a) => {
    const y = fn(a)
    return grad(y, [a], add(y, 1))
  }
  return [
    plain(family, name, [x], (a) => [fn(a)]),
    plain(family, `${name}, with gradient`, [x], back),
  ]
}

/** By the statistics of the batch. */
function batchNorm(x: Shape4): Case[] {
  const norm = new BatchNorm2d(x[3])
  const name = `batch norm and ReLU ${x}`
  const apply = (a: Tensor) => relu(norm.apply(a, { train: true }))
  return [
    plain('batch norm', name, [x], (a) => [apply(a)]),
    plain('batch norm', `${name}, with gradients`, [x, x], (a, dy) =>
      grad(apply(a), [a, norm.weight, norm.bias], dy),
    ),
  ]
}

const crossEntropyCase = (pixels: number, classes: number): Case => ({
  family: 'softmax',
  name: `cross entropy with gradient ${pixels}×${classes}`,
  fn: (x, labels) => {
    const { loss } = crossEntropy(x, labels)
    return [loss, ...grad(loss, [x])]
  },
  args: () => [
    drawn([pixels, classes], 1, 3),
    hostTensor(labelsOf(pixels, classes) as Int32Array, [pixels]),
  ],
})

const sorting = (size: number): Case => ({
  family: 'selection',
  name: `stable order of ${size} keys`,
  fn: (keys) => [sortOrder(keys)],
  args: () => {
    const keys = Uint32Array.from(uniform(size, 1), (v) => (v + 1) * 2 ** 31)
    return [hostTensor(keys, [1, size], 'u32')]
  },
})

const selection = (size: number, k: number): Case =>
  plain('selection', `top ${k} of ${size}`, [[size]], (x) => [topK(x, k).values])

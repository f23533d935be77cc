// What networks are made of: convolutions with batch normalisation in training and ReLU, residuals, concatenations. Programs
// of them are for the kernels that GPUs are given, which fuse what is before and behind a convolution into it.

import { sameShape } from '../../engine/dtype.ts'
import {
  add,
  concat,
  conv2d,
  maxPool2d,
  moments,
  mul,
  normalize,
  relu,
  rsqrt,
  type Tensor,
} from '../../engine/index.ts'
import { drawnType, type World } from './world.ts'

/** Whether the program of a seed is made of layers. */
export const isOfLayers = (seed: number) => seed % 7 === 3

/** Shapes that such programs begin with. */
export const maps: readonly number[][] = [
  [1, 6, 8, 8],
  [2, 5, 7, 8],
]

const f32 = (...shape: number[]) => drawnType('f32', shape)

const mapsOf = ({ pool }: World) => pool.filter((t) => t.dtype === 'f32' && t.shape.length === 4)

/** Parameters of their own, as layers have them. */
const parameter = (w: World, ...shape: number[]) => w.fresh(f32(...shape))

function convolution(w: World, x: Tensor): Tensor {
  const [k, dilation] = [w.dice.one([1, 1, 3]), w.dice.one([1, 1, 2])]
  const kernel = parameter(w, k, k, x.shape[3], w.dice.one([5, 8, 8, 12, 16]))
  const padding = (k >> 1) * dilation + Number(w.dice.rarely(4))
  const stride = w.dice.rarely(4) ? 2 : 1
  return conv2d(x, mul(kernel, 0.1), { padding, dilation, stride })
}

/** Normalised by its own statistics, with a shift that zeros do not survive. */
function normalized(w: World, y: Tensor): Tensor {
  const { mean, variance } = moments(y)
  const c = y.shape[3]
  const scale = mul(parameter(w, c), rsqrt(add(variance, 0.1)))
  const z = normalize(y, mean, mul(scale, 0.5), parameter(w, c))
  return w.dice.rarely(4) ? z : relu(z)
}

const unit = (w: World, x: Tensor) => normalized(w, convolution(w, x))

function residual(w: World, x: Tensor): Tensor {
  const same = mapsOf(w).filter((t) => t !== x && sameShape(t.shape, x.shape))
  if (same.length) return relu(add(x, w.dice.one(same)))
  const kernel = parameter(w, 3, 3, x.shape[3], x.shape[3])
  return add(x, normalized(w, conv2d(x, mul(kernel, 0.1), { padding: 1 })))
}

function joined(w: World, x: Tensor): Tensor | undefined {
  const beside = mapsOf(w).filter((t) => sameShape(t.shape.slice(0, 3), x.shape.slice(0, 3)))
  return x.shape[3] > 16 ? undefined : concat([x, w.dice.one(beside)], 3)
}

const pooled = (_: World, x: Tensor) =>
  Math.min(x.shape[1], x.shape[2]) < 4 ? undefined : maxPool2d(x, { kernel: 2, stride: 2 })

const moves = [unit, unit, unit, unit, residual, residual, joined, convolution, pooled]

/** One more layer, on a map. */
export function layer(w: World): Tensor | undefined {
  return w.dice.one(moves)(w, w.dice.one(mapsOf(w).slice(-3)))
}

// What a random program may do next: one function a move, from the tensors so far to one more. Values stay of moderate
// size, so that comparison means something.

import { sizeOf } from '../engine/dtype.ts'
import {
  abs,
  add,
  assign,
  broadcastTo,
  cast,
  concat,
  conv2d,
  div,
  dropout,
  exp,
  flip,
  greater,
  iota,
  logSoftmax,
  matmul,
  max,
  maximum,
  maxPool2d,
  mean,
  min,
  minimum,
  moments,
  mul,
  neg,
  normalize,
  pad,
  padReflect,
  permute,
  read,
  relu,
  repeatUpsample,
  reshape,
  resizeBilinear,
  rsqrt,
  sigmoid,
  slice,
  softmax,
  sqrt,
  square,
  stopGradient,
  sub,
  sum,
  type Tensor,
  takeLabel,
  tanh,
  type Variable,
  where,
} from '../engine/index.ts'
import { randomFrom } from '../engine/reference/index.ts'

/** Choices from a seed. */
export class Dice {
  readonly random: () => number
  constructor(seed: number) {
    this.random = randomFrom(seed)
  }
  below(n: number): number {
    return Math.floor(this.random() * n)
  }
  one<T>(xs: readonly T[]): T {
    return xs[this.below(xs.length)]
  }
}

/** What the ops of a program may use. */
export interface World {
  readonly dice: Dice
  /** All tensors so far, f32. */
  readonly pool: Tensor[]
  readonly key: { seed: Tensor; step: Tensor }
  /** Variables that the program has updated. */
  readonly states: Variable[]
  /** A fresh variable with moderate values. */
  variable(...shape: number[]): Variable
}

type Move = (w: World, x: Tensor) => Tensor | undefined

const channels = (x: Tensor) => x.shape[x.shape.length - 1]
const isMap = (x: Tensor) => x.shape.length === 4
const onMaps =
  (f: Move): Move =>
  (w, x) =>
    isMap(x) ? f(w, x) : undefined

/** Another tensor that broadcasts against x: of its shape, a vector of channels, a column, a number. */
function partner(w: World, x: Tensor): Tensor | number {
  const same = w.pool.filter((y) => y.shape.join() === x.shape.join())
  const kind = w.dice.below(6)
  if (kind === 0) return 0.75
  if (kind === 1 && x.shape.length) return reshape(w.variable(channels(x)), [channels(x)])
  if (kind === 2 && x.shape.length) return mean(w.dice.one(same), [-1], { keepDims: true })
  if (kind === 3 && isMap(x)) return mean(w.dice.one(same), [1, 2], { keepDims: true })
  if (kind === 4) return mean(w.dice.one(same))
  return w.dice.one(same)
}

const axesOf = (w: World, x: Tensor): number[] => {
  const axes = x.shape.map((_, a) => a).filter(() => w.dice.below(2))
  return axes.length ? axes : [x.shape.length - 1]
}

export const moves: readonly Move[] = [
  (_, x) => relu(x),
  (_, x) => tanh(x),
  (_, x) => sigmoid(x),
  (_, x) => neg(x),
  (_, x) => sqrt(add(abs(x), 0.5)),
  (_, x) => exp(minimum(x, 1)),
  (_, x) => square(tanh(x)),
  (_, x) => stopGradient(mul(x, 0.5)),
  (w, x) => add(x, partner(w, x)),
  (w, x) => sub(partner(w, x), x),
  (w, x) => mul(x, partner(w, x)),
  (w, x) => maximum(x, partner(w, x)),
  (w, x) => minimum(partner(w, x), x),
  (w, x) => {
    const y = partner(w, x)
    return typeof y === 'number' ? div(x, y) : div(x, add(abs(y), 0.5))
  },
  (w, x) => where(greater(x, partner(w, x)), x, partner(w, x)),
  (w, x) => mul(cast(greater(x, partner(w, x)), 'f32'), 0.3),
  (w, x) => dropout(x, 0.4, w.key),
  (w, x) => (x.shape.length ? mul(x, mul(iota(x.shape, w.dice.below(x.shape.length)), 0.1)) : x),
  // Reductions, with and without their axes.
  (w, x) => (x.shape.length ? mul(sum(x, axesOf(w, x), { keepDims: true }), 0.2) : undefined),
  (w, x) => (x.shape.length ? sub(x, mean(x, axesOf(w, x), { keepDims: true })) : undefined),
  (w, x) =>
    x.shape.length ? sub(x, max(x, [w.dice.below(x.shape.length)], { keepDims: true })) : undefined,
  (w, x) => (x.shape.length > 1 ? min(x, [w.dice.below(x.shape.length)]) : undefined),
  (w, x) => (x.shape.length > 1 ? mean(x, axesOf(w, x).slice(0, 1)) : undefined),
  // Moving things.
  (w, x) => (x.shape.length > 1 ? permute(x, shuffled(w, x.shape.length)) : undefined),
  (w, x) => (x.shape.length ? flip(x, axesOf(w, x)) : undefined),
  (_, x) => (x.shape.length > 1 ? reshape(x, [-1, channels(x)]) : undefined),
  (w, x) => {
    const a = x.shape.findIndex((n) => n > 2)
    if (a < 0) return undefined
    const one = (n: number) => x.shape.map((_, i) => (i === a ? n : 0))
    return w.dice.below(2)
      ? slice(
          x,
          one(1),
          [],
          x.shape.map((_, i) => (i === a ? 2 : 1)),
        )
      : w.dice.below(2)
        ? pad(x, one(2), one(-1), 0.5)
        : padReflect(x, one(1), one(2))
  },
  (w, x) => {
    const near = w.pool.filter(
      (y) => y.shape.length && y.shape.slice(0, -1).join() === x.shape.slice(0, -1).join(),
    )
    return x.shape.length && channels(x) < 20 ? concat([x, w.dice.one(near)], -1) : undefined
  },
  (w, x) => {
    const same = w.pool.filter((y) => y.shape.join() === x.shape.join())
    return x.shape.length && x.shape[0] < 4 ? concat([w.dice.one(same), x], 0) : undefined
  },
  (_, x) => (x.shape.length === 1 ? broadcastTo(x, [3, x.shape[0]]) : undefined),
  // State: the old version stays in the pool and may be read after the new one was made.
  ...Array<Move>(2).fill(update),
  // Networks.
  ...Array<Move>(3).fill(onMaps(convolution)),
  onMaps((w, x) => {
    const { mean: m, variance } = moments(x)
    return normalize(
      x,
      m,
      mul(w.variable(channels(x)), rsqrt(add(variance, 0.1))),
      w.variable(channels(x)),
    )
  }),
  onMaps((w, x) =>
    Math.min(x.shape[1], x.shape[2]) < 2
      ? undefined
      : maxPool2d(x, { kernel: 2, stride: 1 + w.dice.below(2), padding: w.dice.below(2) }),
  ),
  onMaps((_, x) => (x.shape[1] <= 6 ? repeatUpsample(x, [2, 1]) : undefined)),
  onMaps((w, x) =>
    resizeBilinear(
      x,
      [2 + w.dice.below(6), 3 + w.dice.below(6)],
      w.dice.one(['half-pixel', 'align-corners', 'asymmetric']),
    ),
  ),
  (_, x) => (x.shape.length && channels(x) > 1 ? softmax(x) : undefined),
  (_, x) => (x.shape.length && channels(x) > 1 ? mul(logSoftmax(x), 0.3) : undefined),
  (w, x) => {
    if (x.shape.length < 2) return undefined
    const labels = cast(mul(abs(tanh(w.dice.one([x, neg(x)]))), channels(x)), 'u8')
    return takeLabel(
      x,
      reshape(
        slice(
          labels,
          [],
          x.shape.map((n, a) => (a === x.shape.length - 1 ? 1 : n)),
        ),
        x.shape.slice(0, -1),
      ),
    )
  },
  (w, x) => {
    if (x.shape.length < 2 || sizeOf(x.shape) === 0) return undefined
    return mul(matmul(x, w.variable(channels(x), 1 + w.dice.below(6))), 0.5)
  },
]

function convolution({ dice, variable }: World, x: Tensor): Tensor | undefined {
  const k = dice.one([1, 1, 2, 3])
  const dilation = dice.one([1, 1, 2])
  const reach = dilation * (k - 1)
  if (Math.min(x.shape[1], x.shape[2]) <= reach) return undefined
  const weight = variable(k, k, channels(x), dice.one([1, 3, 4, 8]))
  return mul(
    conv2d(x, weight, {
      padding: reach > 2 ? 1 : dice.below(2),
      stride: dice.one([1, 1, 2]),
      dilation,
    }),
    0.4,
  )
}

/** A variable that follows x, made now or before; gives the new version. */
function update({ dice, pool, states, variable }: World, x: Tensor): Tensor {
  const known = states.filter((v) => v.shape.join() === x.shape.join())
  const v = known.length && dice.below(2) ? dice.one(known) : variable(...x.shape)
  states.push(v)
  if (dice.below(2)) pool.push(dice.below(2) ? mul(v, 0.5) : read(v))
  return assign(v, add(mul(v, 0.5), mul(x, 0.5)))
}

function shuffled({ dice }: World, n: number): number[] {
  const order = Array.from({ length: n }, (_, i) => i)
  for (let i = n - 1; i > 0; i--) {
    const j = dice.below(i + 1)
    ;[order[i], order[j]] = [order[j], order[i]]
  }
  return order
}

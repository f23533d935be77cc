// Moves that no single op makes: state and its versions, gradients in the midst of a program, and what people write
// with options or as several ops. Values stay of moderate size, so that comparison means something.

import { isFloat, sameShape, sizeOf } from '../../engine/dtype.ts'
import {
  add,
  assign,
  concat,
  conv2d,
  div,
  dropout,
  flip,
  grad,
  graphOf,
  greater,
  iota,
  matmul,
  max,
  maxPool2d,
  mean,
  min,
  moments,
  mul,
  type Node,
  normalize,
  pad,
  padReflect,
  permute,
  read,
  repeatUpsample,
  reshape,
  resizeBilinear,
  rsqrt,
  slice,
  sub,
  sum,
  type Tensor,
  type TensorLike,
  tanh,
  where,
} from '../../engine/index.ts'
import { bring, late, toShape } from './adapt.ts'
import { drawnType, type World } from './world.ts'

/** One more tensor out of an f32 one, or nothing where it does not fit. */
type Move = (w: World, x: Tensor) => Tensor | undefined

const f32 = (...shape: number[]) => drawnType('f32', shape)
const channels = (x: Tensor) => x.shape[x.shape.length - 1]
const onMaps =
  (f: Move): Move =>
  (w, x) =>
    x.shape.length === 4 ? f(w, x) : undefined
const withAxes =
  (f: Move): Move =>
  (w, x) =>
    x.shape.length ? f(w, x) : undefined

/** Another tensor that broadcasts against x: of its shape, a vector of channels, a column, a number. */
function partner(w: World, x: Tensor): Tensor | number {
  const kind = w.dice.below(6)
  if (kind === 0) return 0.75
  if (kind === 1 && x.shape.length) return bring(w, f32(channels(x)))
  const same = bring(w, f32(...x.shape))
  if (kind === 2 && x.shape.length) return mean(same, [-1], { keepDims: true })
  if (kind === 3 && x.shape.length === 4) return mean(same, [1, 2], { keepDims: true })
  return kind === 4 ? mean(same) : same
}

const axesOf = (w: World, x: Tensor): number[] => {
  const axes = x.shape.map((_, a) => a).filter(() => w.dice.below(2))
  return axes.length ? axes : [x.shape.length - 1]
}

export const moves: readonly Move[] = [
  (w, x) => where(greater(x, partner(w, x)), x, partner(w, x)),
  (w, x) => mul(sub(partner(w, x), x), partner(w, x)),
  (w, x) => dropout(x, 0.4, { seed: word(w), step: word(w) }),
  withAxes((w, x) => mul(x, mul(iota(x.shape, w.dice.below(x.shape.length)), 0.1))),
  withAxes((w, x) => mul(sum(x, axesOf(w, x), { keepDims: true }), 0.2)),
  withAxes((w, x) => sub(x, mean(x, axesOf(w, x), { keepDims: true }))),
  withAxes((w, x) => sub(x, max(x, [w.dice.below(x.shape.length)], { keepDims: true }))),
  withAxes((w, x) => min(x, [w.dice.below(x.shape.length)])),
  withAxes((w, x) => permute(x, shuffled(w, x.shape.length))),
  withAxes((w, x) => flip(x, axesOf(w, x))),
  withAxes(edges),
  withAxes((w, x) => {
    const axis = w.dice.below(x.shape.length)
    const other = bring(w, f32(...x.shape.with(axis, 1 + w.dice.below(4))))
    return concat(w.dice.below(2) ? [x, other] : [other, x, x], axis)
  }),
  withAxes((w, x) => mul(matmul(x.shape.length > 1 ? x : reshape(x, [1, -1]), weight(w, x)), 0.5)),
  // State: the old version stays in the pool and may be read after the new one was made.
  update,
  update,
  update,
  onMaps(convolution),
  onMaps(convolution),
  onMaps((w, x) => {
    const { mean: m, variance } = moments(x)
    const scale = mul(bring(w, f32(channels(x))), rsqrt(add(variance, 0.1)))
    return normalize(x, m, scale, bring(w, f32(channels(x))))
  }),
  onMaps((w, x) =>
    Math.min(x.shape[1], x.shape[2]) < 2
      ? undefined
      : maxPool2d(x, { kernel: 2, stride: 1 + w.dice.below(2), padding: w.dice.below(2) }),
  ),
  onMaps((w, x) => repeatUpsample(x, [1 + w.dice.below(2), 1 + w.dice.below(3)])),
  onMaps((w, x) =>
    resizeBilinear(
      x,
      [1 + w.dice.below(7), 2 + w.dice.below(7)],
      w.dice.one(['half-pixel', 'align-corners', 'asymmetric']),
    ),
  ),
  (w, x) => {
    const shape = w.dice.one(palette)
    return toShape(w.dice, x, shape)
  },
  slopes,
]

/** Shapes that programs come back to, so that values of one size meet. */
const palette = [
  [2, 3, 5],
  [1, 6, 8, 8],
  [2, 5, 7, 3],
  [1, 4, 4, 4],
  [8, 4],
  [3, 4],
  [8],
  [7, 1],
  [],
] as const

/** A u32 scalar: a seed or a step. */
const word = (w: World): Tensor => bring(w, drawnType('u32', [], [0, 1000]))

const weight = (w: World, x: Tensor): Tensor => bring(w, f32(channels(x), 1 + w.dice.below(6)))

/** A part of x, or x with more at its edges. */
function edges(w: World, x: Tensor): Tensor | undefined {
  const a = x.shape.findIndex((n) => n > 2)
  if (a < 0) return undefined
  const one = (n: number) => x.shape.map((_, i) => (i === a ? n : 0))
  const kind = w.dice.below(3)
  if (kind === 0) return pad(x, one(2), one(-1), 0.5)
  if (kind === 1) return padReflect(x, one(1), one(2))
  return slice(
    x,
    one(1),
    [],
    x.shape.map((_, i) => (i === a ? 2 : 1)),
  )
}

function convolution(w: World, x: Tensor): Tensor | undefined {
  const k = w.dice.one([1, 1, 2, 3])
  const dilation = w.dice.one([1, 1, 2])
  const reach = dilation * (k - 1)
  if (Math.min(x.shape[1], x.shape[2]) <= reach) return undefined
  const kernel = bring(w, f32(k, k, channels(x), w.dice.one([1, 3, 4, 8])))
  return mul(
    conv2d(x, kernel, {
      padding: reach > 2 ? 1 : w.dice.below(2),
      stride: w.dice.one([1, 1, 2]),
      dilation,
    }),
    0.4,
  )
}

/** A variable that follows x, made now or before; gives the new version or what depends on it. The old version is still
 * there to be read, and what was made before the update may be computed after it. */
export function update(w: World, x: Tensor): Tensor {
  const { dice } = w
  const floats = w.variables.filter((v) => v.dtype === 'f32')
  const same = floats.filter((v) => sameShape(v.shape, x.shape))
  const known = same.length && dice.below(2) ? same : floats
  const v = known.length && dice.below(4) ? late(dice, known) : w.variable(f32(...x.shape))
  const old = read(v)
  const before = dice.one([() => old, () => mul(old, 0.5), () => mean(old), () => tanh(old)])()
  const next = assign(v, add(mul(old, 0.5), mul(toShape(dice, x, v.shape), 0.5)))
  const kind = dice.below(5)
  if (kind === 0) return sub(next, before)
  if (kind === 1) return mul(mean(mul(before, old)), next)
  if (kind === 2)
    return mul(
      late(
        dice,
        w.pool.filter((t) => isFloat(t.dtype)),
      ),
      mean(next),
    )
  w.accept(before)
  return next
}

/** Sum of bounded numbers that depends on every element. */
export const lossOf = (ys: readonly Tensor[]): Tensor =>
  ys.map((y) => mean(mul(y, tanh(y)))).reduce((a, b) => add(a, b))

/** The gradients of a loss, or nothing where an op on the way refuses to be differentiated. */
export function slopesOf(loss: Tensor, targets: readonly TensorLike[]): Tensor[] | undefined {
  const { nodes } = graphOf([], [loss], [])
  const refuses = ({ op: { vjp } }: Node) => typeof vjp !== 'function' && vjp.hint !== undefined
  return nodes.some(refuses) ? undefined : grad(loss, targets)
}

/** A gradient inside the program: what comes after it is differentiated through it. */
function slopes(w: World, x: Tensor): Tensor | undefined {
  const behind = w.pool.filter((t) => isFloat(t.dtype) && sizeOf(t.shape) > 1)
  if (!behind.length || w.pool.length > 20) return undefined
  const target = late(w.dice, behind)
  const found = slopesOf(lossOf([x]), [target])
  return found && div(found[0], 1.5)
}

function shuffled({ dice }: World, n: number): number[] {
  const order = Array.from({ length: n }, (_, i) => i)
  for (let i = n - 1; i > 0; i--) {
    const j = dice.below(i + 1)
    ;[order[i], order[j]] = [order[j], order[i]]
  }
  return order
}

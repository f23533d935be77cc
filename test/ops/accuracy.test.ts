// How exact the functions of one and two numbers are: dense sweeps against float64, with the largest error in units of
// the last place (2⁻²³ of the power of two below a result). What the docstrings promise is asserted here.

import * as assert from 'uvu/assert'
import type { Tensor } from '../../engine/index.ts'
import * as a from '../../engine/index.ts'
import { randomFrom } from '../../engine/reference/index.ts'
import { testDevice } from '../device.ts'
import { test } from '../harness.ts'

const count = 1 << 16

const even = (from: number, to: number) =>
  Float32Array.from({ length: count }, (_, i) => from + ((to - from) * i) / (count - 1))
/** ±2^e, the exponents evenly spread. */
const powers = (from: number, to: number, sign = 1) => even(from, to).map((e) => sign * 2 ** e)
const draw = (seed: number, one: (random: () => number) => number) => {
  const random = randomFrom(seed)
  return Float32Array.from({ length: count }, () => one(random))
}

const normal = 2 ** -126
/** One unit in the last place of an f32 number of y's size. */
const unit = (y: number) => 2 ** (Math.floor(Math.log2(Math.max(Math.abs(y), normal))) - 23)

interface Limits {
  readonly ulp?: number
  readonly absolute?: number
}

function within(got: ArrayLike<number>, want: (i: number) => number, limits: Limits, what: string) {
  const { ulp = Number.POSITIVE_INFINITY, absolute = Number.POSITIVE_INFINITY } = limits
  for (let i = 0; i < got.length; i++) {
    const y = want(i)
    // Some adapters flush subnormal numbers to 0.
    if (Math.abs(y) < normal && Math.abs(got[i]) < 2 * normal) continue
    const off = Math.abs(got[i] - y)
    if (!(off <= ulp * unit(y) && off <= absolute))
      assert.unreachable(`${what}: element ${i} is ${got[i]} for ${y}, off by ${off / unit(y)} ulp`)
  }
}

async function sweep(
  f: (x: Tensor) => Tensor,
  reference: (x: number) => number,
  limits: Limits,
  ...ranges: Float32Array[]
): Promise<void> {
  const d = await testDevice()
  for (const x of ranges) {
    const y = await d.read(f(a.constant(x)))
    within(y, (i) => reference(x[i]), limits, `from ${x[0]} to ${x.at(-1)}`)
  }
}

test('accuracy: exp and expm1 are good to 2 ulp', async () => {
  const wide = even(-87.3, 88.7)
  await sweep(a.exp, Math.exp, { ulp: 2 }, even(-1, 1), even(-8, 8), wide, powers(-100, 0))
  const small = [powers(-100, -2), powers(-100, -2, -1)]
  await sweep(a.expm1, Math.expm1, { ulp: 2 }, ...small, even(-2, 2), wide)
})

test('accuracy: log is good to 1 ulp, near 1 too, and log1p to 3', async () => {
  const { log } = Math
  await sweep(a.log, log, { ulp: 1 }, even(0.9, 1.1), even(0.5, 2), powers(-126, 127.9))
  const small = [powers(-100, -1), powers(-100, -1, -1)]
  await sweep(a.log1p, Math.log1p, { ulp: 3 }, ...small, even(-0.9999, 3), powers(0, 127.9))
})

test('accuracy: log takes subnormal numbers', async () => {
  const d = await testDevice()
  const x = Float32Array.of(2 ** -127, 2 ** -149, 2 ** -130 + 2 ** -140)
  const y = await d.read(a.log(a.constant(x)))
  // An adapter may take them for 0.
  if (y[0] !== Number.NEGATIVE_INFINITY) within(y, (i) => Math.log(x[i]), { ulp: 1 }, 'subnormal')
})

test('accuracy: sin and cos are good to 2 ulp up to 10⁴, 4 up to 10⁵, and to 2e-7 anywhere', async () => {
  // f32 numbers next to multiples of π/2.
  const zeros = Float32Array.from({ length: 60000 }, (_, i) => ((i + 1) * Math.PI) / 2)
  const near = [even(-10, 10), even(-1e3, 1e3), even(-1e4, 1e4), zeros.slice(0, 6300)]
  const wide = [even(-1e5, 1e5), zeros]
  const far = [even(1e5, 1e6), powers(16.7, 127.9), powers(16.7, 127.9, -1)]
  for (const [f, reference] of [[a.sin, Math.sin] as const, [a.cos, Math.cos] as const]) {
    await sweep(f, reference, { ulp: 2 }, powers(-100, 0), powers(-100, 0, -1), ...near)
    await sweep(f, reference, { ulp: 4 }, ...wide)
    await sweep(f, reference, { absolute: 2e-7 }, ...far)
  }
})

test('accuracy: tanh and softplus are good to 4 ulp, sigmoid to 3', async () => {
  const { exp, log1p, tanh, max, abs } = Math
  const tiny = [powers(-100, -3), powers(-100, -3, -1)]
  await sweep(a.tanh, tanh, { ulp: 4 }, ...tiny, even(-3, 3), even(-20, 20))
  await sweep(a.sigmoid, (x) => 1 / (1 + exp(-x)), { ulp: 3 }, even(-8, 8), even(-87, 90))
  const softplus = (x: number) => max(x, 0) + log1p(exp(-abs(x)))
  await sweep(a.softplus, softplus, { ulp: 4 }, even(-9, 9), even(-86, 100), powers(-40, 1))
})

test('accuracy: the gradient of tanh near 0, and those of log1p and softplus', async () => {
  const slope = (f: (x: Tensor) => Tensor) => (x: Tensor) => a.grad(a.sum(f(x)), [x])[0]
  await sweep(slope(a.tanh), (x) => 1 - Math.tanh(x) ** 2, { ulp: 4 }, even(-0.5, 0.5))
  await sweep(slope(a.log1p), (x) => 1 / (1 + x), { ulp: 4 }, even(-0.9, 2), powers(-100, 9))
  const sigmoid = (x: number) => 1 / (1 + Math.exp(-x))
  await sweep(slope(a.softplus), sigmoid, { ulp: 4 }, even(-80, 80))
})

test('accuracy: roots and reciprocals are good to 3 ulp', async () => {
  await sweep(a.sqrt, Math.sqrt, { ulp: 3 }, powers(-126, 127.9))
  await sweep(a.rsqrt, (x) => 1 / Math.sqrt(x), { ulp: 4 }, powers(-126, 127.9))
  await sweep(a.reciprocal, (x) => 1 / x, { ulp: 3 }, powers(-125, 125), powers(-125, 125, -1))
})

test('accuracy: pow is good to 2 ulp, whatever the size of base, exponent and result', async () => {
  const d = await testDevice()
  const pairs: [(r: () => number) => number, (r: () => number) => number][] = [
    [(r) => 0.5 + 1.5 * r(), (r) => 6 * r() - 3],
    [(r) => 2 ** (200 * r() - 100), (r) => 2 * r() - 1],
    [(r) => 2 ** (20 * r() - 10), (r) => 24 * r() - 12],
    [(r) => 1 + (r() - 0.5) * 2 ** -10, (r) => (r() - 0.5) * 2e5],
    [(r) => 1 + (r() - 0.5) * 2 ** -20, (r) => (r() - 0.5) * 2e8],
    [(r) => 16 * r() - 8, (r) => Math.round(60 * r() - 30)],
  ]
  for (const [k, [base, exponent]] of pairs.entries()) {
    const [x, y] = [draw(k, base), draw(k + 10, exponent)]
    const got = await d.read(a.pow(a.constant(x), a.constant(y)))
    const want = (i: number) => x[i] ** y[i]
    const inside = (i: number) => Math.abs(want(i)) < 3.4e38
    within(
      got.map((v, i) => (inside(i) ? v : 0)),
      (i) => (inside(i) ? want(i) : 0),
      { ulp: 2 },
      `pair ${k}`,
    )
  }
})

test('accuracy: mod is exact but for the one rounding where signs differ', async () => {
  const d = await testDevice()
  const size = (r: () => number) => (r() < 0.5 ? -1 : 1) * 2 ** (160 * r() - 80)
  const pairs: [(r: () => number) => number, (r: () => number) => number][] = [
    [(r) => 20 * r() - 10, (r) => 4 * r() - 2],
    [size, size],
    [(r) => Math.round(2000 * r() - 1000), (r) => Math.round(20 * r() - 10)],
  ]
  for (const [k, [dividend, divisor]] of pairs.entries()) {
    const [x, y] = [draw(k, dividend), draw(k + 10, divisor)]
    const want = x.map((v, i) => {
      const rest = v % y[i]
      return rest !== 0 && rest < 0 !== y[i] < 0 ? rest + y[i] : rest
    })
    const got = await d.read(a.mod(a.constant(x), a.constant(y)))
    assert.equal(Array.from(got), Array.from(want), `pair ${k}`)
  }
})

// Random draws: the generator against its published answers, the distributions against theory, and that a draw depends
// on its key and its element only.

import * as assert from 'uvu/assert'
import {
  add,
  bernoulli,
  constant,
  type Device,
  dropout,
  grad,
  mul,
  none,
  permutation,
  pointwise,
  type RandomKey,
  randomBits,
  randomNormal,
  randomUniform,
  reshape,
  sum,
  type Tensor,
} from '../../engine/node.ts'
import { apply } from '../../engine/op.ts'
import { threefry, type Words } from '../../engine/ops/threefry.ts'
import { randomFrom } from '../../engine/reference/index.ts'
import { readAll, withDevice } from '../checks.ts'
import { testDevice } from '../device.ts'
import { test } from '../harness.ts'

/** Known answers of Random123, `threefry4x32 20`: counter, key, result. */
const known = [
  '00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 9c6ca96a e17eae66 fc10ecd4 5256a7d8',
  'ffffffff ffffffff ffffffff ffffffff ffffffff ffffffff ffffffff ffffffff 2a881696 57012287 f6c7446e a16a6732',
  '243f6a88 85a308d3 13198a2e 03707344 a4093822 299f31d0 082efa98 ec4e6c89 59cd1dbb b8879579 86b5d00c ac8b6d84',
].map((line) => {
  const words = line.split(' ').map((w) => Number.parseInt(w, 16))
  return [0, 4, 8].map((i) => words.slice(i, i + 4) as unknown as Words)
})

/** The cipher as its paper defines it, in whole numbers. */
function cipher(counter: Words, key: Words): number[] {
  const rotations = [10, 26, 11, 21, 13, 27, 23, 5, 6, 20, 17, 11, 25, 10, 18, 20]
  const wrap = (x: bigint) => x & 0xffffffffn
  const k = key.map(BigInt)
  k.push(k.reduce((a, b) => a ^ b, 0x1bd11bdan))
  const x = counter.map((c, i) => wrap(BigInt(c) + k[i]))
  const mix = (i: number, j: number, n: number) => {
    x[i] = wrap(x[i] + x[j])
    x[j] = wrap((x[j] << BigInt(n)) | (x[j] >> BigInt(32 - n))) ^ x[i]
  }
  for (let d = 0; d < 20; d++) {
    const [p, q] = rotations.slice((2 * d) % 16)
    mix(0, d % 2 ? 3 : 1, p)
    mix(2, d % 2 ? 1 : 3, q)
    if (d % 4 < 3) continue
    const s = (d + 1) / 4
    for (let i = 0; i < 4; i++) x[i] = wrap(x[i] + k[(s + i) % 5])
    x[3] = wrap(x[3] + BigInt(s))
  }
  return x.map(Number)
}

const random = randomFrom(3)
const word = () => Math.floor(random() * 2 ** 32)
const words = (): Words => [word(), word(), word(), word()]

test('random: the generator gives its published answers, on the host and on the device', async () => {
  for (const [counter, key, result] of known) {
    assert.equal(threefry(counter, key), result)
    assert.equal(cipher(counter, key), [...result])
  }
  const cases = [...known, ...Array.from({ length: 50 }, () => [words(), words()])]
  for (const [counter, key] of cases)
    assert.equal([...threefry(counter, key)], cipher(counter, key))
  // Four neighbouring elements are a counter, a key and a block.
  const blocks = pointwise('blocks', {
    rule: 'number',
    wgsl: ([counter, key]) => `random_block(${counter}, ${key})`,
    reference: () => Number.NaN,
    vjp: none('it is whole numbers'),
    samples: [],
  })
  const flat = (i: number) => constant(Uint32Array.from(cases.flatMap((c) => [...c[i]])))
  const device = await testDevice()
  const got = await device.read(apply(blocks, [flat(0), flat(1)], {})[0])
  assert.equal(
    [...got],
    cases.flatMap(([counter, key]) => cipher(counter, key)),
  )
})

const u32 = (x: number) => constant(Uint32Array.of(x), [])
const keyOf = (seed: number, step = 0, name = 'draw'): RandomKey => ({
  seed: u32(seed),
  step: u32(step),
  name,
})
/** A draw outside programs. */
const read = async (x: Tensor, device?: Device) => (device ?? (await testDevice())).read(x)

test('random: an element has its word of its block, whatever is fused around it', async () => {
  const device = await testDevice()
  const [seed, step] = [4_000_000_123, 77]
  const key = keyOf(seed, step)
  const bits = await read(randomBits([1003], key))
  const salt = saltOf(':draw')
  const expected = [...bits.keys()].map(
    (i) => cipher([Math.floor(i / 4), 0, 0, 0], [seed, step, salt, 0])[i % 4],
  )
  assert.equal([...bits], expected)
  const same = (x: ArrayLike<number>) =>
    assert.equal(
      Array.from(x),
      expected.map((w) => Math.fround((w >>> 8) / 2 ** 24)),
    )
  same(await read(randomUniform([1003], key)))
  same(await read(randomUniform([17, 59], key)))
  same(await read(randomUniform([17, 1, 59, 1], key)))
  const ones = new Float32Array(1003).fill(1)
  const program = device.compile((x: Tensor) => [
    mul(x, randomUniform([1003], key)),
    mul(reshape(x, [59, 17]), randomUniform([59, 17], key)),
    add(randomUniform([17, 59], key), 0),
  ])
  for (const y of await readAll(await program.run({ dtype: 'f32', shape: [1003], data: ones })))
    same(y)
  program.dispose()
})

/** FNV-1a of what tells a draw from others. */
const saltOf = (text: string) =>
  [...text].reduce((h, c) => Math.imul(h ^ c.charCodeAt(0), 0x01000193) >>> 0, 0x811c9dc5)

// Windows of 5, 6 and 7 rows of 31 begin anywhere in a block.
for (const rows of [5, 6, 7])
  test(`random: the same bits where a tensor is drawn ${rows} rows at a time`, () =>
    withDevice({ bindingBytes: rows * 124 + 16 }, async (device) => {
      for (const draw of [randomBits, randomUniform, randomNormal]) {
        const [key, shape] = [keyOf(9, 1), [33, 31]]
        assert.equal(await read(draw(shape, key), device), await read(draw(shape, key)))
      }
    }))

// ---- distributions. Seeds are fixed, so a test that passes does so always; limits are 4 to 5 deviations of what
// chance would give.

const n = 1 << 18

const mean = (x: ArrayLike<number>) => Array.from(x).reduce((a, b) => a + b, 0) / x.length
const correlation = (x: ArrayLike<number>, y: ArrayLike<number>, lag = 0) => {
  const [mx, my] = [mean(x), mean(y)]
  let [xy, xx, yy] = [0, 0, 0]
  for (let i = 0; i + lag < x.length; i++) {
    const [a, b] = [x[i] - mx, y[i + lag] - my]
    xy += a * b
    xx += a * a
    yy += b * b
  }
  return xy / Math.sqrt(xx * yy)
}

/** χ² of counts that should be equal, as so many deviations from its mean. */
function unevenness(counts: readonly number[]): number {
  const each = mean(counts)
  const chi2 = counts.reduce((sum, c) => sum + (c - each) ** 2 / each, 0)
  const freedom = counts.length - 1
  return (chi2 - freedom) / Math.sqrt(2 * freedom)
}
const tally = (x: ArrayLike<number>, bins: number, bin: (x: number) => number) => {
  const counts = new Array<number>(bins).fill(0)
  for (let i = 0; i < x.length; i++) counts[bin(x[i])]++
  return counts
}

/** Kolmogorov and Smirnov's distance times √n; above 2 with a chance of 1 in 1500. */
function distance(x: ArrayLike<number>, cdf: (x: number) => number): number {
  const sorted = Float64Array.from(x).sort()
  let most = 0
  sorted.forEach((v, i) => {
    const p = cdf(v)
    most = Math.max(most, (i + 1) / sorted.length - p, p - i / sorted.length)
  })
  return most * Math.sqrt(sorted.length)
}

const check = (got: number, expected: number, most: number, what: string) =>
  assert.ok(Math.abs(got - expected) <= most, `${what} is ${got}, expected ${expected} ± ${most}`)

test('randomBits: every byte is even, and bits are independent of their neighbours', async () => {
  const bits = (await read(randomBits([n], keyOf(1)))) as Uint32Array
  for (const shift of [0, 8, 16, 24])
    check(unevenness(tally(bits, 256, (w) => (w >>> shift) & 255)), 0, 4.5, `byte at ${shift}`)
  // Pairs of neighbours, in all orders of their upper 4 bits.
  const pairs = Uint32Array.from(
    { length: n / 2 },
    (_, i) => (bits[2 * i] >>> 28) * 16 + (bits[2 * i + 1] >>> 28),
  )
  check(unevenness(tally(pairs, 256, (p) => p)), 0, 4.5, 'pairs')
  for (let bit = 0; bit < 32; bit++)
    check(mean(bits.map((w) => (w >>> bit) & 1)), 0.5, 4.5 / (2 * Math.sqrt(n)), `bit ${bit}`)
})

test('randomUniform: mean, variance and distribution', async () => {
  const x = await read(randomUniform([n], keyOf(2)))
  const average = mean(x)
  check(average, 0.5, 4.5 / Math.sqrt(12 * n), 'mean')
  check(mean(Array.from(x, (v) => (v - 0.5) ** 2)), 1 / 12, 4.5 / Math.sqrt(180 * n), 'variance')
  check(
    distance(x, (v) => v),
    0,
    2,
    'distance',
  )
  assert.ok(Math.min(...x.slice(0, 9999)) >= 0 && Math.max(...x.slice(0, 9999)) < 1)
})

/** The normal distribution's, by Abramowitz and Stegun 7.1.26, to 1e-7. */
function normalCdf(x: number): number {
  const t = 1 / (1 + (0.3275911 * Math.abs(x)) / Math.SQRT2)
  const tail =
    t *
    (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))))
  const half = (tail * Math.exp((-x * x) / 2)) / 2
  return x < 0 ? half : 1 - half
}

test('randomNormal: moments and distribution', async () => {
  const x = await read(randomNormal([n], keyOf(3)))
  const moment = (p: number) => mean(Array.from(x, (v) => v ** p))
  // The variance of x to the power p is E x²ᵖ − (E xᵖ)²: 1, 2, 15, 96.
  for (const [p, value, variance] of [
    [1, 0, 1],
    [2, 1, 2],
    [3, 0, 15],
    [4, 3, 96],
  ])
    check(moment(p), value, 4.5 * Math.sqrt(variance / n), `moment ${p}`)
  check(distance(x, normalCdf), 0, 2, 'distance')
  assert.ok(x.every(Number.isFinite))
  const unit = (i: number, stream: number) =>
    (cipher([Math.floor(i / 4), 0, 0, 0], [3, 0, saltOf(':draw'), stream])[i % 4] >>> 8) / 2 ** 24
  for (let i = 0; i < 2000; i++) {
    const value = Math.sqrt(-2 * Math.log(1 - unit(i, 0))) * Math.cos(2 * Math.PI * unit(i, 1))
    check(x[i], value, 2 ** -20, `draw ${i}`)
  }
})

test('random: neighbouring elements, steps, seeds and names have nothing in common', async () => {
  const size = 1 << 16
  const of = (key: RandomKey) => read(randomUniform([size], key))
  const x = await of(keyOf(5))
  const most = 4.5 / Math.sqrt(size)
  for (const lag of [1, 2, 3, 4, 5, 8, 64, 256])
    check(correlation(x, x, lag), 0, most, `lag ${lag}`)
  for (const [key, what] of [
    [keyOf(6), 'seed'],
    [keyOf(4), 'seed before'],
    [keyOf(5, 1), 'step'],
    [keyOf(0, 5), 'seed and step exchanged'],
    [keyOf(5, 0, 'drax'), 'name'],
  ] as const)
    check(correlation(x, await of(key)), 0, most, what)
  // The sum of one element over many steps is that of independent numbers.
  const over = [...Array(200).keys()].map((step) => randomUniform([64], keyOf(8, step)))
  const total = await read(over.reduce((a, b) => add(a, b)))
  const variance = mean(Array.from(total, (v) => (v - 100) ** 2))
  check(variance, 200 / 12, 4.5 * (200 / 12) * Math.sqrt(2 / 64), 'variance over steps')
})

test('bernoulli: ones as often as asked, never for 0 and always for 1', async () => {
  for (const p of [0, 0.001, 0.3, 0.5, 0.999, 1]) {
    const ones = mean(await read(bernoulli([n], p, keyOf(4))))
    check(ones, p, 4.5 * Math.sqrt((p * (1 - p)) / n), `p ${p}`)
  }
  const rows = await read(bernoulli([4, 1000], constant([0, 0.2, 0.8, 1], [4, 1]), keyOf(4)))
  const parts = [0, 1, 2, 3].map((r) => mean(rows.slice(1000 * r, 1000 * (r + 1))))
  assert.equal([parts[0], parts[3]], [0, 1])
  check(parts[1], 0.2, 0.06, 'row 1')
  check(parts[2], 0.8, 0.06, 'row 2')
  assert.throws(
    () => bernoulli([4], constant([0.5, 0.5], [2, 1]), keyOf(4)),
    /probabilities of \[2,1\] do not broadcast to \[4\]/,
  )
})

test('permutation: every number once, every order as often', async () => {
  for (const size of [1, 2, 5, 128, 129, 1000]) {
    const order = await read(permutation(size, keyOf(7)))
    assert.equal(
      [...order].sort((a, b) => a - b),
      [...Array(size).keys()],
    )
  }
  const device = await testDevice()
  const program = device.compile((seed: Tensor, step: Tensor) =>
    Array.from({ length: 40 }, () => permutation(4, { seed, step })),
  )
  const orders: number[] = []
  for (let step = 0; step < 60; step++)
    for (const [a, b, c] of await readAll(await program.run(u32Host(9), u32Host(step))))
      orders.push(
        6 * a +
          2 * (b - Number(b > a)) +
          Number(c > [0, 1, 2, 3].find((d) => d !== a && d !== b && d !== c)!),
      )
  program.dispose()
  check(unevenness(tally(orders, 24, (o) => o)), 0, 4.5, 'orders of 4')
  // Where things come from says nothing of where they go.
  const long = await read(permutation(1 << 16, keyOf(7)))
  check(correlation(long, [...long.keys()]), 0, 4.5 / 256, 'place')
  check(correlation(long, long, 1), 0, 4.5 / 256, 'neighbours')
  assert.throws(() => permutation(0, keyOf(7)), /n must be a whole number from 1, not 0/)
})

const u32Host = (x: number) => ({ dtype: 'u32', shape: [], data: Uint32Array.of(x) }) as const

test('dropout: keeps as many as asked, scaled; the gradient has the same mask', async () => {
  const device = await testDevice()
  const rate = 0.25
  const data = Float32Array.from({ length: n }, (_, i) => 1 + (i % 7))
  const program = device.compile((x: Tensor, seed: Tensor, step: Tensor) => {
    const y = dropout(x, rate, { seed, step })
    return [y, ...grad(sum(y), [x])]
  })
  const args = [{ dtype: 'f32', shape: [n], data }, u32Host(1), u32Host(2)] as const
  const [y, dx] = await readAll(await program.run(...args))
  const scale = Math.fround(1 / Math.fround(1 - rate))
  let kept = 0
  for (let i = 0; i < n; i++) {
    if (y[i] !== 0) kept++
    check(y[i], dx[i] * data[i], 1e-6 * data[i], `y ${i}`)
    assert.ok(dx[i] === 0 || Math.abs(dx[i] - scale) < 1e-6)
  }
  check(kept / n, 1 - rate, 4.5 * Math.sqrt((rate * (1 - rate)) / n), 'kept')
  const [again] = await readAll(await program.run(...args))
  assert.equal(Buffer.compare(Buffer.from(again.buffer), Buffer.from(y.buffer)), 0)
  program.dispose()
})

test('dropout: one draw for each channel of each image', async () => {
  const [b, h, w, c] = [8, 5, 3, 64]
  const ones = constant(new Float32Array(b * h * w * c).fill(1), [b, h, w, c])
  const y = await read(dropout(ones, 0.5, keyOf(1), { channels: true }))
  let zero = 0
  for (let e = 0; e < y.length; e++) {
    const first = Math.floor(e / (h * w * c)) * h * w * c + (e % c)
    assert.is(y[e], y[first])
    assert.ok(y[e] === 0 || y[e] === 2)
    if (e === first && y[e] === 0) zero++
  }
  check(zero / (b * c), 0.5, 4.5 / (2 * Math.sqrt(b * c)), 'channels dropped')
  assert.throws(
    () => dropout(constant([1]), 0.5, keyOf(1), { channels: true }),
    /whole channels need/,
  )
  for (const rate of [-0.1, 1, NaN])
    assert.throws(() => dropout(ones, rate, keyOf(1)), /is no rate/)
})

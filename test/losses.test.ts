// Losses: what counts and what does not, weights, the three bootstrapped forms, and numbers at the limits. (The golden cases
// are run by golden-ops.test.ts.)

import assert from 'node:assert/strict'
import type { Shape } from '../engine/dtype.ts'
import { grad } from '../engine/grad.ts'
import { mul } from '../engine/ops/arithmetic.ts'
import { sum } from '../engine/ops/reduce.ts'
import { logSoftmax } from '../engine/ops/softmax.ts'
import { constant, hostTensor } from '../engine/ops/source.ts'
import type { HostTensor, Tensor } from '../engine/tensor.ts'
import { type BootstrapOptions, bootstrappedCrossEntropy } from '../nn/bootstrap.ts'
import {
  type BinaryCrossEntropyOptions,
  binaryCrossEntropyWithLogits,
  huber,
  smoothL1,
} from '../nn/elementwise-losses.ts'
import {
  type ClassLossOptions,
  crossEntropy,
  nllLoss,
  pixelCrossEntropy,
  predict,
} from '../nn/losses.ts'
import { agree } from './agree.ts'
import { close, readAll, withDevice } from './checks.ts'
import { testDevice } from './device.ts'
import { test } from './harness.ts'

/** Numbers in [-scale, scale] that repeat nothing. */
const spread = (shape: Shape, scale: number, prime = 7919) =>
  hostTensor(
    Float32Array.from(
      { length: shape.reduce((a, b) => a * b, 1) },
      (_, i) => scale * Math.sin(i * prime),
    ),
    shape,
  )

/** Runs a function of host tensors and reads everything that it returns. */
async function run(fn: (...x: Tensor[]) => readonly Tensor[], ...args: HostTensor[]) {
  const program = (await testDevice()).compile(fn)
  const results = await readAll(await program.run(...args))
  program.dispose()
  return results
}

/** A loss and its gradient with respect to the first argument. */
const both = (loss: Tensor, x: Tensor, seed?: Tensor) => [loss, ...grad(loss, [x], seed)]

// ---- classes

/** −log p of the label, and what to add to the gradient for a factor of it, in float64. */
function plainLoss(x: ArrayLike<number>, row: number, c: number, label: number) {
  const scores = Array.from({ length: c }, (_, j) => x[row * c + j])
  const most = Math.max(...scores)
  const total = scores.reduce((n, v) => n + Math.exp(v - most), 0)
  return {
    loss: Math.log(total) + most - scores[label],
    gradient: scores.map((v, j) => Math.exp(v - most) / total - (j === label ? 1 : 0)),
  }
}

/** Labels with two that are void and one that is no class, and the loss and gradient that they make. */
function weighted(c: number, weights: readonly number[] | undefined, divide: boolean) {
  const logits = spread([2, 3, 4, c], 5)
  const labels = Int32Array.from({ length: 24 }, (_, i) => (i * 11) % c)
  labels.set([255, -3, 255], 5)
  const losses = new Float64Array(24)
  const gradient = new Float64Array(24 * c)
  let total = 0
  labels.forEach((label, r) => {
    if (label < 0 || label >= c || label === 255) return
    const w = weights?.[label] ?? 1
    const plain = plainLoss(logits.data, r, c, label)
    losses[r] = w * plain.loss
    gradient.set(
      plain.gradient.map((g) => w * g),
      r * c,
    )
    total += w
  })
  const divisor = divide ? total : 1
  return {
    logits,
    labels: hostTensor(labels, [2, 3, 4]),
    losses,
    sum: losses.reduce((a, b) => a + b, 0) / divisor,
    gradient: gradient.map((g) => g / divisor),
  }
}

test('losses: cross entropy with weights, in every reduction, of logits and of log-probabilities', async () => {
  for (const c of [5, 8, 300]) {
    const some = Array.from({ length: c }, (_, j) => 0.25 * (1 + (j % 9)))
    for (const weights of [undefined, some]) {
      for (const reduction of ['mean', 'sum', 'none'] as const) {
        const want = weighted(c, weights, reduction === 'mean')
        for (const logs of [false, true]) {
          const [loss, gradient, outside] = await run(
            (x, t) => {
              const options: ClassLossOptions = { weights, reduction }
              const made = logs ? nllLoss(logSoftmax(x), t, options) : crossEntropy(x, t, options)
              const ones = constant(new Float32Array(24).fill(1), [2, 3, 4])
              const seed = reduction === 'none' ? ones : undefined
              return [...both(made.loss, x, seed), made.outOfRange]
            },
            want.logits,
            want.labels,
          )
          const what = `${c} classes, ${reduction}${weights ? ', weighted' : ''}${logs ? ', logs' : ''}`
          const expected = reduction === 'none' ? want.losses : [want.sum]
          close(loss, expected, 1e-5 * (1 + Math.abs(want.sum)), what)
          close(gradient, want.gradient, 3e-6, `${what}: gradient`)
          assert.equal(outside[0], 1)
        }
      }
    }
  }
})

test('losses: weights may be computed, and a class without weight is as void', async () => {
  const logits = spread([1, 2, 2, 3], 2)
  const labels = hostTensor(Uint8Array.of(0, 1, 2, 1), [1, 2, 2])
  const weights = hostTensor(Float32Array.of(0, 2, 0), [3])
  const ignoring = hostTensor(Uint8Array.of(255, 1, 255, 1), [1, 2, 2])
  const results = await run(
    (x, t, w, other) => [
      ...both(crossEntropy(x, t, { weights: w }).loss, x),
      ...both(crossEntropy(x, other).loss, x),
      ...both(crossEntropy(x, t, { weights: mul(w, 0) }).loss, x),
    ],
    logits,
    labels,
    weights,
    ignoring,
  )
  close(results[0], results[2], 1e-6, 'loss')
  close(results[1], results[3], 1e-6, 'gradient')
  assert.deepEqual([...results[4], ...results[5]], new Array(13).fill(0))
})

test('losses: nothing at a void pixel matters, infinities and NaN neither', async () => {
  const logits = spread([1, 1, 4, 6], 3)
  logits.data.set([Number.NaN, 1, Number.POSITIVE_INFINITY], 6)
  logits.data.fill(Number.NEGATIVE_INFINITY, 12, 18)
  const labels = hostTensor(Uint8Array.of(1, 255, 255, 4), [1, 1, 4])
  const [mean, dMean, boot, dBoot] = await run(
    (x, t) => [
      ...both(crossEntropy(x, t).loss, x),
      ...both(bootstrappedCrossEntropy(x, t, { keep: 1 }).loss, x),
    ],
    logits,
    labels,
  )
  const plain = [0, 3].map((r) => plainLoss(logits.data, r, 6, labels.data[r]))
  close(mean, [(plain[0].loss + plain[1].loss) / 2], 1e-5, 'mean')
  close(boot, [Math.max(plain[0].loss, plain[1].loss)], 1e-5, 'hardest')
  for (const d of [dMean, dBoot]) assert.ok(d.slice(6, 18).every((v) => v === 0))
})

test('losses: a class of no probability costs infinitely much, and others that have none cost nothing', async () => {
  const { NEGATIVE_INFINITY: low } = Number
  const logits = hostTensor(Float32Array.of(low, 0, 0, low, 0, 0), [2, 3])
  const labels = hostTensor(Uint8Array.of(0, 1), [2])
  const ones = constant(Float32Array.of(1, 1), [2])
  const [losses, gradient] = await run(
    (x, t) => both(crossEntropy(x, t, { reduction: 'none' }).loss, x, ones),
    logits,
    labels,
  )
  close(losses, [Number.POSITIVE_INFINITY, Math.log(2)], 1e-6, 'losses')
  close(gradient, [-1, 0.5, 0.5, 0, -0.5, 0.5], 1e-6, 'gradient')
})

test('losses: tensors larger than one binding', () =>
  withDevice({ bindingBytes: 1024, alignment: 256 }, async (device) => {
    const labels = hostTensor(
      Int32Array.from({ length: 3 * 9 * 11 }, (_, i) => (i % 8) - 1),
      [3, 9, 11],
    )
    await agree(
      (x, t) => both(crossEntropy(x, t, { ignore: 3, weights: [1, 2, 3, 4, 5, 6] }).loss, x),
      [spread([3, 9, 11, 6], 3), labels],
      { device },
    )
  }))

test('losses: labels outside the classes are counted and do not take part', async () => {
  const device = await testDevice()
  const logits = hostTensor(Float32Array.from([1, 2, 3, 4, 5, 5, 2, 0]), [1, 2, 2, 2])
  const labels = hostTensor(Uint8Array.from([1, 7, 255, 0]), [1, 2, 2])
  const program = device.compile((x: Tensor, t: Tensor) => ({
    ...crossEntropy(x, t),
    image: bootstrappedCrossEntropy(x, t, { keep: 3, divisor: 'k' }),
    classes: predict(x),
  }))
  const out = await program.run(logits, labels)
  const each = [Math.log(1 + Math.exp(-1)), Math.log(1 + Math.exp(-2))]
  const total = each[0] + each[1]
  close([await out.loss.value()], [total / 2], 1e-6, 'mean')
  assert.equal(await out.outOfRange.value(), 1)
  close([await out.image.loss.value()], [total / 3], 1e-6, 'divided by k')
  assert.deepEqual([...(await out.classes.read())], [1, 1, 0, 0])
  program.dispose()
})

test('losses: labels are compared as numbers, whatever their dtype', async () => {
  const device = await testDevice()
  const run = async (labels: HostTensor, classes: number, ignore?: number) => {
    const logits = hostTensor(new Float32Array(labels.data.length * classes), [
      ...labels.shape,
      classes,
    ])
    const program = device.compile((x: Tensor, t: Tensor) => {
      const { loss, outOfRange } = crossEntropy(x, t, ignore === undefined ? {} : { ignore })
      return { loss, outOfRange, valid: pixelCrossEntropy(x, t, { ignore: ignore ?? 255 }).valid }
    })
    const out = await program.run(logits, labels)
    close([await out.loss.value()], [Math.log(classes)], 1e-6, 'loss')
    const counted = [...(await out.valid.read())]
    const result = { counted, outside: await out.outOfRange.value() }
    program.dispose()
    return result
  }
  const u8 = hostTensor(Uint8Array.of(0, 254, 255), [1, 1, 3])
  // As many classes as a byte has values.
  assert.deepEqual(await run(u8, 256), { counted: [1, 1, 0], outside: 0 })
  // A label that no byte has: every pixel counts.
  assert.deepEqual(await run(u8, 256, -1), { counted: [1, 1, 1], outside: 0 })
  assert.deepEqual(await run(u8, 255, 300), { counted: [1, 1, 0], outside: 1 })
  // Labels below zero are no classes.
  const i32 = hostTensor(Int32Array.of(-5, -1, 1, 255, 300), [1, 1, 5])
  assert.deepEqual(await run(i32, 2), { counted: [0, 0, 1, 0, 0], outside: 3 })
  assert.deepEqual(await run(i32, 2, -1), { counted: [0, 0, 1, 0, 0], outside: 3 })
  const u32 = hostTensor(Uint32Array.of(0, 4294967295), [1, 1, 2])
  assert.deepEqual(await run(u32, 3), { counted: [1, 0], outside: 1 })
})

// ---- the hardest pixels

/** Logits of two classes with the given losses of the first. */
const logitsOf = (losses: readonly number[], shape: Shape) =>
  hostTensor(Float32Array.from(losses.flatMap((l) => [0, Math.log(Math.expm1(l))])), [...shape, 2])

async function bootstrapped(
  losses: readonly number[],
  labels: readonly number[],
  shape: Shape,
  options: BootstrapOptions,
) {
  const [loss, gradient] = await run(
    (x, t) => both(bootstrappedCrossEntropy(x, t, options).loss, x),
    logitsOf(losses, shape),
    hostTensor(Uint8Array.from(labels), shape),
  )
  const kept = losses.map((_, i) => Math.abs(gradient[2 * i]))
  return { loss: loss[0], kept }
}

test('losses: the forms of bootstrapping differ in what they keep and divide by', async () => {
  const losses = [0.1, 0.9, 0.3, 0.8, 0.7, 0.2, 0.6, 0.4]
  const void_ = [0, 255, 0, 0, 0, 0, 255, 255]
  const shape = [2, 2, 2]
  const check = async (options: BootstrapOptions, want: number, keeps: readonly number[]) => {
    const { loss, kept } = await bootstrapped(losses, void_, shape, options)
    assert.ok(Math.abs(loss - want) < 1e-6, `${JSON.stringify(options)}: ${loss} for ${want}`)
    assert.deepEqual(
      kept.flatMap((v, i) => (v ? [i] : [])),
      keeps,
      JSON.stringify(options),
    )
  }
  await check({ keep: 2 }, ((0.8 + 0.3) / 2 + (0.7 + 0.2) / 2) / 2, [2, 3, 4, 5])
  await check({ keep: 2, scope: 'batch' }, (0.8 + 0.7) / 2, [3, 4])
  // Fewer count than are wanted: the divisor is their number, or K, or all pixels where they are less than K.
  await check({ keep: 3 }, ((0.1 + 0.3 + 0.8) / 3 + (0.7 + 0.2) / 2) / 2, [0, 2, 3, 4, 5])
  await check(
    { keep: 3, divisor: 'k' },
    ((0.1 + 0.3 + 0.8) / 3 + (0.7 + 0.2) / 3) / 2,
    [0, 2, 3, 4, 5],
  )
  await check(
    { keep: 9, divisor: 'k' },
    ((0.1 + 0.3 + 0.8) / 4 + (0.7 + 0.2) / 4) / 2,
    [0, 2, 3, 4, 5],
  )
  // Every probability below exp(−0.25), or the hardest 4 where those are fewer.
  const threshold = Math.exp(-0.25)
  await check({ keep: 1, scope: 'batch', threshold }, (0.3 + 0.8 + 0.7) / 3, [2, 3, 4])
  await check({ keep: 4, scope: 'batch', threshold }, (0.2 + 0.3 + 0.8 + 0.7) / 4, [2, 3, 4, 5])
  await check({ keep: 1, threshold }, ((0.3 + 0.8) / 2 + 0.7) / 2, [2, 3, 4])
  const all = constant(Float32Array.of(threshold), [])
  await check({ keep: 1, scope: 'batch', threshold: all }, (0.3 + 0.8 + 0.7) / 3, [2, 3, 4])
})

test('losses: exactly K pixels are kept among equals and saturated ones, and none of a void image', async () => {
  // Sure and right: their losses are 0, and those of void pixels too.
  const sure = new Array(24).fill(0).map((_, i) => (i % 3 ? 30 : -30))
  const labels = Uint8Array.from({ length: 24 }, (_, i) => (i % 4 === 1 ? 255 : i % 3 ? 1 : 0))
  const logits = hostTensor(Float32Array.from(sure.flatMap((v) => [0, v])), [2, 3, 4, 2])
  for (const keep of [1, 5, 9, 24]) {
    const { mask, loss } = await masked(logits, hostTensor(labels, [2, 3, 4]), keep)
    for (const image of [0, 1]) {
      const kept = mask.slice(12 * image, 12 * image + 12)
      assert.equal(kept.filter(Boolean).length, Math.min(keep, 9), `${keep} of image ${image}`)
      assert.ok(kept.every((k, i) => !k || labels[12 * image + i] !== 255))
      const valid = [...kept.keys()].filter((i) => labels[12 * image + i] !== 255)
      assert.ok(
        valid.slice(0, keep).every((i) => kept[i]),
        'the first of equals',
      )
    }
    assert.ok(loss < 1e-6)
  }
  const nothing = hostTensor(new Uint8Array(24).fill(255), [2, 3, 4])
  for (const options of [
    { keep: 3 },
    { keep: 3, divisor: 'k' },
    { keep: 3, threshold: 0.7 },
  ] as const) {
    const [loss, gradient] = await run(
      (x, t) => both(bootstrappedCrossEntropy(x, t, options).loss, x),
      logits,
      nothing,
    )
    assert.equal(loss[0], 0)
    assert.ok(gradient.every((v) => v === 0))
  }
})

/** Which pixels have a gradient: that of a sure one is e⁻³⁰ for the other class, which a float holds. */
async function masked(logits: HostTensor, labels: HostTensor, keep: number) {
  const [loss, gradient] = await run(
    (x, t) => both(bootstrappedCrossEntropy(x, t, { keep }).loss, x),
    logits,
    labels,
  )
  const mask = Array.from(labels.data, (_, i) => gradient[2 * i] !== 0 || gradient[2 * i + 1] !== 0)
  return { mask, loss: loss[0] }
}

// ---- single numbers

test('losses: smooth L1 and Huber are a square near 0 and a line beyond, and differ by the factor', async () => {
  const x = hostTensor(Float32Array.of(0, 0.25, -0.5, 0.5, 1, -3, 2, 100), [2, 4])
  const t = hostTensor(Float32Array.of(0, 0, 0, 0, 0.5, 1, 2, -100), [2, 4])
  const d = Array.from(x.data, (v, i) => v - t.data[i])
  const ones = constant(new Float32Array(8).fill(1), [2, 4])
  for (const beta of [0.5, 1, 2]) {
    const [smooth, dx, dt, hub, dh, meanOf, sumOf] = await run(
      (a, b) => {
        const y = smoothL1(a, b, { beta, reduction: 'none' })
        const h = huber(a, b, { delta: beta, reduction: 'none' })
        return [
          y,
          ...grad(y, [a, b], ones),
          h,
          ...grad(h, [a], ones),
          smoothL1(a, b, { beta }),
          huber(a, b, { delta: beta, reduction: 'sum' }),
        ]
      },
      x,
      t,
    )
    const want = d.map((v) => {
      const far = Math.abs(v)
      return far < beta ? (v * v) / 2 / beta : far - beta / 2
    })
    const slope = d.map((v) => Math.max(-1, Math.min(1, v / beta)))
    close(smooth, want, 1e-5, 'smooth L1')
    close(dx, slope, 1e-6, 'its gradient')
    close(
      dt,
      slope.map((v) => 0 - v),
      1e-6,
      'and that of the target',
    )
    close(
      hub,
      want.map((v) => v * beta),
      1e-4,
      'Huber',
    )
    close(
      dh,
      slope.map((v) => v * beta),
      1e-6,
      'its gradient',
    )
    const total = want.reduce((a, b) => a + b, 0)
    close(meanOf, [total / 8], 1e-5, 'mean')
    close(sumOf, [total * beta], 1e-4, 'sum')
  }
  const [plain, gradient] = await run(
    (a, b) => both(smoothL1(a, b, { beta: 0, reduction: 'sum' }), a),
    x,
    t,
  )
  close(plain, [d.reduce((n, v) => n + Math.abs(v), 0)], 1e-4, 'β = 0')
  close(gradient, d.map(Math.sign), 0, 'its gradient')
})

test('losses: binary cross entropy is right for logits of any size, soft targets and weights', async () => {
  const values = [0, 0.3, -2, 5, -20, 20, -90, 90, 1000, -1000]
  const x = hostTensor(Float32Array.from([...values, ...values, ...values]), [3, 10])
  const t = hostTensor(
    Float32Array.from(x.data, (_, i) => [0, 1, 0.3][Math.floor(i / 10)]),
    [3, 10],
  )
  const weight = hostTensor(Float32Array.of(1, 2, 0.5), [3, 1])
  const positive = hostTensor(
    Float32Array.from(values, (_, i) => 1 + i / 4),
    [10],
  )
  const plus = (v: number) => Math.max(v, 0) + Math.log1p(Math.exp(-Math.abs(v)))
  const sigmoid = (v: number) => (v < 0 ? Math.exp(v) / (1 + Math.exp(v)) : 1 / (1 + Math.exp(-v)))
  const ones = constant(new Float32Array(30).fill(1), [3, 10])
  const check = async (
    build: (w: Tensor, p: Tensor) => BinaryCrossEntropyOptions,
    w: (i: number) => number,
    p: (i: number) => number,
  ) => {
    const [loss, gradient, mean] = await run(
      (a, b, c, e) => {
        const options = build(c, e)
        const y = binaryCrossEntropyWithLogits(a, b, { ...options, reduction: 'none' })
        return [...both(y, a, ones), binaryCrossEntropyWithLogits(a, b, options)]
      },
      x,
      t,
      weight,
      positive,
    )
    const [want, slope] = [new Float64Array(30), new Float64Array(30)]
    x.data.forEach((v, i) => {
      const s = t.data[i]
      want[i] = w(i) * (p(i) * s * plus(-v) + (1 - s) * plus(v))
      slope[i] = w(i) * ((1 - s) * sigmoid(v) - p(i) * s * sigmoid(-v))
    })
    // Relative to each value: a loss of e⁻²⁰ is not lost beside 20.
    loss.forEach((v, i) => {
      assert.ok(Math.abs(v - want[i]) <= 1e-5 * want[i] + 1e-35, `${x.data[i]}, ${t.data[i]}: ${v}`)
      const off = Math.abs(gradient[i] - slope[i])
      assert.ok(off <= 1e-5 * Math.abs(slope[i]) + 1e-30, `gradient at ${x.data[i]}`)
    })
    close(mean, [want.reduce((a, b) => a + b, 0) / 30], 1e-3, 'mean')
  }
  await check(
    () => ({}),
    () => 1,
    () => 1,
  )
  await check(
    (w) => ({ weight: w }),
    (i) => weight.data[Math.floor(i / 10)],
    () => 1,
  )
  await check(
    (_, p) => ({ positiveWeight: p }),
    () => 1,
    (i) => positive.data[i % 10],
  )
  await check(
    (_, p) => ({ weight: 3, positiveWeight: p }),
    () => 3,
    (i) => positive.data[i % 10],
  )
})

test('losses: a row of a thousand classes, and one of a hundred thousand', async () => {
  for (const [rows, c] of [
    [3, 1000],
    [2, 100_003],
  ]) {
    const logits = spread([rows, c], 6)
    const labels = Uint32Array.from({ length: rows }, (_, r) => c - 1 - 7 * r)
    const [losses, gradient] = await run(
      (x, t) => {
        const { loss } = crossEntropy(x, t, { reduction: 'none' })
        return both(loss, x, constant(new Float32Array(rows).fill(2), [rows]))
      },
      logits,
      hostTensor(labels, [rows]),
    )
    for (let r = 0; r < rows; r++) {
      const row = Array.from(logits.data.subarray(r * c, (r + 1) * c))
      const total = row.reduce((n, v) => n + Math.exp(v), 0)
      const want = Math.log(total) - row[labels[r]]
      assert.ok(Math.abs(losses[r] - want) < 1e-5, `row ${r} of ${c}`)
      const off = gradient
        .subarray(r * c, (r + 1) * c)
        .map((g, j) => Math.abs(g - 2 * (Math.exp(row[j]) / total - (j === labels[r] ? 1 : 0))))
      assert.ok(Math.max(...off.slice(0, 1000), off[labels[r]]) < 1e-5)
      assert.ok(off.every((v) => v < 1e-5))
    }
  }
})

test('losses: a threshold tensor may have any rank', async () => {
  const x = constant(Float32Array.of(1, -1, 2, 0.5, -1, 0.3, 0.2, -2), [2, 2, 2])
  const labels = constant(Uint8Array.of(0, 1, 0, 1), [2, 2])
  const d = await testDevice()
  const of = async (threshold: Tensor) =>
    Array.from(await d.read(bootstrappedCrossEntropy(x, labels, { keep: 1, threshold }).loss))
  assert.deepEqual(await of(constant([0.4], [1, 1, 1])), await of(constant([0.4], [])))
})

test('losses: the second gradient at a void pixel is 0, NaN or not', async () => {
  const x = constant(Float32Array.of(1, 2, Number.NaN, Number.NaN), [2, 2])
  const labels = constant(Uint8Array.of(1, 255), [2])
  const [g] = grad(crossEntropy(x, labels).loss, [x])
  const [second] = grad(sum(mul(g, g)), [x])
  const got = Array.from(await (await testDevice()).read(second))
  assert.ok(Number.isFinite(got[0]) && got[0] !== 0)
  assert.deepEqual(got.slice(2), [0, 0])
})

test('losses: infinite distances have a gradient', async () => {
  const d = await testDevice()
  const x = constant([Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0.5])
  const zero = constant([0, 0, 0])
  const slope = async (y: Tensor) => Array.from(await d.read(grad(sum(y), [x])[0]))
  const none = { reduction: 'none' } as const
  assert.deepEqual(await slope(smoothL1(x, zero, none)), [1, -1, 0.5])
  assert.deepEqual(await slope(huber(x, zero, { ...none, delta: 2 })), [2, -2, 0.5])
})

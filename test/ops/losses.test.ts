// Losses of classes: what counts and what does not, weights, and numbers at the limits. (The golden cases are run by
// golden-ops.test.ts.)

import assert from 'node:assert/strict'
import { grad } from '../../engine/grad.ts'
import { mul } from '../../engine/ops/arithmetic.ts'
import { sum } from '../../engine/ops/reduce.ts'
import { logSoftmax } from '../../engine/ops/softmax.ts'
import { constant, hostTensor } from '../../engine/ops/source.ts'
import type { HostTensor, Tensor } from '../../engine/tensor.ts'
import { bootstrappedCrossEntropy } from '../../nn/bootstrap.ts'
import {
  type ClassLossOptions,
  crossEntropy,
  nllLoss,
  pixelCrossEntropy,
  predict,
} from '../../nn/losses.ts'
import { agree } from '../agree.ts'
import { close, withDevice } from '../checks.ts'
import { testDevice } from '../device.ts'
import { test } from '../harness.ts'

import { both, run, spread } from './loss-runs.ts'

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

test('losses: the second gradient at a void pixel is 0, NaN or not', async () => {
  const x = constant(Float32Array.of(1, 2, Number.NaN, Number.NaN), [2, 2])
  const labels = constant(Uint8Array.of(1, 255), [2])
  const [g] = grad(crossEntropy(x, labels).loss, [x])
  const [second] = grad(sum(mul(g, g)), [x])
  const got = Array.from(await (await testDevice()).read(second))
  assert.ok(Number.isFinite(got[0]) && got[0] !== 0)
  assert.deepEqual(got.slice(2), [0, 0])
})

// The hardest pixels: the three published forms of bootstrapping, ties, void and thresholds.

import assert from 'node:assert/strict'
import type { Shape } from '../../engine/dtype.ts'
import { constant, hostTensor } from '../../engine/ops/source.ts'
import type { HostTensor, Tensor } from '../../engine/tensor.ts'
import { type BootstrapOptions, bootstrappedCrossEntropy } from '../../nn/bootstrap.ts'
import { testDevice } from '../device.ts'
import { test } from '../harness.ts'

import { both, run } from './loss-runs.ts'

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

test('bootstrap: the forms of bootstrapping differ in what they keep and divide by', async () => {
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

test('bootstrap: exactly K pixels are kept among equals and saturated ones, and none of a void image', async () => {
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

test('bootstrap: a threshold tensor may have any rank', async () => {
  const x = constant(Float32Array.of(1, -1, 2, 0.5, -1, 0.3, 0.2, -2), [2, 2, 2])
  const labels = constant(Uint8Array.of(0, 1, 0, 1), [2, 2])
  const d = await testDevice()
  const of = async (threshold: Tensor) =>
    Array.from(await d.read(bootstrappedCrossEntropy(x, labels, { keep: 1, threshold }).loss))
  assert.deepEqual(await of(constant([0.4], [1, 1, 1])), await of(constant([0.4], [])))
})

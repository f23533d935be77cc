// Losses against golden cases on the device: values, gradients, and which pixels are kept.

import assert from 'node:assert/strict'
import type { DeviceTensor } from '../engine/device-tensor.ts'
import { grad } from '../engine/grad.ts'
import { mul } from '../engine/ops/arithmetic.ts'
import { sum } from '../engine/ops/reduce.ts'
import { constant, hostTensor } from '../engine/ops/source.ts'
import type { HostTensor, Tensor } from '../engine/tensor.ts'
import { bootstrappedCrossEntropy, crossEntropy, pixelCrossEntropy, predict } from '../nn/losses.ts'
import { testDevice } from './device.ts'
import { close } from './goldens/check.ts'
import type { GoldenCase } from './goldens/format.ts'
import { goldenCases } from './goldens/shared.ts'
import { test } from './harness.ts'

/** Runs a loss and its gradient with respect to the logits. */
async function lossOf(c: GoldenCase, fn: (logits: Tensor, labels: Tensor) => Tensor) {
  const device = await testDevice()
  const program = device.compile((logits: Tensor, labels: Tensor) => {
    const loss = fn(logits, labels)
    return { loss, gradient: grad(loss, [logits])[0] }
  })
  const { loss, gradient } = await program.run(c.nhwc('logits'), c.labels())
  const out = { loss: await loss.read(), gradient: await toHost(gradient) }
  program.dispose()
  return out
}

const toHost = async (t: DeviceTensor): Promise<HostTensor> => hostTensor(await t.read(), t.shape)

test('losses: cross entropy equals the golden cases', async () => {
  for (const c of goldenCases('cross_entropy')) {
    if (c.attributes.class_weights) continue
    const upstream = c.values('gy')
    const reduction: string = c.attributes.reduction
    const gy = constant(Float32Array.from(upstream), c.shape('gy'))
    let pixels: ArrayLike<number> | undefined
    const { loss, gradient } = await lossOf(c, (logits, labels) => {
      if (reduction === 'mean') return mul(crossEntropy(logits, labels).loss, gy)
      return sum(mul(pixelCrossEntropy(logits, labels).losses, gy))
    })
    if (reduction === 'none') {
      const device = await testDevice()
      const program = device.compile((l: Tensor, t: Tensor) => pixelCrossEntropy(l, t).losses)
      pixels = await (await program.run(c.nhwc('logits'), c.labels())).read()
    }
    c.check('y', pixels ?? loss.map((v) => v / upstream[0]))
    c.checkNhwc('d_logits', gradient)
  }
})

test('losses: bootstrapped cross entropy equals the golden cases', async () => {
  for (const c of [
    ...goldenCases('bootstrapped_ce'),
    ...goldenCases('bootstrapped_ce_threshold'),
  ]) {
    const { K: keep, scope, probability_threshold: threshold } = c.attributes
    const { loss, gradient } = await lossOf(
      c,
      (logits, labels) => bootstrappedCrossEntropy(logits, labels, { keep, scope, threshold }).loss,
    )
    c.check('loss', loss)
    const [n, h, w, classes] = gradient.shape
    const kept = Array.from({ length: n * h * w }, (_, i) =>
      gradient.data.subarray(i * classes, (i + 1) * classes).some((v) => v !== 0),
    )
    const codes = c.values('selected')
    if (!codes.includes(2)) c.checkNhwc('d_logits', gradient)
    codes.forEach((code, i) => {
      if (code !== 2) assert.equal(kept[i], code === 1, `${c.id}: pixel ${i}`)
    })
    const counted = c.values('selected_count').reduce((a, b) => a + b, 0)
    assert.equal(kept.filter(Boolean).length, counted, `${c.id}: pixels kept`)
  }
})

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

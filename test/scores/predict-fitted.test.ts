// Predictions within a number of bytes, pictures that are on the device already, and who is told how far one is.

import assert from 'node:assert/strict'
import { OutOfMemoryError } from '../../engine/errors.ts'
import type { Device, Tensor } from '../../engine/index.ts'
import { hostTensor, mul } from '../../engine/index.ts'
import { frrnA } from '../../models/index.ts'
import { fittedPredictor } from '../../train/predict/fitted.ts'
import { Predictor } from '../../train/predict.ts'
import { withDevice } from '../checks.ts'
import { testDevice } from '../device.ts'
import { test } from '../harness.ts'
import { drawnPicture, TinyNetwork } from './predict-network.ts'

const network = new TinyNetwork({ kernel: 3, multiple: 4, classes: 4 })

test('predict within bytes: what is needed is no less than what the device allocates', async () => {
  for (const [out, window] of [
    ['classes', undefined],
    ['probabilities', undefined],
    ['probabilities', { height: 64, width: 64 }],
  ] as const)
    await withDevice({ alignment: 256 }, async (device) => {
      const picture = drawnPicture(150, 200)
      const options = { flip: true, scales: [1, 0.75], ...(window && { window }) }
      using predictor = new Predictor(device, network, options)
      const needed = predictor.needed([150, 200], out)
      using result =
        out === 'classes'
          ? await predictor.example(picture)
          : await predictor.probabilities(picture)
      await result.read()
      const { peakBytes } = device.stats()
      assert.ok(
        needed.bytes >= peakBytes && needed.bytes < 1.5 * peakBytes,
        `${out}: ${needed.bytes} for ${peakBytes}`,
      )
    })
})

test('predict within bytes: the whole picture where it fits, else windows, and no more is allocated', async () => {
  const model = frrnA({ base: 8, lanes: 4, classes: 3 })
  const size = [128, 192] as const
  const picture = drawnPicture(...size)
  let needed = { bytes: 0 }
  await withDevice({ alignment: 256 }, async (device) => {
    const most = { bytes: 2 ** 40 }
    const { predictor, whole } = fittedPredictor(device, model, {}, size, most)
    assert.equal(predictor.test.window, undefined)
    await predictor.picture(picture)
    predictor.dispose()
    const exact = fittedPredictor(device, model, {}, size, whole)
    assert.equal(exact.predictor.test.window, undefined)
    exact.predictor.dispose()
    needed = whole
  })
  await withDevice({ alignment: 256 }, async (device) => {
    const bytes = Math.round(0.7 * needed.bytes)
    const fitted = fittedPredictor(device, model, {}, size, { bytes })
    const { window } = fitted.predictor.test
    assert.ok(window && window.height >= 64 && window.height % 16 === 0, JSON.stringify(window))
    assert.ok(fitted.needed.bytes <= bytes && fitted.whole.bytes === needed.bytes)
    await fitted.predictor.picture(picture)
    fitted.predictor.dispose()
    const { peakBytes } = device.stats()
    assert.ok(peakBytes <= bytes, `${peakBytes} of ${bytes}`)
  })
})

test('predict within bytes: what nothing can hold is refused in numbers', async () => {
  const device = await testDevice()
  assert.throws(
    () => fittedPredictor(device, network, {}, [200, 300], { bytes: 1e5 }),
    (error: unknown) =>
      error instanceof OutOfMemoryError &&
      /200×300 pixels takes .+ even in windows of 64×64, and .+ are allowed/.test(error.message) &&
      /at a height of \d+/.test(error.hint ?? ''),
  )
})

async function onDevice(device: Device, data: Uint8Array, shape: readonly number[]) {
  using program = device.compile((x: Tensor) => mul(x, 1))
  return await program.run(hostTensor(data, shape))
}

test('predict: a picture on the device gives the same bits, and stays usable', async () => {
  const device = await testDevice()
  const picture = drawnPicture(21, 34)
  for (const testTime of [{}, { flip: true, scales: [1, 0.5] }]) {
    using predictor = new Predictor(device, network, testTime)
    using bytes = await onDevice(device, picture.data, [1, 21, 34, 3])
    const want = await predictor.picture(picture)
    assert.deepEqual(await predictor.picture(bytes), want)
    assert.deepEqual(await predictor.picture(bytes), want)
    assert.deepEqual(await bytes.read(), picture.data)
    using flat = await onDevice(device, picture.data, [21, 34, 3])
    await assert.rejects(predictor.picture(flat), /a picture on the device is u8 \[1, h, w, 3\]/)
    using refined = new Predictor(device, network, { ...testTime, crf: true })
    await assert.rejects(refined.picture(bytes), /the CRF is given a picture that is on the device/)
  }
})

test('predict: windows are counted as they are looked at, and whoever is told may end it', async () => {
  const device = await testDevice()
  const picture = drawnPicture(40, 40)
  using predictor = new Predictor(device, network, {
    flip: true,
    window: { height: 20, width: 20, stride: 20 },
  })
  const seen: number[][] = []
  await predictor.picture(picture, { onWindow: (done, all) => void seen.push([done, all]) })
  assert.deepEqual(
    seen,
    Array.from({ length: 8 }, (_, i) => [i, 8]),
  )
  const before = device.stats().allocatedBytes
  const enough = new Error('enough')
  const ended = predictor.picture(picture, {
    onWindow: async (done) => {
      if (done === 3) throw enough
    },
  })
  await assert.rejects(ended, enough)
  assert.equal(device.stats().allocatedBytes, before)
})

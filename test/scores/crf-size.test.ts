// What the CRF says of pictures that a device cannot refine at once, before anything is computed for them.

import assert from 'node:assert/strict'
import { hostTensor } from '../../engine/index.ts'
import { Crf } from '../../train/crf/index.ts'
import type { Picture } from '../../train/pictures/picture.ts'
import { Predictor } from '../../train/predict.ts'
import { Random } from '../../train/random.ts'
import { withDevice } from '../checks.ts'
import { test } from '../harness.ts'
import { RedNetwork } from './eval-network.ts'

function noisy(height: number, width: number, seed: number): Picture {
  const random = new Random(seed)
  const data = Uint8Array.from({ length: 3 * height * width }, () => random.int(0, 255))
  return { data, height, width }
}

test('crf: a picture or a lattice that is too large is refused by its size, with what fits; the largest is taken', async () => {
  const refuses = (run: () => Promise<unknown>, what: RegExp) => assert.rejects(run, what)
  await withDevice({ bindingBytes: 2 ** 14 }, async (small) => {
    using tight = new Crf(small)
    const large = hostTensor(new Float32Array(2 * 3600).fill(0.5), [1, 60, 60, 2])
    // 16384 bytes: 682 pixels of 24, 341 points of 48.
    await refuses(
      () => tight.refine(large, noisy(60, 60, 9)),
      /60×60 has 3600 pixels, and the CRF takes 682 .*binds 16384 bytes.*smaller, to 26×26 at most/s,
    )
    const middle = hostTensor(new Float32Array(2 * 600).fill(0.5), [1, 20, 30, 2])
    await refuses(
      () => tight.refine(middle, noisy(20, 30, 9)),
      /lattice has \d+ points, and the CRF takes 341 .*larger thetaBeta/s,
    )
    const even = { height: 26, width: 26, data: new Uint8Array(3 * 26 * 26).fill(90) }
    const most = hostTensor(new Float32Array(2 * 676).fill(0.5), [1, 26, 26, 2])
    ;(await tight.refine(most, even)).dispose()
    using predictor = new Predictor(small, new RedNetwork(2), { crf: true })
    await refuses(() => predictor.picture(noisy(60, 60, 9)), /60×60 has 3600 pixels/)
  })
})

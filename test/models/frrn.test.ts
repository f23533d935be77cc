// What FRRN's definition promises, on the device. Its numbers are those of golden cases (golden-networks.test.ts).

import assert from 'node:assert/strict'
import { hostTensor } from '../../engine/ops/source.ts'
import type { Tensor } from '../../engine/tensor.ts'
import { buildModel } from '../../models/index.ts'
import { capture } from '../../nn/capture.ts'
import { testDevice } from '../device.ts'
import { test } from '../harness.ts'

test('frrn: with the 1×1 convolutions to it at zero, the residual stream passes through unchanged', async () => {
  const device = await testDevice()
  const model = buildModel({ name: 'frrn-a', options: { classes: 3, base: 4, lanes: 3, seed: 5 } })
  for (const [name, v] of model.stateDict())
    if (name.includes('.residual.')) device.write(v, new Float32Array(v.initial().length))
  const program = device.compile((image: Tensor) => {
    const { values } = capture(model, ['splitBn', 'decoder.2.z'])(image, { train: true })
    return values
  })
  const image = hostTensor(
    Float32Array.from({ length: 16 * 32 * 3 }, (_, i) => Math.sin(i * i)),
    [1, 16, 32, 3],
  )
  const out = await program.run(image)
  assert.deepEqual(await out['decoder.2.z'].read(), await out['splitBn'].read())
  for (const t of Object.values(out)) t.dispose()
  program.dispose()
})

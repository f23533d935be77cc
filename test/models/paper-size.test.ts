// One forward pass of every network at full width and at the size of its paper's images, on whatever adapter is here: that
// the device takes it, and how long that lasts. Minutes and gigabytes: only with --slow.

import assert from 'node:assert/strict'
import { hostTensor } from '../../engine/ops/source.ts'
import { configurations } from '../../models/catalog.ts'
import { buildModel } from '../../models/index.ts'
import { measure } from '../../models/measure.ts'
import { withDevice } from '../engine/own-device.ts'
import { test } from '../harness.ts'

for (const { alias, name, options, input } of configurations)
  if (alias)
    test(
      `paper size: ${name} scores an image of ${input.join('x')}`,
      withDevice(async (device) => {
        const model = buildModel({ name, options })
        const { macs, output } = measure(model, [1, ...input])
        const program = device.compile((x) => model.apply(x, { train: false }))
        const image = hostTensor(
          Float32Array.from(
            { length: input[0] * input[1] * 3 },
            (_, i) => ((i * 7919) % 256) / 255,
          ),
          [1, ...input, 3],
        )
        const seconds: number[] = []
        for (const _ of ['with compiling and upload', 'again']) {
          const begun = performance.now()
          using scores = await program.run(image)
          const values = await scores.read()
          seconds.push((performance.now() - begun) / 1000)
          assert.deepEqual(scores.shape, output)
          assert.ok((values as Float32Array).every(Number.isFinite), 'every score is finite')
        }
        const [first, again] = seconds.map((s) => s.toFixed(1))
        const rate = ((2 * macs) / seconds[1] / 1e9).toFixed(1)
        console.log(
          `  ${name} at ${input.join('x')}: ${first} s, then ${again} s (${rate} GFLOP/s)`,
        )
      }),
      { slow: true, timeout: 900 },
    )

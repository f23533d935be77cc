// Pointwise kernels whose invocations make several groups of four: as many as a machine likes, the last ones fewer.

import * as assert from 'uvu/assert'
import { normalize, type Tensor } from '../../engine/index.ts'
import { drawn, f32 } from '../agree.ts'
import { test } from '../harness.ts'
import { deviceAs, type Machine } from './schedules.ts'

// On a GPU an invocation makes one group up to 2¹⁹ of them.
const cases: [Machine, number, number][] = [
  ['own', 1003, 20],
  ['own', 15, 4],
  ['small grids', 1003, 20],
  ['gpu', 1003, 20],
  ['gpu', 131075, 16],
]

for (const [machine, rows, channels] of cases)
  test(`strips: [${rows}, ${channels}] with vectors of channels, ${machine}`, async () => {
    const device = await deviceAs(machine)
    const args = drawn([f32(rows, channels), f32(channels), f32(channels), f32(channels)])
    using program = device.compile((x: Tensor, m: Tensor, s: Tensor, b: Tensor) =>
      normalize(x, m, s, b),
    )
    const result = await program.run(...args)
    const y = await result.read()
    result.dispose()
    const [x, mean, scale, shift] = args.map((a) => a.data as Float32Array)
    let worst = 0
    for (let i = 0; i < x.length; i++) {
      const c = i % channels
      worst = Math.max(worst, Math.abs(y[i] - ((x[i] - mean[c]) * scale[c] + shift[c])))
    }
    assert.is(y.length, x.length)
    assert.ok(worst < 1e-6, `off by ${worst}`)
  })

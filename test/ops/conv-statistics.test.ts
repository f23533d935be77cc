// Moments that convolutions give of what they store: as from reading it again, whatever the blocks and however the
// result is cut.

import * as assert from 'uvu/assert'
import type { Caps } from '../../engine/adapters/adapter.ts'
import type { Device } from '../../engine/device.ts'
import type { Graph } from '../../engine/graph.ts'
import {
  add,
  checkpoint,
  conv2d,
  grad,
  moments,
  mul,
  normalize,
  relu,
  rsqrt,
  square,
  sum,
  type Tensor,
} from '../../engine/index.ts'
import { recompute } from '../../engine/recompute/recompute.ts'
import { agree, drawn, f32, kernelsOf } from '../agree.ts'
import { bitsOf, readAll } from '../checks.ts'
import { testDevice } from '../device.ts'
import { deviceWith, discrete } from '../engine/device-with.ts'
import { test } from '../harness.ts'

const asDiscrete = async (changes: Partial<Caps> = {}): Promise<Device> =>
  deviceWith(await testDevice(), { ...discrete, ...changes })

const cases: [what: string, x: number[], w: number[], padding: number][] = [
  ['a block and a part', [1, 9, 15, 8], [3, 3, 8, 48], 1],
  ['less than a block', [1, 3, 2, 8], [1, 1, 8, 64], 0],
  ['columns that are not there', [2, 8, 9, 8], [3, 3, 8, 20], 1],
  ['several columns of blocks', [1, 10, 13, 12], [1, 1, 12, 160], 0],
  ['blocks for two levels', [2, 90, 100, 8], [1, 1, 8, 16], 0],
  ['no vectors', [2, 8, 9, 8], [3, 3, 8, 19], 1],
  ['no block', [2, 8, 9, 3], [3, 3, 3, 16], 1],
  ['taps and channels in strips', [1, 6, 5, 64], [3, 3, 64, 32], 1],
]

for (const [what, x, w, padding] of cases)
  test(`conv statistics: ${what}`, async () => {
    const device = await asDiscrete()
    const made = await agree(
      (a, b, shift) => {
        const y = add(conv2d(a, b, { padding }), mul(shift, 300))
        const { mean, variance } = moments(y)
        return [relu(y), mean, variance]
      },
      drawn([f32(...x), f32(...w), f32(w[3])]),
      { device },
    )
    assert.ok(
      kernelsOf(made).some((k) => /^conv2d .*moments/.test(k)),
      kernelsOf(made).join('\n'),
    )
  })

/** Normalised twice, with gradients. */
const network = (again: <T>(build: () => T) => T) => (x: Tensor, w: Tensor, v: Tensor) => {
  const unit = (y: Tensor) => {
    const { mean, variance } = moments(y)
    return relu(normalize(y, mean, rsqrt(add(variance, 0.1)), mean))
  }
  const y = again(() => unit(conv2d(unit(conv2d(x, w, { padding: 1 })), v, { padding: 1 })))
  return [y, ...grad(sum(square(y)), [x, w, v])]
}
const types = [f32(2, 13, 14, 8), f32(3, 3, 8, 16), f32(3, 3, 16, 24)]

test('conv statistics: of maps that are too large to bind', async () => {
  const f = network((build) => build())
  const device = await asDiscrete({ maxBindingBytes: 12288 })
  const large = [f32(2, 16, 16, 8), f32(3, 3, 8, 8), f32(3, 3, 8, 16)]
  const made = await agree((a, b, c) => f(a, b, c).slice(0, 1), drawn(large), { device })
  assert.ok(kernelsOf(made).filter((k) => /conv2d .*moments/.test(k)).length > 2)
})

const strips = [f32(1, 6, 5, 64), f32(3, 3, 64, 32), f32(3, 3, 32, 24)]

for (const [what, shapes] of [
  ['run again', types],
  ['of sums in strips, run again', strips],
] as const)
  test(`conv statistics: ${what} they are the same to the bit`, async () => {
    const device = await asDiscrete()
    const run = async (again: <T>(build: () => T) => T) => {
      const f = network(again)
      const pass = (g: Graph) => recompute(g, 'cheap', 0)
      using program = device.compile((a: Tensor, b: Tensor, c: Tensor) => f(a, b, c), {
        recompute: pass,
      })
      const { plan, recomputed } = program.stages(...shapes)
      const values = (await readAll(await program.run(...drawn(shapes)))).map(bitsOf)
      return { values, nodes: recomputed.nodes.length, kernels: [...plan.kernels].join('\n') }
    }
    const kept = await run((build) => build())
    const made = await run(checkpoint)
    assert.ok(made.nodes > kept.nodes)
    // Where a result is of strips its statistics are of another kernel.
    assert.is(/^joinTallies/m.test(kept.kernels), shapes === types)
    assert.equal(made.values, kept.values)
  })

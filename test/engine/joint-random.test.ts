// Random steps of optimisers, with default limits: few kernels or one for each, loss scaling, batches in parts, little that can be
// bound at once. The plan keeps the rules, what is left is the same to the bit, and a budget that fits one way fits the other.

import * as assert from 'uvu/assert'
import type { Caps } from '../../engine/adapters/adapter.ts'
import {
  add,
  type Device,
  hostTensor,
  mul,
  square,
  sum,
  type Tensor,
  Variable,
} from '../../engine/index.ts'
import { jointOf } from '../../engine/passes/fused.ts'
import { planBytes } from '../../engine/plan/plan.ts'
import { poolBytes } from '../../engine/plan/spans.ts'
import { randomFrom } from '../../engine/reference/index.ts'
import { CompiledPlan } from '../../engine/run/program.ts'
import { type StageOptions, stages } from '../../engine/stages.ts'
import { accumulated, microBatch } from '../../train/loop/accumulate.ts'
import { Adam, type Optimizer, Sgd } from '../../train/optimizers.ts'
import { bitsOf, withDevice } from '../checks.ts'
import { slowWanted, test } from '../harness.ts'
import { checkPlan } from './plan-checker.ts'

const seeds = slowWanted ? 48 : 8
const batch = 4

/** A step of an optimiser on a batch of x, drawn from a seed; another with the same seed is the same. */
function drawnStep(seed: number) {
  const random = randomFrom(seed)
  const below = (n: number) => Math.floor(n * random())
  const sizes = [1, 2, 4, 5, 8, 16, 64, 77, 300, 1024, 1025]
  const ps = Array.from({ length: 3 + below(8) }, (_, i) => {
    const shape = [sizes[below(sizes.length)]]
    const data = Float32Array.from({ length: shape[0] }, () => 2 * random() - 1)
    return new Variable({ dtype: 'f32', shape }, () => data, `p${i}`)
  })
  const lossScale = below(3) === 0
  const optimizer: Optimizer = below(2)
    ? new Adam(ps, { lossScale })
    : new Sgd(ps, { lossScale, momentum: below(2) ? 0.9 : 0, weightDecay: below(2) ? 0.01 : 0 })
  const parts = below(2) ? 2 : 1
  const lossOf = (x: Tensor) =>
    ps.map((p, i) => mul(sum(square(mul(p, sum(x, [0])))), 0.1 + i)).reduce(add)
  const fn = (x: Tensor, lr: Tensor) =>
    accumulated(optimizer, parts, (part) => lossOf(microBatch(x, part, parts)), lr)
  const own = optimizer.lossScale ? [optimizer.lossScale.skipped] : []
  const sums = ps.map((p) => optimizer.sumOf(p))
  const all = [...ps, ...optimizer.stateDict().values(), ...own, ...sums]
  return { fn, all }
}

const types = [
  { dtype: 'f32', shape: [batch, 1] },
  { dtype: 'f32', shape: [] },
] as const

async function after(device: Device, seed: number, caps: Caps, options: StageOptions) {
  const { fn, all } = drawnStep(seed)
  const { plan } = stages(fn, types, caps, options)
  checkPlan(plan, caps)
  const most = Math.min(caps.maxBindingBytes, caps.maxBufferBytes)
  for (const pool of plan.pools) assert.ok(poolBytes(pool, caps.alignment) <= most)
  for (const { places } of plan.steps.flatMap((s) => s.dispatches))
    assert.ok(places.length <= caps.maxStorageBuffers)
  const compiled = await CompiledPlan.make(device, plan)
  // The last gradient is not finite.
  for (const last of [0.5, 0.25, Number.POSITIVE_INFINITY]) {
    const x = hostTensor(Float32Array.of(0.5, 1, -0.5, last), [batch, 1])
    for (const r of await compiled.run([x, hostTensor(0.01)])) r.dispose()
  }
  const left: Uint8Array[] = []
  for (const v of all) if (device.holds(v)) left.push(bitsOf(await device.read(v)))
  compiled.dispose()
  for (const v of all) device.release(v)
  return { plan, left, joint: plan.steps.filter(({ node }) => jointOf(node)).length }
}

test(`joint: ${seeds} random steps of optimisers leave the same bits as with one kernel for each update`, async () => {
  await withDevice({ defaultLimits: true, alignment: 256 }, async (device) => {
    let joint = 0
    for (let seed = 1; seed <= seeds; seed++) {
      const apart = await after(device, seed, device.caps, { fuse: 'apart' })
      const bound = [device.caps.maxBindingBytes, 32768, 8192, 4352][seed % 4]
      const small = { ...device.caps, maxBindingBytes: bound, maxBufferBytes: 2 * bound }
      const runs: [Caps, StageOptions][] = [
        [device.caps, {}],
        [small, {}],
        [device.caps, { memoryBudget: planBytes(apart.plan) }],
      ]
      for (const [caps, options] of runs) {
        const found = await after(device, seed, caps, options)
        assert.equal(found.left, apart.left, `seed ${seed}`)
        if (options.memoryBudget)
          assert.ok(planBytes(found.plan) <= planBytes(apart.plan), `seed ${seed}`)
        joint += found.joint
      }
    }
    assert.ok(joint > seeds, `${joint}`)
    assert.is(device.stats().variableBytes, 0)
  })
})

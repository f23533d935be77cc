// Runs of one program after the first: what is bound anew, what is made, and how it is cut into submissions.

import * as assert from 'uvu/assert'
import { defaultCaps } from '../../engine/explain.ts'
import {
  add,
  assign,
  type CompileProgress,
  type Device,
  type DeviceTensor,
  hostTensor,
  matmul,
  mul,
  relu,
  reshape,
  sub,
  type Tensor,
} from '../../engine/node.ts'
import { deviceProfiles, secondsOf } from '../../engine/recompute/device-profile.ts'
import { submissionEnds } from '../../engine/run/submit.ts'
import { stages } from '../../engine/stages.ts'
import { f32 } from '../agree.ts'
import { test } from '../harness.ts'
import { batch, network } from '../models/small-network.ts'
import { refusal, vector, withDevice } from './own-device.ts'

/** Counts the bind groups that are made. */
function groupsMade(device: Device): () => number {
  let made = 0
  const { gpu } = device
  const make = gpu.createBindGroup.bind(gpu)
  gpu.createBindGroup = (descriptor) => {
    made++
    return make(descriptor)
  }
  return () => made
}

test(
  'replay: a step that has run makes no bind group and no buffer, however long its results are held',
  withDevice(async (device) => {
    const { step } = network()
    using program = device.compile(step)
    const args = batch(10, 14)
    const made = groupsMade(device)
    const held: DeviceTensor[] = []
    const run = async () => {
      held.push(...(await program.run(...args)))
      if (held.length > 2) held.shift()!.dispose()
    }
    for (let i = 0; i < 6; i++) await run()
    const [groups, buffers] = [made(), device.stats().buffersMade]
    for (let i = 0; i < 12; i++) await run()
    assert.is(made(), groups)
    assert.is(device.stats().buffersMade, buffers)
    for (const r of held) r.dispose()
  }),
)

test(
  'replay: arguments that come from other buffers each time are the ones that are read',
  withDevice(async (device) => {
    const twice = device.compile((x: Tensor) => mul(x, 2))
    const mix = device.compile((x: Tensor, y: Tensor) => add(relu(mul(x, 10)), sub(y, x)))
    const made = await Promise.all([1, 2, 3].map((x) => twice.run(hostTensor([x, -x]))))
    const got: number[][] = []
    for (const [i, j] of [
      [0, 1],
      [1, 0],
      [2, 2],
      [0, 1],
      [1, 2],
    ]) {
      const r = await mix.run(made[i], made[j])
      got.push([...(await r.read())])
      r.dispose()
    }
    const want = (x: number, y: number) => [10 * x + y - x, -y + x]
    assert.equal(got, [want(2, 4), want(4, 2), want(6, 6), want(2, 4), want(4, 6)])
    const host = await mix.run(hostTensor([1, -1]), made[0])
    assert.equal([...(await host.read())], want(1, 2))
  }),
)

test(
  'replay: activation memory that has grown, and a variable that was released, are bound anew',
  withDevice(async (device) => {
    const v = vector('v', 1, 2)
    const step = device.compile((x: Tensor) =>
      assign(v, add(reshape(matmul(x, matmul(x, x)), []), v)),
    )
    const large = device.compile((x: Tensor) => matmul(matmul(x, x), x))
    const small = hostTensor([3], [1, 1])
    const read = async () => {
      const r = await step.run(small)
      const values = [...(await r.read())]
      r.dispose()
      return values
    }
    assert.equal(await read(), [28, 29])
    const side = 256
    ;(await large.run(hostTensor(new Float32Array(side * side), [side, side]))).dispose()
    assert.equal(await read(), [55, 56])
    device.release(v)
    assert.equal(await read(), [28, 29])
  }),
)

test(
  'replay: progress counts each distinct kernel once, and what a listener throws, the run throws',
  withDevice(async (device) => {
    const told: CompileProgress[] = []
    const { step } = network()
    const args = batch(10, 14)
    using program = device.compile(step, { onProgress: (p) => told.push(p) })
    for (let i = 0; i < 2; i++) for (const r of await program.run(...args)) r.dispose()
    const { kernels } = program.stages(...args).plan
    assert.equal(
      told.map((p) => [p.made, p.total]),
      [...kernels].map((_, i) => [i + 1, kernels.size]),
    )
    assert.equal(told.map((p) => p.label).sort(), [...kernels].sort())
    using failing = device.compile(step, {
      onProgress: () => {
        throw new Error('stop it')
      },
    })
    assert.match((await refusal(() => failing.run(...args))).message, /stop it/)
  }),
)

test('submissions: the fewest of which each is estimated below a tenth of a second', () => {
  const caps = { ...defaultCaps, kind: 'lavapipe', software: true } as const
  const x = f32(512, 512)
  const deep = (x: Tensor) => {
    let y = x
    for (let i = 0; i < 40; i++) y = matmul(y, x)
    return y
  }
  const { plan } = stages(deep, [x], caps)
  const profile = deviceProfiles.lavapipe
  const each = plan.steps.flatMap(({ node, dispatches }) => {
    const busy = secondsOf(node, profile) - profile.secondsPerDispatch
    return dispatches.map(() => busy / dispatches.length + profile.secondsPerDispatch)
  })
  const ends = [...submissionEnds(plan, caps), each.length - 1]
  const sums = ends.map((end, i) =>
    each.slice(i ? ends[i - 1] + 1 : 0, end + 1).reduce((a, b) => a + b),
  )
  assert.ok(ends.length > 2, `${ends}`)
  assert.ok(
    sums.every((s) => s <= 0.1),
    `${sums}`,
  )
  // With the first dispatch of the next one each but the last would be longer.
  sums.slice(0, -1).forEach((s, i) => {
    assert.ok(s + each[ends[i] + 1] > 0.1)
  })
  // A GPU's profile says what it could do; a part of that is expected.
  assert.ok(submissionEnds(plan, { ...caps, kind: 'discrete', software: false }).size === 0)
})

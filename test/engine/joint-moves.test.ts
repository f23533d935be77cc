// Variables that move into a buffer together while something else goes on: a program that is refused half-way, a run for which
// there is no memory, a release or a read in the middle, and programs that were ready before.

import * as assert from 'uvu/assert'
import {
  assign,
  type Device,
  DeviceError,
  hostTensor,
  matmul,
  mul,
  OutOfMemoryError,
  sub,
  sum,
  type Tensor,
  type Variable,
} from '../../engine/node.ts'
import { planBytes } from '../../engine/plan/plan.ts'
import { withDevice as onDevice } from '../checks.ts'
import { test } from '../harness.ts'
import { refusal, vector, withDevice } from './own-device.ts'

/** v ← v − v·x·rate for all of them, which is one dispatch. */
const updates = (vs: readonly Variable[], rate: number) => (x: Tensor) => {
  for (const v of vs) assign(v, sub(v, mul(mul(v, x), rate)))
  return x
}
const named = (...names: string[]) => names.map((name, i) => vector(name, i + 1, 2, 3, 4))
const valuesOf = async (device: Device, vs: readonly Variable[]) => {
  const values: number[] = []
  for (const v of vs) values.push((await device.read(v))[0])
  return values
}

test(
  'joint: a program that is refused for one variable leaves the others where they are, with their values',
  withDevice(async (device) => {
    const [a, b, c, d, e] = named('a', 'b', 'c', 'd', 'e')
    for (const v of [a, b, d]) device.write(v, Float32Array.of(7, 7, 7, 7))
    await onDevice({}, async (other) => {
      // Two pools: the second cannot be had when the first has moved.
      await other.read(c)
      const fn = (x: Tensor) => {
        for (const v of [d, e]) assign(v, mul(v, x))
        return updates([a, b, c], 0.5)(x)
      }
      using step = device.compile(fn)
      assert.is(step.stages({ dtype: 'f32', shape: [] }).plan.pools.length, 2)
      assert.instance(await refusal(() => step.run(1)), DeviceError)
      assert.equal(await valuesOf(device, [a, b, d]), [7, 7, 7])
      other.release(c)
      ;(await step.run(1)).dispose()
      assert.equal(await valuesOf(device, [a, b, c, d, e]), [3.5, 3.5, 1.5, 7, 5])
    })
    for (const v of [a, b, c, d, e]) device.release(v)
    assert.is(device.stats().variableBytes, 0)
  }),
)

/** Lets the next run on a device fail for want of memory. */
function failOnce({ gpu }: Device): void {
  const { popErrorScope: pop } = gpu
  let scopes = 0
  gpu.popErrorScope = async () => {
    // The scope for memory is the inner one.
    const first = ++scopes === 1
    if (scopes === 2) gpu.popErrorScope = pop
    const caught = await pop.call(gpu)
    return first ? ({ message: 'no room' } as GPUError) : caught
  }
}

test(
  'joint: where there is no memory to move, variables keep what they had, but for one that was released meanwhile',
  withDevice(async (device) => {
    const [a, b, c, d] = named('a', 'b', 'c', 'd')
    for (const v of [a, b, c]) device.write(v, Float32Array.of(8, 8, 8, 8))
    using three = device.compile(updates([a, b, c], 0.5))
    using pair = device.compile(updates([c, d], 0.25))
    // Pipelines are there afterwards, so that the next run begins at once.
    for (const p of [three, pair]) (await p.run(0)).dispose()
    for (const v of [a, b, c, d]) device.release(v)
    for (const v of [a, b, c]) device.write(v, Float32Array.of(8, 8, 8, 8))
    failOnce(device)
    const failing = refusal(() => three.run(1))
    device.release(b)
    assert.instance(await failing, OutOfMemoryError)
    assert.equal(await valuesOf(device, [a, c]), [8, 8])
    // It starts from its first value, and everything can be moved again.
    assert.equal(await valuesOf(device, [b]), [2])
    ;(await three.run(1)).dispose()
    assert.equal(await valuesOf(device, [a, b, c]), [4, 1, 4])
    ;(await pair.run(1)).dispose()
    assert.equal(await valuesOf(device, [a, b, c, d]), [4, 1, 3, 3])
    await device.idle()
    for (const v of [a, b, c, d]) device.release(v)
    assert.is(device.stats().variableBytes, 0)
  }),
)

test(
  'joint: moves of several programs at once, with reads and writes between them, lose nothing',
  withDevice(async (device) => {
    const vs = named('a', 'b', 'c', 'd', 'e')
    const [a, b, c, d, e] = vs
    for (const v of vs) device.write(v, Float32Array.of(64, 64, 64, 64))
    const programs = [
      [a, b],
      [c, d],
      [b, c, e],
      [d, a],
    ].map((list) => device.compile(updates(list, 0.5)))
    // Nobody waits for anybody: each run is submitted in turn.
    for (const p of programs) p.stages({ dtype: 'f32', shape: [] })
    const read = device.read(a)
    const runs = programs.map((p) => p.run(1))
    for (const r of await Promise.all(runs)) r.dispose()
    assert.is((await read)[0], 64)
    assert.equal(await valuesOf(device, vs), [16, 16, 16, 16, 32])
    const again = programs.map((p) => p.run(1))
    const between = device.read(d)
    device.write(e, Float32Array.of(1, 1, 1, 1))
    for (const r of await Promise.all(again)) r.dispose()
    assert.is((await between)[0], 4)
    assert.equal(await valuesOf(device, vs), [4, 4, 4, 4, 1])
    await device.idle()
    for (const v of vs) device.release(v)
    assert.is(device.stats().variableBytes, 0)
    for (const p of programs) p.dispose()
  }),
)

test(
  'joint: variables that had memory before take it twice only until a program is ready, not beside its activations',
  withDevice(async (device) => {
    const vs = Array.from({ length: 8 }, (_, i) => vector(`v${i}`, ...new Array(4096).fill(i)))
    for (const v of vs) device.write(v, v.initial())
    const fn = (x: Tensor) => {
      const y = matmul(matmul(x, x), x)
      for (const v of vs) assign(v, mul(v, 0.5))
      return sum(y)
    }
    using step = device.compile(fn)
    const x = hostTensor(new Float32Array(512 * 512), [512, 512])
    const { plan } = step.stages(x)
    assert.ok(plan.pools.length > 0 && plan.activationBytes > 2 ** 20)
    ;(await step.run(x)).dispose()
    assert.is(device.stats().peakBytes, planBytes(plan))
    assert.equal(await valuesOf(device, vs.slice(0, 3)), [0, 0.5, 1])
  }),
)

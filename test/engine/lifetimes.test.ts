// What comes back and when: device memory, and everything else after a run that failed.

import { setTimeout as sleep } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import * as assert from 'uvu/assert'
import {
  add,
  type Device,
  DeviceError,
  hostTensor,
  mul,
  NonFiniteError,
  OutOfMemoryError,
  StaleTensorError,
  square,
  type Tensor,
} from '../../engine/node.ts'
import { test } from '../harness.ts'
import { refusal, vector, withDevice } from './own-device.ts'

setFlagsFromString('--expose-gc')
const collect: () => void = runInNewContext('gc')

/** Collects garbage until `done`, a few times at most. */
async function collected(done: () => boolean): Promise<void> {
  for (let i = 0; i < 20 && !done(); i++) {
    collect()
    await sleep(5)
  }
}

const big = (n = 4096) => hostTensor(new Float32Array(n).fill(1))
const twice = (x: Tensor) => mul(x, 2)

/** Depth of error scopes, and buffers made outside of any. */
function watchScopes(device: Device) {
  const { gpu } = device
  const state = { depth: 0, outside: [] as string[] }
  const push = gpu.pushErrorScope.bind(gpu)
  const pop = gpu.popErrorScope.bind(gpu)
  const create = gpu.createBuffer.bind(gpu)
  gpu.pushErrorScope = (filter) => {
    state.depth++
    push(filter)
  }
  gpu.popErrorScope = () => {
    state.depth--
    return pop()
  }
  gpu.createBuffer = (descriptor) => {
    if (!state.depth) state.outside.push(descriptor.label ?? '')
    return create(descriptor)
  }
  return state
}

// ---- memory

test(
  'lifetimes: a result that outlives its program gives its memory back',
  withDevice(async (device) => {
    const program = device.compile(twice)
    // What stays is memory for reading back.
    const first = await program.run(big())
    await first.read()
    program.dispose()
    await sleep(0)
    first.dispose()
    const before = device.stats().allocatedBytes
    assert.is(before, 16384)
    const again = device.compile(twice, { cache: 1 })
    const evicted = await again.run(big())
    const held = await again.run(big(8192))
    again.dispose()
    await sleep(0)
    assert.equal((await evicted.read()).length, 4096)
    evicted.dispose()
    held.dispose()
    assert.is(device.stats().allocatedBytes, before)
  }),
)

test(
  'lifetimes: a watch that throws disposes the results',
  withDevice(async (device) => {
    const program = device.compile((x: Tensor) => square(x), { watch: true })
    const run = (x: number) => program.run(hostTensor(new Float32Array(4096).fill(x)))
    ;(await run(1)).dispose()
    const { buffersMade } = device.stats()
    for (let i = 0; i < 5; i++) assert.instance(await refusal(() => run(1e30)), NonFiniteError)
    assert.is(device.stats().buffersMade, buffersMade)
  }),
)

test(
  'lifetimes: a released variable starts again from its initial value',
  withDevice(async (device) => {
    const v = vector('v', 1, 2)
    const stale = mul(v, 1)
    device.write(v, Float32Array.of(5, 6))
    const program = device.compile(() => mul(v, 10))
    assert.equal([...(await (await program.run()).read())], [50, 60])
    assert.is(device.stats().variableBytes, 16)
    device.release(v)
    device.release(v)
    assert.is(device.stats().variableBytes, 0)
    assert.equal([...(await (await program.run()).read())], [10, 20])
    assert.instance(await refusal(() => device.read(stale)), StaleTensorError)
    device.release(v)
    await withDevice(async (other) => {
      assert.equal([...(await other.read(v))], [1, 2])
    })()
  }),
)

test(
  'lifetimes: variables that nobody holds give their memory back',
  withDevice(async (device) => {
    const kept = vector('kept', 1)
    const use = async () => {
      for (let i = 0; i < 20; i++) {
        const v = vector('v', ...new Array(64).fill(i))
        const program = device.compile(() => mul(v, kept))
        ;(await program.run()).dispose()
        program.dispose()
      }
    }
    await use()
    await collected(() => device.stats().variableBytes === 16)
    assert.is(device.stats().variableBytes, 16)
    assert.equal([...(await device.read(kept))], [1])
  }),
)

test(
  'lifetimes: results that were dropped come back, and a sentence says so once',
  withDevice(async (device, said) => {
    const program = device.compile(twice)
    const use = async () => {
      for (let i = 0; i < 10; i++) await program.run(big())
    }
    await use()
    const before = device.stats().allocatedBytes
    // Three of them stay with the program, for its next results.
    await collected(() => device.stats().allocatedBytes <= before - 7 * 16384)
    assert.is(device.stats().allocatedBytes, before - 7 * 16384)
    assert.is(said.length, 1)
    assert.match(said[0], /dispose\(\).*`using`/)
  }),
)

// ---- runs that fail

test(
  'lifetimes: a run that throws leaves no error scope behind',
  withDevice(async (device) => {
    const scopes = watchScopes(device)
    const program = device.compile(twice)
    const gone = await device.compile(twice).run(big())
    gone.dispose()
    for (let i = 0; i < 2; i++) assert.instance(await refusal(() => program.run(gone)), DeviceError)
    assert.is(scopes.depth, 0)
    assert.is((await (await program.run(big())).read())[0], 2)
    assert.is(scopes.depth, 0)
  }),
)

test(
  'lifetimes: every buffer of a program is made inside error scopes',
  withDevice(async (device) => {
    const scopes = watchScopes(device)
    const v = vector('v', 1)
    const program = device.compile((x: Tensor) => add(mul(x, 2), v))
    const held = []
    for (let i = 0; i < 6; i++) held.push(await program.run(big()))
    assert.equal(scopes.outside, [])
    device.release(v)
    held.push(await program.run(big()))
    assert.equal(scopes.outside, [])
  }),
)

test(
  'lifetimes: out of memory is an error of its own, and the next run makes everything anew',
  withDevice(async (device) => {
    const v = vector('v', 1)
    const program = device.compile((x: Tensor) => add(mul(x, 2), v))
    const { gpu } = device
    const { pushErrorScope: push, popErrorScope: pop } = gpu
    const problem = { message: 'no room' } as GPUError
    const open: GPUErrorFilter[] = []
    gpu.pushErrorScope = (filter) => {
      open.push(filter)
      push.call(gpu, filter)
    }
    // The first scope for memory belongs to the making of buffers, the second to the run.
    for (const failing of [1, 2]) {
      let scopes = 0
      gpu.popErrorScope = async () => {
        const filter = open.pop()
        const caught = await pop.call(gpu)
        return filter === 'out-of-memory' && ++scopes === failing ? problem : caught
      }
      const error = await refusal(() => program.run(big()))
      assert.instance(error, OutOfMemoryError)
      assert.match(
        error.message,
        /not enough memory: the plan needs .* for arguments; .*\(no room\)/,
      )
      assert.is(device.stats().variableBytes, 0)
      gpu.popErrorScope = pop
    }
    gpu.pushErrorScope = push
    assert.is((await (await program.run(big())).read())[0], 3)

    class GPUOutOfMemoryError {
      readonly message = 'no room at all'
      readonly [Symbol.toStringTag] = 'GPUOutOfMemoryError'
    }
    const event = { error: new GPUOutOfMemoryError() } as unknown as GPUUncapturedErrorEvent
    gpu.onuncapturederror!.call(gpu, event)
    const later = await refusal(() => program.run(big()))
    assert.instance(later, OutOfMemoryError)
    assert.match(later.message, /no room at all/)
  }),
)

test(
  'lifetimes: stages alone make nothing on the device, and a compilation that failed is tried again',
  withDevice(
    async (device) => {
      const program = device.compile((x: Tensor) => add(x, 1))
      const { buffersMade, pipelines } = device.stats()
      program.stages({ dtype: 'f32', shape: [8] })
      await sleep(20)
      assert.is(device.stats().buffersMade, buffersMade)
      assert.is(device.stats().pipelines, pipelines)

      const { gpu } = device
      const create = gpu.createComputePipelineAsync
      gpu.createComputePipelineAsync = () => Promise.reject(new Error('not today'))
      assert.match((await refusal(() => program.run(big(8)))).message, /not today/)
      gpu.createComputePipelineAsync = create
      assert.is((await (await program.run(big(8))).read())[0], 2)
    },
    { defaultLimits: true },
  ),
)

// What comes back and when: device memory, errors of runs that fail, and the values that a run computes with.

import { setTimeout as sleep } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import * as assert from 'uvu/assert'
import {
  add,
  assign,
  type Device,
  DeviceError,
  DeviceTensor,
  hostTensor,
  log,
  mul,
  NonFiniteError,
  OptionError,
  OutOfMemoryError,
  openDevice,
  read,
  ShapeError,
  StaleTensorError,
  type Tensor,
  Variable,
} from '../engine/node.ts'
import { test } from './harness.ts'

const vector = (name: string, ...values: number[]) =>
  new Variable({ dtype: 'f32', shape: [values.length] }, () => Float32Array.from(values), name)

const withDevice =
  (use: (device: Device, said: string[]) => Promise<void>, options = {}) =>
  async () => {
    const said: string[] = []
    const device = await openDevice({ ...options, say: (sentence) => said.push(sentence) })
    try {
      await use(device, said)
    } finally {
      device.close()
    }
  }

const refusal = async (run: () => unknown): Promise<Error> => {
  try {
    await run()
  } catch (error) {
    return error as Error
  }
  throw new Error('nothing was thrown')
}

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
    const program = device.compile((x: Tensor) => log(x), { watch: true })
    const run = (x: number) => program.run(hostTensor(new Float32Array(4096).fill(x)))
    ;(await run(1)).dispose()
    const { buffersMade } = device.stats()
    for (let i = 0; i < 5; i++) assert.instance(await refusal(() => run(-1)), NonFiniteError)
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
    const pop = gpu.popErrorScope
    const problem = { message: 'no room' } as GPUError
    // The first pair of scopes belongs to the making of buffers, the second to the run.
    for (const failing of [1, 3]) {
      let pops = 0
      gpu.popErrorScope = async () => {
        const caught = await pop.call(gpu)
        return ++pops === failing ? problem : caught
      }
      const error = await refusal(() => program.run(big()))
      assert.instance(error, OutOfMemoryError)
      assert.match(error.message, /has not enough memory: the p.* needs .*\(no room\)/)
      assert.is(device.stats().variableBytes, 0)
      gpu.popErrorScope = pop
    }
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

// ---- what a run computes with

test(
  'lifetimes: arguments that do not fit are refused',
  withDevice(async (device) => {
    const one = device.compile((x: Tensor, rate: Tensor) => mul(x, rate))
    const f32 = { dtype: 'f32', shape: [4] } as const
    const wrong: [args: unknown[], kind: typeof OptionError | typeof ShapeError, text: RegExp][] = [
      [[1], OptionError, /takes 2 arguments and got 1/],
      [[1, undefined], OptionError, /argument 1 is undefined\n {2}hint: pass hostTensor/],
      [[vector('w', 1), 1], OptionError, /argument 0 is the variable w/],
      [[mul(vector('w', 1), 1), 1], OptionError, /argument 0 is a lazy tensor/],
      [[Float32Array.of(1), 1], OptionError, /argument 0 is data without a shape/],
      [[{ ...f32, data: new Float32Array(3) }, 1], ShapeError, /needs 4 elements.* data has 3/],
      [[{ ...f32, data: new Int32Array(4) }, 1], ShapeError, /f32 is no Int32Array/],
      [[{ ...f32, data: new Float64Array(4) }, 1], ShapeError, /f32 is no Float64Array/],
    ]
    for (const [args, kind, text] of wrong) {
      const error = await refusal(() => one.run(...(args as number[])))
      assert.instance(error, kind)
      assert.match(error.message, text)
    }
    assert.throws(() => one.stages(f32), /takes 2 arguments and got 1/)
    const defaults = device.compile((x: Tensor, ...more: Tensor[]) => more.reduce(mul, x))
    assert.is(await (await defaults.run(3)).value(), 3)
    assert.is(await (await defaults.run(3, 4, 5)).value(), 60)
  }),
)

test(
  'lifetimes: write refuses another dtype of the same size',
  withDevice(async (device) => {
    const v = vector('weight', 1, 2)
    for (const data of [Int32Array.of(5, 6), Float32Array.of(1, 2, 3)]) {
      const error = await refusal(() => device.write(v, data))
      assert.instance(error, ShapeError)
      assert.match(error.message, /^write: .*weight f32\[2\]/)
    }
    assert.equal([...(await device.read(v))], [1, 2])
  }),
)

test(
  'lifetimes: static arguments are part of which program runs',
  withDevice(async (device) => {
    const seen: unknown[] = []
    const program = device.compile((x: Tensor, mode: 'add' | 'mul', y: Tensor, minus: boolean) => {
      seen.push(mode, minus)
      const z = mode === 'add' ? add(x, y) : mul(x, y)
      return minus ? mul(z, -1) : z
    })
    const run = async (...args: Parameters<typeof program.run>) =>
      (await program.run(...args)).value()
    assert.is(await run(3, 'add', 4, false), 7)
    assert.is(await run(3, 'mul', 4, false), 12)
    assert.is(await run(3, 'mul', 4, true), -12)
    assert.is(await run(5, 'add', 4, false), 9)
    assert.equal(seen, ['add', false, 'mul', false, 'mul', true])
    const f32 = { dtype: 'f32', shape: [] } as const
    assert.is(program.stages(f32, 'add', f32, true).plan.graph.inputs.length, 2)
  }),
)

test(
  'lifetimes: versions are counted before a run returns',
  withDevice(async (device) => {
    const v = vector('v', 1)
    const before = mul(v, 1)
    const step = device.compile(() => assign(v, add(v, 1)))
    for (let i = 0; i < 2; i++) {
      const running = step.run()
      if (i) assert.is(v.version, 2)
      const next = await running
      assert.is(v.version, i + 1)
      next.dispose()
    }
    assert.instance(await refusal(() => device.read(before)), StaleTensorError)

    // The first run of another program: its version counts while its errors are still waited for.
    const other = device.compile(() => assign(v, add(v, 1)))
    const { gpu } = device
    const pop = gpu.popErrorScope
    const seen: number[] = []
    gpu.popErrorScope = () => {
      seen.push(v.version)
      return pop.call(gpu)
    }
    await other.run()
    assert.equal(seen, [2, 2, 3, 3])
  }),
)

test(
  'lifetimes: a program refuses a lazy tensor from outside whose variable was overwritten',
  withDevice(async (device) => {
    const v = vector('weight', 1)
    const outside = mul(v, 3)
    const program = device.compile((x: Tensor) => add(outside, mul(x, v)))
    assert.is(await (await program.run(1)).value(), 4)
    device.write(v, Float32Array.of(5))
    for (const p of [program, device.compile((x: Tensor) => add(outside, x))]) {
      const error = await refusal(() => p.run(1))
      assert.instance(error, StaleTensorError)
      assert.match(error.message, /reads weight as it was/)
    }
    const inside = device.compile((x: Tensor) => add(mul(read(v), 3), x))
    assert.is(await (await inside.run(1)).value(), 16)
    device.write(v, Float32Array.of(6))
    assert.is(await (await inside.run(1)).value(), 19)
  }),
)

test(
  'lifetimes: the watch tells what came in from what was made',
  withDevice(async (device) => {
    const v = vector('weight', 1)
    const program = device.compile((_: string, x: Tensor) => log(mul(x, v)), { watch: true })
    const run = (x: number) => program.run('static', x)
    assert.match(
      (await refusal(() => run(Number.NaN))).message,
      /^argument 1 has a value that is not finite: f32\[\]\n.*it came in so/,
    )
    assert.match((await refusal(() => run(0))).message, /^log in .*\n.*its inputs were finite/)
    device.write(v, Float32Array.of(Number.NaN))
    assert.match(
      (await refusal(() => run(1))).message,
      /^the variable weight has a value.*\n.*so before/,
    )
    const none = device.compile((x: Tensor) => mul(x, 2), { watch: true })
    assert.equal(await (await none.run(hostTensor(Int32Array.of(2), []))).value(), 4)
  }),
)

test(
  'lifetimes: host data is read before run returns',
  withDevice(async (device) => {
    const program = device.compile(twice)
    const data = new Float32Array(4)
    const runs: Promise<DeviceTensor>[] = []
    // The first two wait for the compilation, the others do not.
    for (let i = 0; i < 4; i++) {
      data.fill(i)
      runs.push(program.run(hostTensor(data)))
      if (i > 1) await runs[i]
    }
    const values = await Promise.all((await Promise.all(runs)).map((r) => r.read()))
    assert.equal(
      values.map((v) => v[0]),
      [0, 2, 4, 6],
    )
    assert.instance(await runs[0], DeviceTensor)
  }),
)

// The order of what is asked of a device: nothing overtakes a first run, which waits for its kernels, and what a run was given
// may be let go of at once. Every test asks without waiting; the kernels are new to its device.

import * as assert from 'uvu/assert'
import {
  add,
  assign,
  constant,
  conv2d,
  type Device,
  DeviceError,
  type DeviceTensor,
  hostTensor,
  mul,
  openDevice,
  read,
  StaleTensorError,
  square,
  sub,
  sum,
  type Tensor,
} from '../../engine/node.ts'
import { test } from '../harness.ts'
import { refusal, vector, withDevice } from './own-device.ts'

const one = hostTensor([1], [1])
const numbers = async (result: DeviceTensor | Promise<unknown>) => {
  using t = (await result) as DeviceTensor
  return [...(await t.read())]
}

test(
  'turns: two programs, and one with two static arguments, run in the order of asking',
  withDevice(async (device) => {
    const v = vector('v', 1)
    const twice = device.compile((x: Tensor) => assign(v, mul(mul(read(v), 2), x)))
    const ten = device.compile(() => assign(v, add(read(v), 10)))
    await numbers(ten.run())
    device.write(v, Float32Array.of(1))
    assert.equal(await Promise.all([twice.run(one), ten.run()].map(numbers)), [[2], [12]])

    const by = device.compile((way: string, x: Tensor) =>
      assign(
        v,
        way === 'twice' ? mul(read(v), add(x, 1)) : sum(add(read(v), 10), [0], { keepDims: true }),
      ),
    )
    device.write(v, Float32Array.of(1))
    assert.equal(await Promise.all([by.run('twice', one), by.run('ten', one)].map(numbers)), [
      [2],
      [12],
    ])
    for (const program of [twice, ten, by]) program.dispose()
  }),
)

test(
  'turns: reading, writing and releasing a variable wait for the run before them',
  withDevice(async (device) => {
    const v = vector('v', 1)
    const program = device.compile(() => assign(v, mul(read(v), 7)))
    const result = program.run()
    const seen = device.read(v)
    const data = Float32Array.of(100)
    device.write(v, data)
    data[0] = 0
    const after = device.read(v)
    device.release(v)
    const at = device.read(v)
    assert.equal([...(await seen)], [7])
    assert.equal([...(await after)], [100])
    assert.equal([...(await at)], [1])
    assert.equal(await numbers(result), [7])
    assert.not(device.turns.busy)
    program.dispose()
  }),
)

test(
  'turns: a tensor that reads a variable is stale when a run before it overwrites the variable',
  withDevice(async (device) => {
    const v = vector('v', 1)
    await device.read(v)
    const t = mul(v, 3)
    const program = device.compile(() => assign(v, add(read(v), 0.5)))
    const [, error] = await Promise.all([numbers(program.run()), refusal(() => device.read(t))])
    assert.instance(error, StaleTensorError)
    program.dispose()
  }),
)

test(
  'turns: what is written to while a run waits may be read by a tensor built right after',
  withDevice(async (device) => {
    const v = vector('v', 1)
    const program = device.compile(() => assign(v, mul(add(read(v), 1), 11)))
    const result = program.run()
    device.write(v, Float32Array.of(100))
    const t = mul(v, 3)
    assert.equal([...(await device.read(t))], [300])
    assert.equal(await numbers(result), [22])

    const elsewhere = await openDevice({ say() {} })
    const theirs = vector('theirs', 1)
    await elsewhere.read(theirs)
    const again = device.compile(() => assign(v, mul(add(read(v), 2), 13))).run()
    assert.throws(() => device.write(theirs, Float32Array.of(1)), /theirs lives on another device/)
    assert.equal(await numbers(again), [1326])
    elsewhere.close()
  }),
)

test(
  'turns: nothing runs or ends within a profile of each dispatch',
  withDevice(async (device) => {
    const v = vector('v', ...new Float32Array(64))
    const program = device.compile((x: Tensor) => sum(square(sub(mul(x, 2), v)), [0]))
    const small = hostTensor(new Float32Array(64), [64])
    await numbers(program.run(small))
    const profile = program.profileApart(small)
    const large = program.run(hostTensor(new Float32Array(64 * 4096), [4096, 64]))
    program.dispose()
    assert.ok((await profile).ms.length > 0)
    assert.is((await numbers(large)).length, 64)
  }),
)

test(
  'turns: a tensor that is donated twice, or beside one that is gone, is taken once or not at all',
  withDevice(async (device) => {
    const maker = device.compile((x: Tensor) => mul(x, 2))
    const made = async () => (await maker.run(hostTensor([1, 2], [2]))) as DeviceTensor
    const [x, gone] = [await made(), await made()]
    gone.dispose()
    const program = device.compile((a: Tensor, b: Tensor) => add(mul(a, 5), b))
    const bytes = () => device.stats().allocatedBytes
    const before = bytes()
    assert.instance(await refusal(() => program.run(x, gone)), DeviceError)
    const y = x.donate()
    assert.equal(await numbers(program.run(y, y)), [12, 24])
    assert.instance(await refusal(() => x.read()), DeviceError)
    for (const p of [maker, program]) p.dispose()
    while (device.turns.busy) await device.idle()
    assert.ok(bytes() <= before, `${bytes()} of ${before} bytes`)
  }),
)

test(
  'turns: a program that tunes first, disposed right behind its first run, leaves nothing',
  withDevice(async (device) => {
    const x = hostTensor(new Float32Array(2 * 9 * 9 * 8), [2, 9, 9, 8])
    const w = constant(new Float32Array(3 * 3 * 8 * 8), [3, 3, 8, 8])
    const program = device.compile((image: Tensor) => conv2d(image, w), {
      tune: { seconds: 1e-6, keep: false },
    })
    const results = [program.run(x), program.run(x)]
    program.dispose()
    for (const result of results) await numbers(result)
    while (device.turns.busy) await device.idle()
    device.arena.drop()
    assert.ok(device.stats().allocatedBytes < 40_000, `${device.stats().allocatedBytes} bytes`)
  }),
)

test(
  'turns: a run that fails lets those behind it go on',
  withDevice(async (device) => {
    const v = vector('v', 1)
    const fails = device.compile(() => assign(v, mul(read(v), 5)), {
      onProgress() {
        throw new RangeError('told and refused')
      },
    })
    const [error, value] = await Promise.all([refusal(() => fails.run()), device.read(v)])
    assert.instance(error, RangeError)
    assert.equal([...value], [1])
    fails.dispose()
  }),
)

test(
  'turns: arguments of a first run may be disposed or donated, and its program disposed, right behind it',
  withDevice(async (device) => {
    const before = device.stats().allocatedBytes
    const makers = [2, 3].map((factor) => device.compile(() => mul(constant([1, 2, 3, 4]), factor)))
    const [x, y] = (await Promise.all(makers.map((m) => m.run()))) as DeviceTensor[]
    const program = device.compile((a: Tensor, b: Tensor) => sum(mul(add(a, 1), b), [0]))
    const result = program.run(x, y.donate())
    x.dispose()
    program.dispose()
    const error = await refusal(() => y.read())
    assert.instance(error, DeviceError)
    assert.equal(await numbers(result), [3 * 3 + 5 * 6 + 7 * 9 + 9 * 12])
    for (const m of makers) m.dispose()
    while (device.turns.busy) await device.idle()
    device.arena.drop()
    const left = device.stats().allocatedBytes - before
    // The read-back buffer of one number stays.
    assert.ok(left <= 256, `${left} bytes`)
  }),
)

test(
  'turns: nothing is written to what is no variable, or to a device that is gone',
  withDevice(async (device) => {
    const v = vector('v', 1)
    const write = (what: unknown) => () => device.write(what as typeof v, Float32Array.of(1))
    assert.match(`${await refusal(write(mul(v, 2)))}`, /only a variable can be written/)
    const t = mul(assignedOnce(device, v), 3)
    await device.read(t)
    device.close()
    assert.instance(await refusal(write(v)), DeviceError)
    assert.is(v.version, 1)
    // What it held is lost with it: a tensor that read that is stale on the next device, whose value is the first one.
    const next = await openDevice({ say() {} })
    assert.equal([...(await next.read(v))], [1])
    assert.instance(await refusal(() => next.read(t)), StaleTensorError)
    next.close()
  }),
)

function assignedOnce(device: Device, v: ReturnType<typeof vector>) {
  device.write(v, Float32Array.of(5))
  return v
}

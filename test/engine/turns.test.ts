// The order of what is asked of a device: nothing overtakes a first run, which waits for its kernels, and what a run was given
// may be let go of at once. Every test asks without waiting; the kernels are new to its device.

import * as assert from 'uvu/assert'
import {
  add,
  assign,
  constant,
  type Device,
  DeviceError,
  type DeviceTensor,
  hostTensor,
  mul,
  openDevice,
  read,
  StaleTensorError,
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
    assert.instance(await refusal(() => next.read(t)), StaleTensorError)
    assert.equal([...(await next.read(v))], [1])
    next.close()
  }),
)

function assignedOnce(device: Device, v: ReturnType<typeof vector>) {
  device.write(v, Float32Array.of(5))
  return v
}

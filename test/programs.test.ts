import * as assert from 'uvu/assert'
import {
  add,
  assign,
  constant,
  type Device,
  DeviceError,
  grad,
  hostTensor,
  log,
  maximum,
  mean,
  mul,
  NonFiniteError,
  OutOfMemoryError,
  openDevice,
  read,
  relu,
  ShapeError,
  StaleTensorError,
  scope,
  sub,
  sum,
  type Tensor,
  Variable,
} from '../engine/node.ts'
import { test } from './harness.ts'

const vector = (name: string, ...values: number[]) =>
  new Variable({ dtype: 'f32', shape: [values.length] }, () => Float32Array.from(values), name)

async function withDevice(use: (device: Device) => Promise<void>, options = {}): Promise<void> {
  const device = await openDevice(options)
  try {
    await use(device)
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

test('programs: an assignment is seen by reads after it, and not by those before', () =>
  withDevice(async (device) => {
    const v = vector('v', 1, 2)
    const step = device.compile(() => {
      const old = read(v)
      const next = assign(v, add(old, 10))
      // The old version is used after, and together with, the new one.
      return { old: mul(old, 1), both: mul(next, old), again: assign(v, mul(v, 2)) }
    })
    const r = await step.run()
    assert.equal([...(await r.old.read())], [1, 2])
    assert.equal([...(await r.both.read())], [11, 24])
    assert.equal([...(await r.again.read())], [22, 24])
    assert.equal([...(await device.read(v))], [22, 24])
  }))

test('programs: a lazy tensor refuses to read an overwritten version', () =>
  withDevice(async (device) => {
    const v = vector('weight', 1, 2)
    const before = mul(v, 3)
    assert.equal([...(await device.read(before))], [3, 6])
    const step = device.compile(() => assign(v, add(v, 1)))
    ;(await step.run()).dispose()
    const error = await refusal(() => device.read(before))
    assert.instance(error, StaleTensorError)
    assert.match(error.message, /weight/)
    assert.equal([...(await device.read(mul(v, 3)))], [6, 9])
  }))

test('programs: what one returns feeds the next without leaving the device', () =>
  withDevice(async (device) => {
    const twice = device.compile((x) => mul(x, 2))
    const first = await twice.run(hostTensor([1, 2, 3]))
    const second = await twice.run(first)
    assert.equal([...(await second.read())], [4, 8, 12])
    first.dispose()
    const error = await refusal(() => twice.run(first))
    assert.instance(error, DeviceError)
  }))

test('programs: results held beyond the pool keep their values', () =>
  withDevice(async (device) => {
    const square = device.compile((x) => mul(x, x))
    const held = []
    for (let i = 0; i < 8; i++) held.push(await square.run(i))
    assert.equal(await Promise.all(held.map((t) => t.value())), [0, 1, 4, 9, 16, 25, 36, 49])
  }))

test('programs: another shape is another plan, and the same pipelines', () =>
  withDevice(async (device) => {
    const f = device.compile((x: Tensor) => sum(relu(sub(mul(x, 3), 1)), [1]))
    const run = async (h: number, w: number) => {
      const r = await f.run(hostTensor(new Float32Array(h * w).fill(1), [h, w]))
      return [...(await r.read())]
    }
    assert.equal(await run(2, 8), [16, 16])
    const { pipelines } = device.stats()
    assert.equal(await run(3, 12), [24, 24, 24])
    assert.is(device.stats().pipelines, pipelines)
  }))

test('programs: the watch names the first node whose value is not finite', () =>
  withDevice(async (device) => {
    const f = (x: Tensor) =>
      scope('head', () =>
        mean(
          maximum(
            scope('bad', () => log(x)),
            constant([0, 0]),
          ),
        ),
      )
    const watching = device.compile(f, { watch: true })
    assert.is(await (await watching.run(hostTensor([1, 1]))).value(), 0)
    const error = await refusal(() => watching.run(hostTensor([-1, 1])))
    assert.instance(error, NonFiniteError)
    assert.match(error.message, /^log in head\.bad/)
  }))

test('programs: a variable lives on one device', () =>
  withDevice((one) =>
    withDevice(async (two) => {
      const v = vector('shared', 1)
      await one.read(v)
      const error = await refusal(() => two.read(mul(v, 2)))
      assert.instance(error, DeviceError)
      assert.match(error.message, /shared lives on another device/)
    }),
  ))

test('programs: planning refuses what no binding can hold', () =>
  withDevice(
    async (device) => {
      const big = { dtype: 'f32', shape: [2 ** 26] } as const
      const f = device.compile((x) => ({ x: mul(x, 2) }))
      const error = await refusal(() => f.stages(big))
      assert.instance(error, OutOfMemoryError)
      assert.match(error.message, /f32\[67108864\] takes 256 MiB.* binds at most 128 MiB/)
    },
    { defaultLimits: true },
  ))

test('programs: a closed device says so', async () => {
  const device = await openDevice()
  device.close()
  const error = await refusal(() => device.read(constant([1])))
  assert.instance(error, DeviceError)
  assert.match(error.message, /closed/)
})

test('grad: only of a scalar, unless a seed is given', () => {
  const v = vector('v', 1, 2)
  assert.throws(
    () => grad(mul(v, 2), [v]),
    (e: Error) => e instanceof ShapeError && /scalar/.test(e.message),
  )
})

// Donated arguments: whose memory results take, when they may not, and what is left of the argument. And what the queue keeps of
// arguments from the host.

import * as assert from 'uvu/assert'
import {
  DeviceError,
  type DeviceTensor,
  hostTensor,
  matmul,
  mul,
  sum,
  type Tensor,
  transpose,
} from '../../engine/node.ts'
import { account } from '../../engine/plan/account.ts'
import { test } from '../harness.ts'
import { refusal, withDevice } from './own-device.ts'

const side = 8
const start = () =>
  hostTensor(
    Float32Array.from({ length: side * side }, (_, i) => (i % 5) - 2),
    [side, side],
  )
/** (x·xᵀ)·xᵀ… reads x last in its second kernel of three; the third writes the result. */
const late = (x: Tensor) => matmul(matmul(matmul(x, x), x), matmul(x, x))

test(
  'donate: a result takes the memory of an argument that is dead by then, with the same numbers',
  withDevice(async (device) => {
    using make = device.compile((x: Tensor) => mul(x, 0.5))
    using step = device.compile((x: Tensor) => {
      const y = matmul(x, x)
      return matmul(y, y)
    })
    const [x, same] = [await make.run(start()), await make.run(start())]
    const { buffer } = x
    const kept = await step.run(same)
    assert.is.not(kept.buffer, same.buffer)
    const { buffersMade } = device.stats()
    const given = await step.run(x.donate())
    assert.is(given.buffer, buffer)
    assert.is(device.stats().buffersMade, buffersMade)
    assert.equal([...(await given.read())], [...(await kept.read())])
    assert.instance(await refusal(() => step.run(x)), DeviceError)
    // Given back, it serves the next run of the program that has it now.
    given.dispose()
    const again = await step.run(same)
    assert.is(again.buffer, buffer)
    again.dispose()
    kept.dispose()
    same.dispose()
  }),
)

test(
  'donate: a chain of runs needs the memory of one state',
  withDevice(async (device) => {
    using step = device.compile((x: Tensor) => transpose(mul(matmul(x, x), 0.1)))
    let x: DeviceTensor = await step.run(start())
    const { buffer } = x
    const want = [...(await x.read())]
    for (let i = 0; i < 3; i++) x = await step.run(x.donate())
    const { allocatedBytes, buffersMade } = device.stats()
    for (let i = 0; i < 5; i++) x = await step.run(x.donate())
    assert.is(x.buffer, buffer)
    assert.equal(
      [device.stats().allocatedBytes, device.stats().buffersMade],
      [allocatedBytes, buffersMade],
    )
    assert.is(want.length, side * side)
    x.dispose()
  }),
)

test(
  'donate: what is read with or after the first write of a result keeps its memory and is disposed',
  withDevice(async (device) => {
    using make = device.compile((x: Tensor) => mul(x, 0.5))
    using twice = device.compile((x: Tensor) => mul(x, 2))
    using both = device.compile((x: Tensor, y: Tensor) => {
      const z = matmul(x, x)
      return [matmul(z, z), matmul(y, late(y))]
    })
    const x = await make.run(start())
    const { buffer } = x
    const result = await twice.run(x.donate())
    assert.is.not(result.buffer, buffer)
    assert.equal([...(await result.read())], [...start().data])
    assert.instance(await refusal(() => x.read()), DeviceError)
    // Twice among the arguments: the last read of either counts.
    const [a, b] = [await make.run(start()), await make.run(start())]
    const plain = await both.run(b, b)
    const given = await both.run(a.donate(), a)
    for (const i of [0, 1]) assert.equal([...(await given[i].read())], [...(await plain[i].read())])
  }),
)

test(
  'donate: a result of another size does not take it',
  withDevice(async (device) => {
    using make = device.compile((x: Tensor) => mul(x, 0.5))
    using wide = device.compile((x: Tensor) => sum(matmul(matmul(x, x), matmul(x, x)), [0]))
    const [x, same] = [await make.run(start()), await make.run(start())]
    const { buffer } = x
    const r = await wide.run(x.donate())
    assert.is.not(r.buffer, buffer)
    assert.equal([...(await r.read())], [...(await (await wide.run(same)).read())])
  }),
)

test(
  'uploads: what the queue keeps of host arguments is counted, is let go, and is no more than the account says',
  withDevice(async (device) => {
    using program = device.compile((x: Tensor) => matmul(x, matmul(x, x)))
    const x = hostTensor(new Float32Array(256 * 256), [256, 256])
    const { uploadBytes, inputBytes } = account(program.stages(x))
    assert.is(uploadBytes, 3 * inputBytes)
    assert.is(device.stats().uploadBytes, 0)
    for (let i = 0; i < 10; i++) (await program.run(x)).dispose()
    assert.ok(device.stats().peakUploadBytes >= inputBytes)
    assert.ok(device.stats().peakUploadBytes <= uploadBytes, `${device.stats().peakUploadBytes}`)
    await device.idle()
    assert.is(device.stats().uploadBytes, 0)
    // What is on the device already is not uploaded.
    const before = device.stats().peakUploadBytes
    const made = await program.run(x)
    await device.idle()
    ;(await program.run(made)).dispose()
    assert.is(device.stats().uploadBytes, 0)
    assert.is(device.stats().peakUploadBytes, before)
  }),
)

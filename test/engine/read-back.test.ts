// Buffers for reading: which are kept, and what one that failed does to later reads.

import * as assert from 'uvu/assert'
import { test } from '../harness.ts'
import { refusal, vector, withDevice } from './own-device.ts'

test(
  'read-back: after a read that failed those of its size go on',
  withDevice(async (device) => {
    const v = vector('v', 1, 2)
    device.place(v)
    const { bytes } = device.buffers
    const make = device.gpu.createBuffer
    device.gpu.createBuffer = (descriptor) => {
      const buffer = make.call(device.gpu, descriptor)
      buffer.mapAsync = () => Promise.reject(new Error('refused'))
      return buffer
    }
    await refusal(() => device.read(v))
    device.gpu.createBuffer = make
    assert.is(device.buffers.bytes, bytes)
    assert.equal([...(await device.read(v))], [1, 2])
  }),
)

test(
  'read-back: eight buffers are kept, however many reads there were at once',
  withDevice(async (device) => {
    const v = vector('v', 1, 2)
    device.place(v)
    const { bytes } = device.buffers
    await Promise.all(Array.from({ length: 20 }, () => device.read(v)))
    assert.is(device.buffers.bytes, bytes + 8 * 16)
  }),
)

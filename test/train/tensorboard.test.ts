// TensorBoard's files: read back here by the letter of the format, with a checksum computed another way.

import assert from 'node:assert/strict'
import {
  crc32c,
  frame,
  imageFrame,
  maskedCrc32c,
  scalarFrame,
  startFrame,
  versionFrame,
} from '../../train/runs/tensorboard.ts'
import { test } from '../harness.ts'

test('tensorboard: CRC-32C of the vectors of RFC 3720, and masked', () => {
  const vectors: [Uint8Array, number][] = [
    [new Uint8Array(32), 0x8a9136aa],
    [new Uint8Array(32).fill(255), 0x62a8ab43],
    [Uint8Array.from({ length: 32 }, (_, i) => i), 0x46dd794e],
    [Uint8Array.from({ length: 32 }, (_, i) => 31 - i), 0x113fdb5c],
    [new TextEncoder().encode('123456789'), 0xe3069283],
    [new Uint8Array(0), 0],
  ]
  for (const [data, crc] of vectors) {
    assert.equal(crc32c(data), crc)
    assert.equal(bitwise(data), crc)
  }
  // The masked sum of no bytes is the constant alone.
  assert.equal(maskedCrc32c(new Uint8Array(0)), 0xa282ead8)
})

/** One bit at a time, the highest first: the polynomial as it is printed, on bits that are turned round. */
function bitwise(data: Uint8Array): number {
  const turned = (value: number, bits: number) =>
    Number.parseInt(value.toString(2).padStart(bits, '0').split('').reverse().join(''), 2)
  let crc = 0xffffffffn
  for (const byte of data) {
    crc ^= BigInt(turned(byte, 8)) << 24n
    for (let bit = 0; bit < 8; bit++)
      crc = (crc & 0x80000000n ? (crc << 1n) ^ 0x1edc6f41n : crc << 1n) & 0xffffffffn
  }
  return turned(Number(crc ^ 0xffffffffn), 32)
}

type Field = [field: number, value: number | bigint | Buffer]

/** The fields of a message, as the encoding of protocol buffers says. */
function fields(message: Buffer): Field[] {
  const out: Field[] = []
  let at = 0
  const take = (count: number) => {
    at += count
    assert.ok(at <= message.length)
    return message.subarray(at - count, at)
  }
  const varint = () => {
    let value = 0n
    for (let shift = 0n; ; shift += 7n) {
      const byte = message[at++]
      value |= BigInt(byte & 127) << shift
      if (byte < 128) return value
    }
  }
  while (at < message.length) {
    const key = Number(varint())
    const [field, wire] = [key >> 3, key & 7]
    if (wire === 0) out.push([field, varint()])
    else if (wire === 1) out.push([field, take(8).readDoubleLE()])
    else if (wire === 5) out.push([field, take(4).readFloatLE()])
    else {
      assert.equal(wire, 2)
      out.push([field, take(Number(varint()))])
    }
  }
  assert.equal(at, message.length)
  return out
}

/** The messages of a file, each checked against its sums. */
function messages(file: Buffer): Buffer[] {
  const masked = (data: Uint8Array) => {
    const crc = BigInt(bitwise(data))
    return Number((((crc >> 15n) | (crc << 17n)) + 0xa282ead8n) & 0xffffffffn)
  }
  const out: Buffer[] = []
  for (let at = 0; at < file.length; ) {
    const length = Number(file.readBigUInt64LE(at))
    assert.equal(file.readUInt32LE(at + 8), masked(file.subarray(at, at + 8)))
    const data = file.subarray(at + 12, at + 12 + length)
    assert.equal(data.length, length)
    assert.equal(file.readUInt32LE(at + 12 + length), masked(data))
    out.push(data)
    at += 16 + length
  }
  return out
}

test('tensorboard: events come back field by field', () => {
  const png = Uint8Array.from([137, 80, 78, 71])
  const step = 2 ** 33 + 5
  const file = Buffer.concat([
    versionFrame(1.5),
    startFrame({ wall: 2, step: 0 }),
    scalarFrame({ wall: 3.25, step }, { loss: 0.5, 'validation/mean IoU': -2 }),
    imageFrame({ wall: 4, step: 300 }, 'samples', { png, height: 7, width: 200 }),
    frame(new Uint8Array(0)),
  ])
  const [version, start, scalars, image, none] = messages(file).map(fields)
  const text = (value: Field[1]) => `${value}`
  assert.deepEqual(version, [
    [1, 1.5],
    [3, Buffer.from('brain.Event:2')],
  ])
  assert.deepEqual(start.slice(0, 2), [
    [1, 2],
    [2, 1n],
  ])
  assert.deepEqual(fields(start[2][1] as Buffer), [[1, 1n]])
  assert.deepEqual(scalars.slice(0, 2), [
    [1, 3.25],
    [2, BigInt(step)],
  ])
  assert.deepEqual(
    fields(scalars[2][1] as Buffer).map(([field, value]) => {
      const [[tag, name], [kind, number]] = fields(value as Buffer)
      return [field, tag, text(name), kind, number]
    }),
    [
      [1, 1, 'loss', 2, 0.5],
      [1, 1, 'validation/mean IoU', 2, -2],
    ],
  )
  const [[, value]] = fields(image[2][1] as Buffer)
  const [[, tag], [kind, picture]] = fields(value as Buffer)
  assert.deepEqual([text(tag), kind], ['samples', 4])
  assert.deepEqual(fields(picture as Buffer), [
    [1, 7n],
    [2, 200n],
    [3, 3n],
    [4, Buffer.from(png)],
  ])
  assert.deepEqual(none, [])
})

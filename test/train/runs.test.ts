// Run folders and safetensors: what is written can be read, and what is damaged is refused by name.

import assert from 'node:assert/strict'
import { appendFileSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DataError } from '../../engine/errors.ts'
import { createRun, openRun } from '../../train/runs/folder.ts'
import {
  readSafetensors,
  type SafeTensor,
  writeSafetensors,
} from '../../train/weights/safetensors.ts'
import { scratch } from '../cli/cli.ts'
import { test } from '../harness.ts'

test('runs: numbered folders, each its own', async () => {
  const root = join(scratch(), 'runs')
  const runs = await Promise.all([1, 2, 3].map(() => createRun('street', { root })))
  assert.deepEqual(runs.map(({ folder }) => folder).sort(), [
    join(root, 'street-1'),
    join(root, 'street-2'),
    join(root, 'street-3'),
  ])
})

test('runs: a folder that cannot be made or is in use is refused', async () => {
  const root = scratch()
  writeFileSync(join(root, 'file'), 'x')
  await assert.rejects(createRun('a', { out: join(root, 'file', 'run') }), (error: DataError) => {
    assert.ok(error instanceof DataError)
    assert.match(error.message, /file\/run: cannot be made: .*\n {2}hint: choose another folder/)
    return true
  })
  await assert.rejects(createRun('a', { out: root }), /is not empty\n {2}hint: .*--resume/)
  await assert.rejects(createRun('../a', { root }), /a run's name/)
  await assert.rejects(openRun(join(root, 'none')), /cannot be opened: does not exist/)
  await assert.rejects(openRun(root), /is not a run: it holds no config.json/)
})

test('runs: configuration and metrics come back; a half-written last line does not count', async () => {
  const run = await createRun('a', { root: scratch() })
  await run.writeConfig({ seed: 1 })
  for (let step = 0; step < 4; step++) run.appendMetrics({ step, loss: 1 / (step + 1) })
  appendFileSync(run.path('metrics.jsonl'), '{"step":4,"lo')
  const again = await openRun(run.folder)
  assert.deepEqual(await again.readConfig(), { seed: 1 })
  assert.equal((await again.readMetrics()).length, 4)
  const kept = await again.truncateMetrics(1)
  assert.deepEqual(
    kept.map(({ step }) => step),
    [0, 1],
  )
  again.appendMetrics({ step: 2 })
  assert.equal(readFileSync(run.path('metrics.jsonl'), 'utf8').trim().split('\n').length, 3)
  writeFileSync(run.path('metrics.jsonl'), '{"step":0}\nnonsense\n{"step":1}\n')
  await assert.rejects(again.readMetrics(), /metrics.jsonl: line 2 is not a record/)
})

test('runs: replacing a file leaves no temporary name', async () => {
  const run = await createRun('a', { root: scratch() })
  await run.write('x.bin', new Uint8Array(3))
  await run.write('x.bin', new Uint8Array(5))
  assert.deepEqual(readdirSync(run.folder), ['x.bin'])
  assert.equal(readFileSync(run.path('x.bin')).length, 5)
})

const samples: [string, SafeTensor][] = [
  ['bytes', { dtype: 'U8', shape: [3], data: Uint8Array.from([1, 2, 3]) }],
  ['half', { dtype: 'F16', shape: [1, 2], data: Uint16Array.from([0x3c00, 0xbc00]) }],
  ['w', { dtype: 'F32', shape: [2, 2], data: Float32Array.from([1, -2, 3.5, 1e-8]) }],
  ['scalar', { dtype: 'I32', shape: [], data: Int32Array.from([-7]) }],
  ['constructor', { dtype: 'U32', shape: [2], data: Uint32Array.from([1, 4294967295]) }],
  ['none', { dtype: 'F32', shape: [0, 4], data: new Float32Array(0) }],
]

test('safetensors: what is written is read, in place, with its metadata', () => {
  const bytes = writeSafetensors(samples, { format: 'atrous' })
  const { tensors, metadata } = readSafetensors(bytes, 'x.safetensors')
  assert.deepEqual({ ...metadata }, { format: 'atrous' })
  assert.equal(tensors.size, samples.length)
  for (const [name, tensor] of samples) {
    assert.deepEqual(tensors.get(name), tensor)
    assert.equal(tensors.get(name)?.data.buffer, bytes.buffer)
  }
})

test('safetensors: bytes at an odd address are copied, not misread', () => {
  const bytes = writeSafetensors(samples)
  const shifted = Buffer.concat([Buffer.from([0]), bytes]).subarray(1)
  const moved = Buffer.alloc(bytes.length + 9)
  moved.set(bytes, 1)
  for (const source of [shifted, moved.subarray(1, 1 + bytes.length)])
    for (const [name, tensor] of samples)
      assert.deepEqual(readSafetensors(source, 'x').tensors.get(name), tensor)
})

/** A file with this header and so many bytes of data. */
function forged(header: unknown, size: number): Uint8Array {
  const json = new TextEncoder().encode(
    typeof header === 'string' ? header : JSON.stringify(header),
  )
  const bytes = new Uint8Array(8 + json.length + size)
  new DataView(bytes.buffer).setBigUint64(0, BigInt(json.length), true)
  bytes.set(json, 8)
  return bytes
}

test('safetensors: damaged files are refused by name', () => {
  const u8 = (begin: number, end: number) => ({
    dtype: 'U8',
    shape: [end - begin],
    data_offsets: [begin, end],
  })
  const whole = writeSafetensors(samples)
  const huge = new Uint8Array(16).fill(255)
  const cases: [Uint8Array, RegExp][] = [
    [whole.subarray(0, 4), /f: is truncated: 4 bytes/],
    [whole.subarray(0, 30), /f: is truncated: its header takes/],
    [whole.subarray(0, whole.length - 1), /f: is truncated: \d+ bytes of tensors/],
    [huge, /f: announces a header of/],
    [forged('{"a":', 0), /header that is not JSON/],
    [forged([1], 0), /header that is not an object/],
    [forged({ a: u8(0, 4), b: u8(2, 6) }, 6), /tensor b overlapping/],
    [forged({ a: u8(0, 4), b: u8(5, 6) }, 6), /a gap before tensor b/],
    [forged({ a: u8(0, 4) }, 6), /2 bytes after its last tensor/],
    [forged({ a: { dtype: 'U8', shape: [9], data_offsets: [0, 4] } }, 4), /tensor a of 9 bytes/],
    [forged({ a: { dtype: 'Q4', shape: [4], data_offsets: [0, 4] } }, 4), /unknown type Q4/],
    [forged({ a: { dtype: 'U8', shape: [-4], data_offsets: [0, 4] } }, 4), /malformed shape/],
    [forged({ a: { dtype: 'U8', shape: [4], data_offsets: [4, 0] } }, 4), /malformed offsets/],
    [forged({ a: null }, 0), /unknown type undefined/],
    [forged({ __metadata__: { a: 1 } }, 0), /metadata that are not texts/],
  ]
  for (const [bytes, message] of cases)
    assert.throws(
      () => readSafetensors(bytes, 'f'),
      (error: Error) => error instanceof DataError && message.test(error.message),
      `${message}`,
    )
  const wrong: SafeTensor = { dtype: 'F32', shape: [3], data: new Float32Array(2) }
  assert.throws(() => writeSafetensors([['w', wrong]]), /w: has 2 values, which do not fill \[3\]/)
})

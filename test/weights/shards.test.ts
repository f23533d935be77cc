// Weights in several files and an index: written in one dtype, read as one, refused where the parts do not belong together.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DataError, NonFiniteError, OptionError } from '../../engine/errors.ts'
import { readWeights, writeWeights } from '../../train/weights/files.ts'
import { encodeShards } from '../../train/weights/shards.ts'
import { weightTensor } from '../../train/weights/tensor.ts'
import { scratch } from '../cli/cli.ts'
import { test } from '../harness.ts'
import { floats, npy, zip } from './writers.ts'

const tensorOf = (...values: readonly number[]) =>
  weightTensor('f32', [values.length], floats(...values))

const model = [
  ['a', tensorOf(1, 2, 3)],
  ['b', tensorOf(0.1, -0.1)],
  ['c', tensorOf(5, 6, 7, 8, 9)],
  ['d', tensorOf(-1)],
] as const

async function writeThree() {
  const folder = scratch()
  await writeWeights(folder, model, { maxBytes: 20, metadata: { format: 'pt' } })
  return folder
}

const INDEX = 'model.safetensors.index.json'
const refused = (path: string, message: RegExp) =>
  assert.rejects(readWeights(path), (error: Error) => {
    assert.ok(error instanceof DataError, error.stack)
    assert.match(error.message, message)
    return true
  })

test('shards: files of at most maxBytes and an index in the usual form', async () => {
  const folder = await writeThree()
  const file = (i: number) => `model-0000${i}-of-00003.safetensors`
  assert.deepEqual(readdirSync(folder).sort(), [file(1), file(2), file(3), INDEX])
  assert.deepEqual(JSON.parse(readFileSync(join(folder, INDEX), 'utf8')), {
    metadata: { total_size: 44 },
    weight_map: { a: file(1), b: file(1), c: file(2), d: file(3) },
  })
  for (const path of [folder, join(folder, INDEX)]) {
    const weights = await readWeights(path)
    assert.equal(weights.file, join(folder, INDEX))
    assert.deepEqual(weights.metadata, new Map([['format', 'pt']]))
    assert.deepEqual(
      [...weights.tensors].map(([name, t]) => [name, [...t.shape], t.values()]),
      model.map(([name, t]) => [name, [...t.shape], t.values()]),
    )
  }
})

test('shards: one file where all fits, replaced at once', async () => {
  const folder = join(scratch(), 'new')
  for (const dtype of ['f32', 'f16', 'bf16'] as const) {
    assert.deepEqual(await writeWeights(folder, model, { dtype, name: 'net' }), [
      join(folder, 'net.safetensors'),
    ])
    const { tensors } = await readWeights(folder)
    assert.deepEqual([...new Set([...tensors.values()].map((t) => t.dtype))], [dtype])
    const rounded = { f32: Math.fround(0.1), f16: 0.0999755859375, bf16: 0.10009765625 }
    assert.deepEqual([...tensors.get('b')!.values()], [rounded[dtype], -rounded[dtype]])
  }
})

test('shards: what cannot be written is refused, and others are not overwritten', async () => {
  const encoded = (...args: Parameters<typeof encodeShards>) => [...encodeShards(...args)]
  const large = [['w', tensorOf(1, 65520)]] as const
  assert.throws(() => encoded(large, { dtype: 'f16' }), NonFiniteError)
  assert.throws(() => encoded(large, { dtype: 'f16' }), /w holds 65520, too large for f16\n.*f32/)
  assert.equal(encoded(large, { dtype: 'bf16' }).length, 1)
  assert.throws(() => encoded(model, { dtype: 'i8' as 'f16' }), OptionError)
  assert.throws(() => encoded(model, { maxBytes: Number.NaN }), OptionError)
  assert.throws(() => encoded(model, { name: '../a' }), OptionError)
  assert.throws(() => encoded([model[0], model[0]]), /a: is the name of two tensors/)
  assert.throws(() => encoded([model[0], model[0]], { maxBytes: 1 }), /a: is the name of two/)
  const short = { shape: [3], values: () => new Float32Array(2) }
  assert.throws(() => encoded([['w', short]]), /w: has 2 values, which do not fill \[3\]/)
  assert.equal(encoded([])[0].name, 'model.safetensors')

  const folder = await writeThree()
  const before = readdirSync(folder)
  for (const maxBytes of [20, 100])
    await assert.rejects(writeWeights(folder, model, { maxBytes }), /index\.json: exists already/)
  assert.deepEqual(readdirSync(folder), before)
  await writeWeights(folder, model, { name: 'other' })
  await assert.rejects(
    writeWeights(folder, model, { name: 'other', maxBytes: 20 }),
    /other\.safetensors: exists already/,
  )
})

test('shards: an index and files that do not belong together are refused', async () => {
  const folder = await writeThree()
  const index = join(folder, INDEX)
  const shard = (i: number) => join(folder, `model-0000${i}-of-00003.safetensors`)
  const map = JSON.parse(readFileSync(index, 'utf8')).weight_map
  const remap = (changes: object) =>
    writeFileSync(index, JSON.stringify({ weight_map: { ...map, ...changes } }))

  for (const name of ['../x', '/etc/passwd', 'a/../../x', 'a\\b', '..', '', 'a\0b']) {
    remap({ d: name })
    await refused(folder, /index\.json: places d in .*, not beside itself/)
  }
  remap({ d: 7 })
  await refused(folder, /places d in no file/)
  remap({ e: 'model-00003-of-00003.safetensors' })
  await refused(folder, /00003\.safetensors: lacks e, which the index places there/)
  remap({ d: undefined, e: undefined, c: undefined })
  assert.deepEqual([...(await readWeights(folder)).tensors.keys()], ['a', 'b'])
  remap({ b: undefined })
  await refused(folder, /00001-of-00003\.safetensors: holds b, which the index does not place/)
  for (const [text, message] of [
    ['{', /is no index: .*JSON/],
    ['null', /has no weight_map/],
    ['{"weight_map":[]}', /has no weight_map/],
    ['{"weight_map":{}}', /names no tensors/],
    ['{"weight_map":{"a":"x","a":"y"}}', /is no index: the key a appears twice/],
  ] as const) {
    writeFileSync(index, text)
    await refused(folder, message)
  }
  remap({})
  writeFileSync(shard(2), readFileSync(shard(2)).subarray(0, 90))
  await refused(folder, /00002-of-00003\.safetensors: is truncated/)
  rmSync(shard(2))
  await refused(folder, /00002-of-00003\.safetensors: the weights cannot be opened: does not exist/)
})

test('shards: an index that names a pipe is refused, not waited for', async () => {
  if (process.platform === 'win32') return
  const folder = await writeThree()
  const [shard] = readdirSync(folder).filter((name) => name.includes('-of-'))
  rmSync(join(folder, shard))
  execFileSync('mkfifo', [join(folder, shard)])
  await assert.rejects(readWeights(folder), /-of-\d+\.safetensors: cannot be read: is no file/)
})

test('readWeights: a folder that holds no weights, or several, says so', async () => {
  const folder = scratch()
  await refused(join(folder, 'none.pth'), /none\.pth: the weights cannot be opened: does not exist/)
  await refused(folder, /holds no weights: no file ends in \.safetensors/)
  const three = await writeThree()
  rmSync(join(three, INDEX))
  await refused(three, /holds parts of weights without their index/)
  writeFileSync(
    join(folder, 'a.npz'),
    zip({ 'w.npy': npy({ descr: '<f4', shape: [1], data: floats(3) }) }),
  )
  writeFileSync(join(folder, 'README.md'), '')
  assert.equal((await readWeights(folder)).format, 'npz')
  writeFileSync(join(folder, 'b.pth'), '')
  await refused(folder, /holds a\.npz, b\.pth\n.*name one of them/)
  await refused(join(folder, 'b.pth'), /b\.pth: is empty/)
  mkdirSync(join(folder, 'c'))
  await refused(join(folder, 'c'), /c: holds no weights/)
  await refused('/dev/null', /is neither a file nor a folder/)
})

// Thousands of damaged weight files: each either reads or is refused by name, soon, whatever its bytes have become.

import assert from 'node:assert/strict'
import { DataError } from '../../engine/errors.ts'
import { Random } from '../../train/random.ts'
import { decodeWeights } from '../../train/weights/decode.ts'
import { writeSafetensors } from '../../train/weights/safetensors.ts'
import { test } from '../harness.ts'
import {
  archive,
  dict,
  int,
  legacy,
  list,
  none,
  orderedDict,
  pickle,
  tensor,
  text,
} from './pickles.ts'
import { caffemodel, floats, npy, params, zip } from './writers.ts'

const data = floats(1, 2, 3, 4, 5, 6)
const six = { key: '0', count: 6, shape: [2, 3], strides: [3, 1] }
const state = pickle(
  dict({
    state_dict: orderedDict({
      w: tensor(six),
      t: tensor({ ...six, shape: [3, 2], strides: [1, 3] }),
    }),
    epoch: int(3),
    notes: list(text('a'), int(1)),
  }),
)
const arrays = {
  'arr_0.npy': npy({ descr: '<f4', shape: [2, 3], data, fortran: true }),
  'arr_1.npy': npy({ descr: '<f4', shape: [6], data, version: 2 }),
}
const params2 = [
  { name: 'arg:w', shape: [2, 3], type: 0, data },
  { name: 'aux:m', shape: [6], type: 0, data },
]

const files: Readonly<{ [name: string]: Uint8Array }> = {
  safetensors: writeSafetensors([
    ['a', { dtype: 'F32', shape: [2, 3], data: new Float32Array(6) }],
    ['b', { dtype: 'F16', shape: [2], data: new Uint16Array(2) }],
  ]),
  torch: archive(state, { 0: data }),
  'torch, deflated': archive(state, { 0: data }, { deflate: true }),
  'torch, legacy': legacy(
    dict({
      w: tensor({ ...six, view: none }),
      l: tensor({ ...six, key: '1', shape: [], strides: [] }),
    }),
    { storages: { 0: [6, data], 1: [6, data] } },
  ),
  npz: zip(arrays),
  'npz, zip64': zip(arrays, { zip64: true }),
  'npz, deflated': zip(arrays, { deflate: true }),
  'mxnet, first form': params(params2, 0),
  mxnet: params(params2, 2),
  caffe: caffemodel([
    {
      name: 'conv',
      type: 'Convolution',
      blobs: [
        { shape: [2, 3], data },
        { shape: [6], data },
      ],
    },
  ]),
}

/** Mutations each; a second or so for all. */
const COUNT = 400

for (const [name, bytes] of Object.entries(files))
  test(`fuzz: ${name}, ${COUNT} mutations`, async () => {
    const before = await outcome(bytes)
    assert.equal(before, 'read')
    const outcomes = { read: 0, refused: 0 }
    for (let i = 0; i < COUNT; i++) {
      const mutated = mutate(bytes, new Random(i, bytes.length))
      const begun = performance.now()
      outcomes[await outcome(mutated)]++
      assert.ok(performance.now() - begun < 2000, `mutation ${i} took too long`)
    }
    // Both, or the mutations test nothing.
    assert.ok(outcomes.refused > COUNT / 4, `${outcomes.refused} refused`)
    assert.ok(outcomes.read > 0, `${outcomes.read} read`)
  })

test('fuzz: pickles, 3000 mutations behind a sound checksum', async () => {
  let refused = 0
  for (let i = 0; i < 3000; i++) {
    const mutated = mutate(state, new Random(i, 99))
    if ((await outcome(archive(mutated, { 0: data }))) === 'refused') refused++
  }
  assert.ok(refused > 750 && refused < 3000, `${refused} refused`)
})

test('fuzz: array headers, 1000 mutations behind a sound checksum', async () => {
  const [array] = Object.values(arrays)
  let refused = 0
  for (let i = 0; i < 1000; i++) {
    const mutated = mutate(array, new Random(i, 98))
    if ((await outcome(zip({ 'a.npy': mutated }))) === 'refused') refused++
  }
  assert.ok(refused > 250 && refused < 1000, `${refused} refused`)
})

/** Anything but a result whose values are all there, or a DataError that names the file, fails. */
async function outcome(bytes: Uint8Array): Promise<'read' | 'refused'> {
  try {
    const { tensors } = await decodeWeights(bytes, 'the-file')
    for (const { shape, values } of tensors.values()) {
      const { length } = values()
      assert.equal(
        length,
        shape.reduce((count, n) => count * n, 1),
      )
      assert.ok(length <= bytes.length, `${length} values of ${bytes.length} bytes`)
    }
    return 'read'
  } catch (error) {
    if (error instanceof DataError && error.message.startsWith('the-file: ')) return 'refused'
    throw error
  }
}

const EXTREMES = [0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0x7fffffff, 0x80000000, 0xffffffff, 2 ** 53]

function mutate(bytes: Uint8Array, random: Random): Uint8Array {
  let out: Uint8Array = bytes.slice()
  for (let count = random.int(1, 3); count > 0; count--) out = MOVES[random.int(0, 5)](out, random)
  return out
}

const place = (bytes: Uint8Array, random: Random): number =>
  random.int(0, Math.max(0, bytes.length - 1))

const MOVES: readonly ((bytes: Uint8Array, random: Random) => Uint8Array)[] = [
  function flipBit(bytes, random) {
    bytes[place(bytes, random)] ^= 1 << random.int(0, 7)
    return bytes
  },
  function setByte(bytes, random) {
    bytes[place(bytes, random)] = random.int(0, 255)
    return bytes
  },
  function truncate(bytes, random) {
    return random.int(0, 3) ? bytes : bytes.slice(0, place(bytes, random))
  },
  function remove(bytes, random) {
    const at = place(bytes, random)
    return Uint8Array.from([...bytes.subarray(0, at), ...bytes.subarray(at + random.int(1, 8))])
  },
  function repeat(bytes, random) {
    const [from, to] = [place(bytes, random), place(bytes, random)]
    const part = bytes.subarray(from, from + random.int(1, 40))
    return Uint8Array.from([...bytes.subarray(0, to), ...part, ...bytes.subarray(to)])
  },
  function setLength(bytes, random) {
    const [at, size] = [place(bytes, random), [2, 4, 8][random.int(0, 2)]]
    let value = BigInt(EXTREMES[random.int(0, EXTREMES.length - 1)])
    for (let i = at; i < Math.min(bytes.length, at + size); i++, value >>= 8n)
      bytes[i] = Number(value & 255n)
    return bytes
  },
]

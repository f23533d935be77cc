// PyTorch archives: state dicts as torch.save writes them, and the dicts that training scripts put around them.

import assert from 'node:assert/strict'
import { decodeWeights } from '../../train/weights/decode.ts'
import { test } from '../harness.ts'
import { contents } from './contents.ts'
import {
  archive,
  call,
  dict,
  get,
  global,
  int,
  list,
  none,
  orderedDict,
  pickle,
  put,
  storage,
  tensor,
  text,
} from './pickles.ts'
import { refuses } from './refuses.ts'
import { bytesOf, floats, u32 } from './writers.ts'

const six = { key: '0', count: 6, shape: [2, 3], strides: [3, 1] }
const sixFloats = floats(1, 2, 3, 4, 5, 6)

test('torch: a state dict as torch.save writes it, stored or deflated, zip64 or not', async () => {
  const data = pickle(
    orderedDict({
      'conv1.weight': tensor(six),
      'bn1.num_batches_tracked': tensor({
        ...{ storage: 'LongStorage', key: '1', count: 1 },
        ...{ shape: [], strides: [] },
      }),
    }),
  )
  const storages = { 0: sixFloats, 1: bytesOf(u32(7), u32(0)) }
  for (const options of [{}, { deflate: true }, { zip64: true }, { deflate: true, zip64: true }]) {
    const weights = await decodeWeights(archive(data, storages, options), 'x.pth')
    assert.deepEqual(contents(weights), {
      'conv1.weight': [
        [2, 3],
        [1, 2, 3, 4, 5, 6],
      ],
      'bn1.num_batches_tracked': [[], [7]],
    })
    assert.equal(weights.format, 'torch')
    assert.deepEqual(weights.wrappers, [])
  }
})

test('torch: names of one storage are read, but not as many as would fill the memory', async () => {
  const count = 2 ** 20
  const large = { key: '0', count, shape: [count], strides: [1] }
  const shared = (names: number) =>
    archive(
      pickle(dict(Object.fromEntries(Array.from({ length: names }, (_, i) => [i, tensor(large)])))),
      { 0: new Uint8Array(4 * count) },
    )
  assert.equal((await decodeWeights(shared(20), 'f')).tensors.size, 20)
  await refuses([[shared(21), /holds tensors of 88080384 bytes together in 4\d{6}\n/]])
})

test('torch: windows on a storage are gathered by offset and strides, and may share it', async () => {
  const data = pickle(
    dict({
      whole: tensor(six),
      transposed: tensor({ ...six, shape: [3, 2], strides: [1, 3] }),
      column: tensor({ ...six, shape: [2], strides: [3], offset: 1 }),
      row: tensor({ ...six, shape: [1, 3], strides: [99, 1], offset: 3 }),
      last: tensor({ ...six, shape: [], strides: [], offset: 5 }),
      corner: tensor({ ...six, shape: [2, 2], strides: [3, 2] }),
      empty: tensor({ ...six, shape: [0, 5], strides: [5, 1], offset: 6 }),
    }),
  )
  assert.deepEqual(contents(await decodeWeights(archive(data, { 0: sixFloats }), 'x')), {
    whole: [
      [2, 3],
      [1, 2, 3, 4, 5, 6],
    ],
    transposed: [
      [3, 2],
      [1, 4, 2, 5, 3, 6],
    ],
    column: [[2], [2, 5]],
    row: [
      [1, 3],
      [4, 5, 6],
    ],
    last: [[], [6]],
    corner: [
      [2, 2],
      [1, 3, 4, 6],
    ],
    empty: [[0, 5], []],
  })
})

test('torch: dicts around the tensors become prefixes, and what else they say is kept', async () => {
  const parameter = call(
    global('torch._utils', '_rebuild_parameter'),
    tensor(six),
    0x88,
    call(global('collections', 'OrderedDict')),
  )
  const v3 = call(
    global('torch._utils', '_rebuild_tensor_v3'),
    [storage('UntypedStorage', '1', 4), int(1), ['K', 1, 0x85], ['K', 1, 0x85]],
    [0x89, none, global('torch', 'bfloat16')],
  )
  const data = pickle(
    dict({
      epoch: int(90),
      arch: text('resnet50'),
      done: 0x88,
      best: ['G', 0x3f, 0xf8, 0, 0, 0, 0, 0, 0],
      history: list(int(1), int(2)),
      nothing: none,
      state_dict: orderedDict({ 'module.conv1.weight': parameter }),
      optimizer: dict({
        state: ['}', int(0), dict({ exp_avg: v3 }), 's'],
        groups: list(dict({ lr: int(1) })),
      }),
    }),
  )
  const file = archive(data, { 0: sixFloats, 1: bytesOf(0, 0, 0x40, 0x40) })
  const weights = await decodeWeights(file, 'x.pth')
  assert.deepEqual(contents(weights), {
    'state_dict.module.conv1.weight': [
      [2, 3],
      [1, 2, 3, 4, 5, 6],
    ],
    'optimizer.state.0.exp_avg': [[1], [3]],
  })
  assert.deepEqual(weights.wrappers, ['state_dict', 'optimizer'])
  assert.deepEqual(Object.fromEntries(weights.metadata), {
    ...{ epoch: 90, arch: 'resnet50', done: true, best: 1.5 },
    'optimizer.groups.0.lr': 1,
  })
})

test('torch: lists that the pickle changes afterwards change no tensor', async () => {
  const [shape, strides] = [list(int(6)), list(int(1))]
  const rebuilt = call(global('torch._utils', '_rebuild_tensor_v2'), [
    storage('FloatStorage', '0', 6),
    int(0),
    shape,
    put(1),
    strides,
    put(2),
  ])
  const data = pickle(dict({ w: rebuilt }), get(1), int(9), 'a', '0', get(2), int(9), 'a', '0')
  const weights = await decodeWeights(archive(data, { 0: sixFloats }), 'x')
  assert.deepEqual(contents(weights), { w: [[6], [1, 2, 3, 4, 5, 6]] })
})

test('torch: protocol 4 names things by its own opcodes', async () => {
  const short = (value: string) => [0x8c, value.length, value]
  const stackGlobal = (module: string, name: string) => [short(module), short(name), 0x93, 0x94]
  const data = bytesOf(
    [0x80, 4, 0x95, u32(200), u32(0), '}', 0x94, '(', short('w')],
    [stackGlobal('torch._utils', '_rebuild_tensor_v2'), '(', '(', short('storage')],
    [stackGlobal('torch', 'HalfStorage'), short('0'), short('cpu'), 'K', 2, 't', 'Q'],
    ['K', 0, 'K', 2, 0x85, 'K', 1, 0x85, 0x89, 'N', 't', 'R', 'u', '.'],
  )
  const weights = await decodeWeights(archive(data, { 0: bytesOf(0, 0x3c, 0, 0xc0) }), 'x')
  assert.deepEqual(contents(weights), { w: [[2], [1, -2]] })
})

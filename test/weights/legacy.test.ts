// PyTorch's container of before 1.6: state dicts as each of its versions pickled them, and files that lie.

import assert from 'node:assert/strict'
import { decodeWeights } from '../../train/weights/decode.ts'
import { test } from '../harness.ts'
import { contents } from './contents.ts'
import {
  call,
  dict,
  get,
  global,
  int,
  type LegacyParts,
  legacy,
  list,
  none,
  orderedDict,
  pickle,
  put,
  storage,
  tensor,
  text,
  tuple,
} from './pickles.ts'
import { refuses } from './refuses.ts'
import { bytesOf, floats, type Piece, u32, u64 } from './writers.ts'

const sixFloats = floats(1, 2, 3, 4, 5, 6)
const key = '94172436851'
const six = { key, count: 6, shape: [2, 3], strides: [3, 1], view: none }
const sixRead = [
  [2, 3],
  [1, 2, 3, 4, 5, 6],
]
const storages = { [key]: [6, sixFloats] as const }
const parameter = global('torch.nn.parameter', 'Parameter')
const emptyOrdered = call(global('collections', 'OrderedDict'))

const read = async (object: Piece, parts: LegacyParts = { storages }) =>
  decodeWeights(legacy(object, parts), 'x.pth')

test('legacy: a state dict of several storages, in the order of their keys', async () => {
  const object = orderedDict({
    'conv1.weight': tensor(six),
    'bn1.num_batches_tracked': tensor({
      ...{ storage: 'LongStorage', key: '7', count: 1, view: none },
      ...{ shape: [], strides: [] },
    }),
    'fc.weight': tensor({ ...six, shape: [3, 2], strides: [1, 3] }),
    'fc.bias': tensor({ ...six, shape: [2], strides: [3], offset: 2 }),
  })
  const weights = await read(object, {
    storages: { 7: [1, bytesOf(u32(9), u32(0))], ...storages },
  })
  assert.equal(weights.format, 'torch')
  assert.deepEqual(weights.wrappers, [])
  assert.deepEqual(contents(weights), {
    'conv1.weight': sixRead,
    'bn1.num_batches_tracked': [[], [9]],
    'fc.weight': [
      [3, 2],
      [1, 4, 2, 5, 3, 6],
    ],
    'fc.bias': [[2], [3, 6]],
  })
})

test('legacy: float32 is a view of the file where it lies aligned', async () => {
  const aligned = [0, 1, 2, 3].map((count) => {
    const object = dict({ [`w${'_'.repeat(count)}`]: tensor(six) })
    return legacy(object, { storages })
  })
  const views = aligned.map(async (bytes) => {
    const { tensors } = await decodeWeights(bytes, 'x')
    const [values] = [...tensors.values()].map((t) => t.values())
    assert.deepEqual([...values], [1, 2, 3, 4, 5, 6])
    return values.buffer === bytes.buffer
  })
  assert.deepEqual((await Promise.all(views)).filter(Boolean).length, 1)
})

test('legacy: dicts around the tensors become prefixes, as in an archive', async () => {
  const object = dict({ epoch: int(3), state_dict: orderedDict({ 'module.w': tensor(six) }) })
  const weights = await read(object)
  assert.deepEqual(contents(weights), { 'state_dict.module.w': sixRead })
  assert.deepEqual(weights.wrappers, ['state_dict'])
  assert.deepEqual(Object.fromEntries(weights.metadata), { epoch: 3 })
})

test('legacy: parameters and tensors of each version before 0.4', async () => {
  const where = [storage('FloatStorage', key, 6, none), int(0), tuple(int(2), int(3))]
  const state = tuple(...where, tuple(int(3), int(1)))
  const rebuilt = call(global('torch._utils', '_rebuild_tensor'), where, tuple(int(3), int(1)))
  const floatTensor = global('torch', 'FloatTensor')
  const cudaTensor = global('torch.cuda', 'FloatTensor')
  const made = [call(floatTensor), state, 'b']
  const object = dict({
    rebuilt,
    made,
    'made without a call': [cudaTensor, ')', 0x81, state, 'b'],
    parameter: [call(parameter, rebuilt), tuple(0x88, 0x89, emptyOrdered), 'b'],
    'parameter of a made one': [call(parameter, made), tuple(0x88, 0x89, none), 'b'],
    // Remembered before its state, as Python does.
    'empty parameter': [
      [parameter, ')', 0x81, put(1)],
      [tuple(made, none, emptyOrdered, 0x88, 0x89), 'b'],
    ],
    'the same': get(1),
    'without state': call(parameter),
  })
  assert.deepEqual(contents(await read(object)), {
    ...{ rebuilt: sixRead, made: sixRead, 'made without a call': sixRead, parameter: sixRead },
    'parameter of a made one': sixRead,
    ...{ 'empty parameter': sixRead, 'the same': sixRead },
  })
})

test('legacy: Python 2 writes byte strings, longs, and the items of an OrderedDict', async () => {
  const bytes = (value: string) => ['U', value.length, value]
  const six = [0x8a, 1, 6]
  const id = [bytes('storage'), global('torch', 'FloatStorage'), bytes(key), bytes('cuda:0')]
  const rebuilt = call(global('torch._utils', '_rebuild_tensor'), [
    [tuple(id, six, none), 'Q', int(0)],
    [tuple(six), tuple(int(1))],
  ])
  const object = call(
    global('collections', 'OrderedDict'),
    list(list(bytes('b'), rebuilt), list(bytes('a'), rebuilt)),
  )
  const keys = list(bytes(key))
  const machine = ['}', '(', bytes('little_endian'), 0x88, 'u']
  const weights = await read(object, { machine, keys, storages })
  assert.deepEqual(contents(weights), { b: [[6], sixRead[1]], a: [[6], sixRead[1]] })
  assert.deepEqual([...weights.tensors.keys()], ['b', 'a'])
})

test('legacy: a view has a part of its storage', async () => {
  const viewOf = (offset: number, count: number) => tuple(text('5'), int(offset), int(count))
  const view = (offset: number, count: number, shape: number[]) =>
    dict({ w: tensor({ ...six, view: viewOf(offset, count), shape, strides: [1] }) })
  assert.deepEqual(contents(await read(view(2, 3, [3]))), { w: [[3], [3, 4, 5]] })
  assert.deepEqual(contents(await read(view(6, 0, [0]))), { w: [[0], []] })
  await refuses([
    [legacy(view(2, 3, [4]), { storages }), /outside its storage of 3/],
    [legacy(view(2, 5, [1]), { storages }), /a view that leaves storage 94172436851/],
    [legacy(view(-1, 3, [1]), { storages }), /a view that leaves storage/],
    [legacy(dict({ w: tensor({ ...six, view: tuple() }) }), { storages }), /a view that leaves/],
    [legacy(dict({ w: tensor({ ...six, view: int(1) }) }), { storages }), /a view that leaves/],
  ])
})

test('legacy: code is refused in each of the pickles', async () => {
  const run = call(global('os', 'system'), text('echo was run'))
  const good = dict({ w: tensor(six) })
  const names = /its pickle names os\.system, .*nothing was run/
  const at = (type: Piece, state: Piece) => legacy(dict({ w: [type, ')', 0x81, state, 'b'] }))
  const [made, rebuilt] = [global('torch', 'FloatTensor'), tensor(six)]
  await refuses([
    [legacy(good, { storages, magic: run }), /is a bare pickle/],
    [legacy(good, { storages, version: run }), names],
    [legacy(good, { storages, machine: run }), names],
    [legacy(dict({ w: tensor(six), x: run }), { storages }), names],
    [legacy(good, { storages, keys: run }), names],
    [legacy(good, { storages, keys: list(run) }), names],
    [legacy(good, { storages, keys: emptyOrdered }), /names collections\.OrderedDict/],
    [legacy(good, { storages, keys: storage('FloatStorage', key, 6) }), /names torch\.FloatSt/],
    [legacy(good, { storages, keys: [int(1), 'Q'] }), /outside itself before its tensors or after/],
    [
      legacy([tuple(text('module'), global('torchvision.models', 'ResNet'), none), 'Q']),
      /names torchvision\.models\.ResNet/,
    ],
    [legacy([tuple(text('module'), parameter, none, none), 'Q']), /that is no storage/],
    [at(global('collections', 'OrderedDict'), none), /has the opcode NEWOBJ,/],
    [at(made, none), /sets attributes of something that is no dict/],
    [at(made, dict({ a: int(1) })), /sets attributes of something that is no dict/],
    [at(made, tuple(int(1), int(1))), /sets attributes of something that is no dict/],
    [at(made, tuple(int(1), int(1), int(1), int(1))), /a tensor without a storage/],
    [legacy(dict({ w: [rebuilt, tuple(none, none, none), 'b'] })), /sets attributes of something/],
    [legacy(dict({ w: [parameter, tuple(none, none, none), 'b'] })), /sets attributes of someth/],
    // A parameter of itself.
    [
      legacy(dict({ w: [call(parameter), put(1), tuple(get(1), none, none, none, none), 'b'] })),
      /holds no tensors/,
    ],
  ])
})

test('legacy: a head that is another is refused', async () => {
  const good = dict({ w: tensor(six) })
  const with_ = (parts: LegacyParts) => legacy(good, { storages, ...parts })
  const flag = (value: Piece) => dict({ little_endian: value })
  await refuses([
    [
      with_({ magic: [0x8a, 10, 0x6d, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19] }),
      /bare/,
    ],
    [with_({ magic: int(7) }), /is a bare pickle/],
    [pickle(good), /is a bare pickle/],
    [with_({ version: int(1002) }), /the legacy container has a version that is not 1001/],
    [with_({ version: dict({}) }), /has a version that is not 1001/],
    [with_({ machine: flag(0x89) }), /was saved on a big-endian machine/],
    [with_({ machine: flag(none) }), /does not tell its byte order/],
    [with_({ machine: int(1) }), /does not tell its byte order/],
  ])
})

test('legacy: storages that are not just those of the pickle are refused', async () => {
  const good = dict({ w: tensor(six) })
  const of = (parts: LegacyParts) => legacy(good, { storages, ...parts })
  const whole = of({})
  const wide = (count: number) => ({ storages: { [key]: [count, sixFloats] as const } })
  const big = [0x8a, 7, u64(2 ** 49).slice(0, 7)]
  const bigId = [text('storage'), global('torch', 'FloatStorage'), text(key), text('cpu'), big]
  const bigTensor = call(
    global('torch._utils', '_rebuild_tensor'),
    [tuple(bigId, none), 'Q', int(0)],
    [tuple(big), tuple(int(1))],
  )
  const dropped = [storage('FloatStorage', '8', 1), '0']
  await refuses([
    [
      whole.subarray(0, whole.length - 1),
      /container is truncated: 24 bytes are announced where 23/,
    ],
    [whole.subarray(0, whole.length - 24), /24 bytes are announced where 0 are left/],
    [whole.subarray(0, whole.length - 28), /container is truncated: 8 bytes are announced where 4/],
    [whole.subarray(0, whole.length - 33), /its pickle is truncated/],
    [of({ trailing: 0 }), /has 1 bytes after its last storage/],
    [of({ trailing: whole }), /bytes after its last storage/],
    [of(wide(5)), /has 5 elements in storage 94172436851, which announces 6/],
    [of(wide(7)), /has 7 elements in storage/],
    [of(wide(-1)), /announces 18446744073709552000 of something/],
    [of(wide(2 ** 49)), /has 562949953421312 elements in storage/],
    [
      legacy(dict({ w: bigTensor }), wide(2 ** 49)),
      /is truncated: 2251799813685248 bytes are announced where 24/,
    ],
    [of({ keys: list() }), /lacks the bytes of storage 94172436851/],
    [of({ keys: list(text(key), text(key)) }), /has storage 94172436851 twice/],
    [of({ keys: list(text(key), text('8')) }), /has a storage that its pickle does not name/],
    [of({ keys: list(int(1)) }), /has a storage that its pickle does not name/],
    [of({ keys: list(list()) }), /has a storage that its pickle does not name/],
    [of({ keys: text(key) }), /has no list of its storages/],
    [of({ keys: none }), /has no list of its storages/],
    // Named, though no tensor uses it.
    [legacy([dropped, good], { storages }), /lacks the bytes of storage 8/],
    [
      legacy(dict({ w: tensor(six), x: tensor({ ...six, count: 7 }) }), { storages }),
      /announces storage 94172436851 in two ways/,
    ],
    [
      legacy(dict({ w: tensor(six), x: tensor({ ...six, storage: 'IntStorage' }) }), { storages }),
      /announces storage 94172436851 in two ways/,
    ],
  ])
  assert.deepEqual(
    contents(await read([dropped, good], { storages: { ...storages, 8: [1, floats(0)] } })),
    { w: sixRead },
  )
})

test('legacy: a pickle ends, however large the file is', async () => {
  const long = new Uint8Array(Buffer.alloc(2 ** 24, bytesOf('N', '0')))
  const many = (count: number, piece: Piece) => {
    const one = bytesOf(piece)
    return new Uint8Array(Buffer.alloc(count * one.length, one))
  }
  const pairs = [']', put(1), '(', list(none, none), put(0), many(50_000, get(0)), 'e']
  const again = [global('collections', 'OrderedDict'), '(', get(1), 't', 'R', '0']
  await refuses([
    [legacy([long, dict({ w: tensor(six) })], { storages }), /has over 16777216 bytes/],
    [legacy(dict({ w: ['X', u32(2 ** 24), long] })), /has over 16777216 bytes/],
    [legacy(['c', long, '\n']), /has over 16777216 bytes/],
    // A list of one pair over and over, and then a dict of it, over and over.
    [legacy([pairs, many(60_000, again)]), /has too many lists and dicts/],
    [
      legacy(call(global('collections', 'OrderedDict'), int(1))),
      /makes a dict of other than items/,
    ],
    [legacy(call(global('collections', 'OrderedDict'), list(int(1)))), /of other than items/],
  ])
})

test('legacy: the tar archive of before 2017 is refused by its name', async () => {
  const entry = (name: string, size: number) => {
    const block = new Uint8Array(512 * (1 + Math.ceil(size / 512)))
    block.set(bytesOf(name))
    block.set(bytesOf(size.toString(8).padStart(11, '0'), 0), 124)
    block.set(bytesOf('ustar'), 257)
    return block
  }
  const times = entry('././@PaxHeader', 28)
  const entries = ['sys_info', 'pickle'].map((name) => [times, entry(name, 700)])
  const other = ['model.pth', 'other.pth'].map((name) => [times, entry(name, 700)])
  await refuses([
    [bytesOf(entries), /is a tar archive of PyTorch before 2017, which is not read/],
    [bytesOf(entry('storages', 0)), /is a tar archive of PyTorch before 2017/],
    [bytesOf(other), /is a tar archive\n/],
  ])
})

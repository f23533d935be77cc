// PyTorch archives that are damaged or made to harm: each is refused by name and reason, and nothing in it runs.

import { test } from '../harness.ts'
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
  tuple,
} from './pickles.ts'
import { refuses } from './refuses.ts'
import { bytesOf, type Files, floats, type Piece, u32, u64 } from './writers.ts'

const sixFloats = floats(1, 2, 3, 4, 5, 6)
const six = { key: '0', count: 6, shape: [2, 3], strides: [3, 1] }
const good = { w: tensor(six) }

/** A `.pth` whose pickle is these opcodes. */
const torch = (...pieces: readonly Piece[]) => archive(pickle(...pieces), { 0: sixFloats })
const system = global('os', 'system')
const unicode = (value: string) => [0x8c, value.length, value]

test('pickle: code is refused by every way that leads to it', async () => {
  const names = /its pickle names os\.system, .*nothing was run\n.*save its tensors alone/
  const command = text('echo was run')
  await refuses([
    [torch(call(system, command)), names],
    [torch(dict({ w: tensor(six), x: call(system, command) })), names],
    [torch(unicode('os'), unicode('system'), 0x93, tuple(command), 'R'), names],
    [torch(global('builtins', 'eval')), /names builtins\.eval/],
    [torch(global('torch.nn.modules.conv', 'Conv2d')), /names torch\.nn\.modules\.conv\.Conv2d/],
    [torch(global('__proto__', 'constructor')), /names __proto__\.constructor/],
    [torch(global('', 'constructor')), /names \.constructor/],
    [torch(global('a\x1b[31m', 'b'.repeat(999))), /names a\?\[31m\.b{40}.*…/],
    [torch(text('f'), tuple(command), 'R'), /calls something that is no function/],
    [torch(int(1), int(2), 'R'), /calls something that is no function/],
    [torch(call(tensor(six), command)), /calls something that is no function/],
    [torch(global('collections', 'OrderedDict'), int(1), 'R'), /calls something that is no func/],
    [torch(int(1), int(2), 0x93), /names a global by something that is no text/],
    [torch(global('torch', 'Size'), dict({ a: int(1) }), 'b'), /sets attributes of something/],
    [torch(tensor(six), dict({ a: int(1) }), 'b'), /sets attributes of something that is no dict/],
    [torch('(', command, 'i', 'os\nsystem\n'), /has the opcode INST/],
    [torch('(', global('collections', 'OrderedDict'), 'o'), /has the opcode OBJ/],
    [torch(global('collections', 'OrderedDict'), ')', 0x81), /has the opcode NEWOBJ,/],
    [torch(global('collections', 'OrderedDict'), ')', '}', 0x92), /has the opcode NEWOBJ_EX/],
    [torch(0x82, 1), /has the opcode EXT1/],
    [torch(0x83, 1, 0), /has the opcode EXT2/],
    [torch(0x84, u32(1)), /has the opcode EXT4/],
    [torch('P', '0\n'), /has the opcode PERSID/],
    [torch(0x97), /has the opcode NEXT_BUFFER/],
    [torch(0x98), /has the opcode READONLY_BUFFER/],
    [torch(0xff), /has the unknown opcode 255 at byte 2/],
  ])
})

test('pickle: a machine that is driven wrongly stops', async () => {
  await refuses([
    [archive(bytesOf(0x80, 2, '}')), /its pickle is truncated/],
    [archive(bytesOf(0x80, 9, '}.')), /has protocol 9/],
    [archive(new Uint8Array(0)), /its pickle is truncated/],
    [torch(), /takes from an empty stack/],
    [torch('}', '}', '(', '0'), /takes from an empty stack/],
    [torch('t'), /takes up to a mark that it has not set/],
    [torch(get(7)), /recalls value 7, which it has not stored/],
    [torch(put(7)), /takes from an empty stack/],
    [torch('X', u32(0xffffffff), 'abc'), /is truncated: 4294967295 bytes are announced/],
    [torch(0x8d, u64(2n ** 63n), 'abc'), /announces 9223372036854776000 of something/],
    [torch('c', 'os'), /is truncated in a name/],
    [torch(int(1), int(2), 'a'), /appends to something that is no list/],
    [torch(int(1), '(', int(2), 'e'), /appends to something that is no list/],
    [torch(list(), int(1), int(2), 's'), /sets items of no dict/],
    [torch('}', '(', int(1), 'u'), /sets items of no dict/],
    [torch(int(1)), /f: holds no dict of tensors/],
    [torch(tensor(six)), /f: holds no dict of tensors/],
    [torch(dict({ epoch: int(1), none })), /f: holds no tensors/],
  ])
})

test('pickle: bombs of nesting, sharing and repetition are bounded', async () => {
  const many = (count: number, ...pieces: readonly Piece[]) => {
    const one = bytesOf(pieces)
    return new Uint8Array(Buffer.alloc(count * one.length, one))
  }
  const tooMany = 2 ** 18 + 1
  const puts = new DataView(many(tooMany, 'r', u32(0)).buffer)
  for (let i = 0; i < tooMany; i++) puts.setUint32(5 * i + 1, i, true)
  // Thirty lists, each holding the one before it twice: a billion paths.
  const doubling = Array.from({ length: 30 }, () => [put(0), '0', ']', '(', get(0), get(0), 'e'])
  const longKey = Array.from({ length: 9 }, () => [put(0), '0', dict({ ['k'.repeat(60)]: get(0) })])
  const wide = [put(0), '0', dict(Object.fromEntries(range(300).map((i) => [`${i}`, get(0)])))]
  await refuses([
    [torch(']', put(0), get(0), 'a'), /has a list or dict that holds itself/],
    [torch('}', put(0), text('a'), get(0), 's'), /has a list or dict that holds itself/],
    [torch(many(200_000, ']'), many(199_999, 'a')), /nests over 32 levels/],
    [torch(many(200_000, int(1), 0x85)), /holds no tensors/],
    [torch(tensor(six), many(100_000, 0x85)), /nests over 32 levels/],
    [torch(']', doubling), /nests too many values in one another/],
    [torch(tensor(six), longKey), /has a name of over 512 characters/],
    [torch(dict(good), wide, wide), /has over 65536 tensors and values/],
    [torch(many(tooMany, 'N')), /needs a stack that is too high/],
    [torch(many(tooMany, '(')), /sets too many marks/],
    [torch(']', many(tooMany, '}', 'a')), /has too many lists and dicts/],
    [torch('N', new Uint8Array(puts.buffer)), /remembers too much/],
    [torch(many(2 ** 24, 'N')), /its pickle has 16777219 bytes/],
    // Deep values where a number, a key or a name is expected.
    [torch(rebuilt({ offset: [']', many(200_000, 0x85)] })), /malformed offset, shape or strides/],
    [torch('}', [']', many(200_000, 0x85)], tensor(six), 's'), /holds no tensors/],
    [torch(tuple(text('storage'), ']', many(200_000, 0x85)), 'Q'), /that is no storage/],
  ])
})

const range = (count: number) => Array.from({ length: count }, (_, i) => i)

/** A call that rebuilds a tensor of arguments that torch.save would not write. */
function rebuilt(given: { [part: string]: Piece }): Piece {
  const usual = {
    storage: storage('FloatStorage', '0', 6),
    offset: int(0),
    shape: tuple(int(6)),
    strides: tuple(int(1)),
  }
  const { storage: from, offset, shape, strides } = { ...usual, ...given }
  return call(global('torch._utils', '_rebuild_tensor_v2'), from, offset, shape, strides)
}

test('torch: a tensor that leaves its storage, or could ask for any memory, is refused', async () => {
  const at = (given: { [part: string]: Piece }) => torch(dict({ w: rebuilt(given) }))
  const outside = /a tensor \[.*\] at \d+ with strides \[.*\] outside its storage of 6/
  const malformed = /a tensor with a malformed offset, shape or strides/
  const big = (value: number) => [0x8a, 8, u64(BigInt(value))]
  const bytesOnly = (count: number) => storage('ByteStorage', '0', count)
  await refuses([
    [at({ shape: tuple(int(7)) }), outside],
    [at({ offset: int(1) }), outside],
    [at({ strides: tuple(int(2)) }), outside],
    [at({ shape: tuple(int(2), int(4)), strides: tuple(int(3), int(1)) }), outside],
    [at({ shape: tuple(int(1000), int(1)), strides: tuple(int(0), int(0)) }), outside],
    [at({ shape: tuple(big(2 ** 50)), strides: tuple(int(0)) }), malformed],
    [at({ shape: tuple(big(2 ** 40), big(2 ** 40)), strides: tuple(int(0), int(0)) }), outside],
    [at({ offset: int(-1) }), malformed],
    [at({ offset: none }), malformed],
    [at({ offset: ['G', 0x3f, 0xe0, 0, 0, 0, 0, 0, 0] }), malformed],
    [at({ shape: tuple(int(-6)) }), malformed],
    [at({ shape: tuple(text('6')) }), malformed],
    [at({ shape: int(6) }), malformed],
    [at({ strides: tuple(int(-1)) }), malformed],
    [at({ strides: tuple() }), malformed],
    [at({ shape: tuple(range(65).map(() => int(1))) }), malformed],
    [at({ storage: none }), /a tensor without a storage/],
    [at({ storage: storage('FloatStorage', '0', 5) }), /outside its storage of 5/],
    [at({ storage: storage('FloatStorage', '0', 7) }), /24 bytes in storage 0, which announces 28/],
    [at({ storage: storage('FloatStorage', '9', 6) }), /lacks the bytes of storage 9/],
    [at({ storage: storage('FloatStorage', '../data.pkl', 6) }), /lacks the bytes of storage \.\./],
    [at({ storage: storage('ComplexFloatStorage', '0', 3) }), /names torch\.ComplexFloatStorage/],
    [torch(dict({ w: rebuilt({}), x: rebuilt({ storage: bytesOnly(6) }) })), /announces 6/],
    [torch(tuple(text('storage'), none, text('0'), text('cpu'), int(6)), 'Q'), /no storage/],
    [torch(text('storage'), 'Q'), /something outside itself that is no storage/],
  ])
  const fraction = call(
    global('torch._utils', '_rebuild_tensor_v3'),
    [storage('UntypedStorage', '0', 7), int(1), tuple(int(1)), tuple(int(1))],
    [0x89, none, global('torch', 'float32')],
  )
  await refuses([
    [archive(pickle(dict({ w: fraction })), { 0: new Uint8Array(7) }), /outside its storage of 1/],
  ])
})

test('torch: what only looks like a state dict says what it is', async () => {
  const data = pickle(orderedDict(good))
  const two: Files = { 'other/data.pkl': data }
  await refuses([
    [archive(data, {}, { more: { 'model/byteorder': bytesOf('big') } }), /big-endian machine/],
    [archive(data, {}, { more: { 'model/constants.pkl': data } }), /is a TorchScript program/],
    [archive(data, {}, { more: two }), /holds several pickles/],
    [torch(dict({ 'a.b': tensor(six), a: dict({ b: tensor(six) }) })), /has two tensors a\.b/],
  ])
})

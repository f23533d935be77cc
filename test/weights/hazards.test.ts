// Weight files that are damaged or made to harm: each is refused with its name and what is wrong, and nothing runs.

import assert from 'node:assert/strict'
import { DataError } from '../../engine/errors.ts'
import { decodeWeights } from '../../train/weights/decode.ts'
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
import {
  bytesOf,
  caffemodel,
  type Files,
  field,
  floats,
  npy,
  type Piece,
  params,
  u32,
  u64,
  zip,
} from './writers.ts'

type Case = readonly [bytes: Uint8Array, message: RegExp]

async function refuses(cases: readonly Case[]): Promise<void> {
  for (const [bytes, message] of cases) {
    const begun = performance.now()
    await assert.rejects(decodeWeights(bytes, 'f'), (error: Error) => {
      assert.ok(error instanceof DataError, `${message}: ${error.stack}`)
      assert.match(error.message, /^f: .*\n {2}hint: /)
      assert.match(error.message, message)
      assert.ok(error.message.length < 500, `${error.message.length} characters`)
      return true
    })
    assert.ok(performance.now() - begun < 5000, `${message} took too long`)
  }
}

const sixFloats = floats(1, 2, 3, 4, 5, 6)
const six = { key: '0', count: 6, shape: [2, 3], strides: [3, 1] }
const good = { w: tensor(six) }

/** A `.pth` whose pickle is these opcodes. */
const torch = (...pieces: readonly Piece[]) => archive(pickle(...pieces), { 0: sixFloats })
const system = global('os', 'system')
const unicode = (value: string) => [0x8c, value.length, value]

test('pickle: code is refused by every way that leads to it', async () => {
  const names = /its pickle names os\.system, .*nothing was run\n.*save its tensors alone/
  const command = text('touch /tmp/atrous-was-run')
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
    [torch(int(1), '(', '0'), /takes from an empty stack/],
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
  const puts = new DataView(many(1_000_001, 'r', u32(0)).buffer)
  for (let i = 0; i < 1_000_001; i++) puts.setUint32(5 * i + 1, i, true)
  // Thirty lists, each holding the one before it twice: a billion paths.
  const doubling = Array.from({ length: 30 }, () => [put(0), '0', ']', '(', get(0), get(0), 'e'])
  const longKey = Array.from({ length: 9 }, () => [put(0), '0', dict({ ['k'.repeat(60)]: get(0) })])
  const wide = [put(0), '0', dict(Object.fromEntries(range(300).map((i) => [`${i}`, get(0)])))]
  await refuses([
    [torch(']', put(0), get(0), 'a'), /has a list or dict that holds itself/],
    [torch('}', put(0), text('a'), get(0), 's'), /has a list or dict that holds itself/],
    [torch(many(500_000, ']'), many(499_999, 'a')), /nests over 32 levels/],
    [torch(many(500_000, int(1), 0x85)), /holds no tensors/],
    [torch(tensor(six), many(100_000, 0x85)), /nests over 32 levels/],
    [torch(']', doubling), /nests too many values in one another/],
    [torch(tensor(six), longKey), /has a name of over 512 characters/],
    [torch(dict(good), wide, wide), /has over 65536 tensors and values/],
    [torch(many(1_000_001, 'N')), /needs a stack that is too high/],
    [torch(many(1_000_001, '(')), /sets too many marks/],
    [torch(']', many(1_000_001, '}', 'a')), /has too many lists and dicts/],
    [torch('N', new Uint8Array(puts.buffer)), /remembers too much/],
    [torch(many(2 ** 25, 'N')), /its pickle has 33554435 bytes/],
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
    [storage('UntypedStorage', '0', 7), int(0), tuple(int(2)), tuple(int(1))],
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

test('safetensors: headers that lie, repeat themselves or nest are refused', async () => {
  const safe = (header: string, data: Piece = sixFloats, length?: number | bigint) => {
    const json = bytesOf(header)
    return bytesOf(u64(length ?? json.length), json, data)
  }
  const entry = (shape: string, end = 24, dtype = '"F32"') =>
    `{"dtype":${dtype},"shape":${shape},"data_offsets":[0,${end}]}`
  const deep = (count: number) => '['.repeat(count) + ']'.repeat(count)
  const whole = entry('[6]')
  await refuses([
    [safe(`{"w":${whole}}`, sixFloats, 2n ** 60n), /announces a header of 1152921504606846976 b/],
    [safe(`{"w":${whole}}`, sixFloats, 99_999_999), /is truncated: its header takes/],
    [safe(`{"w":${whole}}`, []), /is truncated: 24 bytes of tensors, 0 there/],
    [safe(`{"w":${whole},"w":${whole}}`), /the key w appears twice/],
    [safe(`{"w":${whole},"\\u0077" : ${whole}}`), /the key w appears twice/],
    [safe(`{"w":{"shape":[1],${whole.slice(1)}}`), /the key shape appears twice/],
    [safe('{"__metadata__":{"a":"1","a":"2"}}'), /the key a appears twice/],
    [safe(`{"__metadata__":["a"],"w":${whole}}`), /metadata that are not texts/],
    [safe(`{"w":${entry('[1099511627776,1099511627776]')}}`), /of a size that no file has/],
    [safe(`{"w":${entry('[1099511627776,1099511627776,0]', 0)}}`), /of a size that no file has/],
    [safe(`{"w":${entry('[1e400]')}}`), /malformed shape/],
    [safe(`{"w":${entry('[1.5,4]')}}`), /malformed shape/],
    [safe(`{"w":${entry('["6"]')}}`), /malformed shape/],
    [safe(`{"w":${entry(deep(5000))}}`), /malformed shape/],
    [safe(`{"w":${entry('[6]', 24, deep(5000))}}`), /of the unknown type object/],
    [safe(`{"w":${entry('[6]', 24, '"F8_E4M3"')}}`), /of the unknown type F8_E4M3/],
    [safe(`{"w":${deep(200_000)}}`), /unknown type undefined|is not JSON/],
    [safe(`{"${'k'.repeat(300)}":1}`), /tensor k{80}… of the unknown type/],
    [safe('{"w":'), /header that is not JSON/],
    [bytesOf(u64(6), '{"', 0xff, '":1', sixFloats), /header that is not JSON/],
  ])
})

test('zip: damaged, encrypted and bursting archives are refused', async () => {
  const entry = npy({ descr: '<f4', shape: [6], data: sixFloats })
  const zeros = npy({ descr: '<f4', shape: [2 ** 22], data: new Uint8Array(2 ** 24) })
  const whole = zip({ 'w.npy': entry })
  const patched = (at: number, ...bytes: number[]) => {
    const copy = whole.slice()
    copy.set(bytes, at < 0 ? whole.length + at : at)
    return copy
  }
  const flipped = zip({ 'w.npy': entry }, { deflate: true })
  flipped[60] ^= 0x55
  // Two records of one place, by a second directory entry.
  const start = whole.length - 22 - 51
  const record = whole.subarray(start, whole.length - 22)
  const twice = (name: string) => {
    const other = record.slice()
    other.set(bytesOf(name), 46)
    const end = bytesOf('PK\x05\x06', u32(0), 2, 0, 2, 0, u32(102), u32(start), 0, 0)
    return bytesOf(whole.subarray(0, start), record, other, end)
  }
  await refuses([
    [whole.subarray(0, whole.length - 1), /has no directory at its end: it is truncated/],
    [patched(-22 + 10, 9), /has 1 entries in a directory for 9/],
    [patched(-22 + 12, 0xff, 0xff), /has a directory that ends at/],
    [patched(-22 + 16, 0xff, 0xff, 0xff, 0xff), /has a directory that ends at/],
    [patched(start, 0), /has 0 entries in a directory for 1/],
    [patched(start + 42, 5), /has no entry where w\.npy should be/],
    [patched(26, 0xff, 0xff), /is truncated/],
    [patched(150, 1), /has a damaged entry w\.npy: its checksum is another/],
    [flipped, /has a damaged entry w\.npy/],
    [zip({ 'w.npy': entry }, { crc: 1 }), /its checksum is another/],
    [zip({ 'w.npy': entry }, { crc: 1, deflate: true }), /does not inflate/],
    [zip({ 'w.npy': entry }, { size: 1, deflate: true }), /does not inflate/],
    [zip({ 'w.npy': entry }, { size: 9999, deflate: true }), /does not inflate/],
    [zip({ 'w.npy': entry }, { size: 2 ** 30 }), /is truncated: 1073741824 bytes are announced/],
    [zip({ 'w.npy': entry }, { size: 2 ** 30, zip64: true }), /is truncated/],
    [zip({ 'w.npy': entry }, { size: 2 ** 30, deflate: true }), /would inflate its \d+ bytes to/],
    [zip({ a: zeros, b: zeros, c: zeros, d: zeros, e: zeros }, { deflate: true }), /would infl/],
    [zip({ 'w.npy': entry }, { flags: 1 }), /has w\.npy encrypted/],
    [zip({ 'w.npy': entry }, { method: 12 }), /compressed by method 12/],
    [twice('x.npy'), /inside another entry/],
    [twice('w.npy'), /has two entries w\.npy/],
  ])
})

test('npz: headers that lie are refused', async () => {
  const one = (...parts: Parameters<typeof npy>) => zip({ 'w.npy': npy(...parts) })
  const raw = (header: string, data = sixFloats) =>
    zip({ 'w.npy': bytesOf(0x93, 'NUMPY', 1, 0, header.length, 0, header, data) })
  const four = { descr: '<f4', shape: [6], data: sixFloats }
  await refuses([
    [one({ ...four, shape: [7] }), /w\.npy has 24 bytes of data for \[7\] of f32/],
    [one({ ...four, shape: [2 ** 40, 2 ** 40] }), /24 bytes of data for \[1099/],
    [one({ ...four, shape: [2 ** 53] }), /24 bytes of data for/],
    [one({ ...four, descr: '>f4' }), /holds big-endian numbers/],
    [one({ ...four, descr: '|O' }), /no plain numbers but elements of type O/],
    [one({ ...four, descr: '<c8' }), /no plain numbers but elements of type c8/],
    [one({ ...four, descr: '__proto__' }), /no plain numbers/],
    [one({ ...four, version: 9 }), /has version 9/],
    [raw("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (6,)}"), /no plain numbers/],
    [raw("{'descr': '<f4', 'fortran_order': False, 'shape': (-6,)}"), /has a damaged header/],
    [raw("{'descr': '<f4', 'fortran_order': 1, 'shape': (6,)}"), /has a damaged header/],
    [raw('nothing'), /has a damaged header/],
    [zip({ 'w.npy': bytesOf('text') }), /w\.npy is truncated/],
    [zip({ 'w.npy': bytesOf('no array of any kind') }), /is no array of numpy/],
    [zip({ 'w.npy': bytesOf(0x93, 'NUMPY', 2, 0, u32(-1)) }), /a header of 4294967295/],
    [zip({ 'w.npy': bytesOf(0x93, 'NUMPY', 1, 0, 99, 0) }), /is truncated/],
  ])
})

test('mxnet: counts, shapes and types that lie are refused', async () => {
  const array = { name: 'a', shape: [6], type: 0, data: sixFloats }
  const list = (...pieces: Piece[]) => bytesOf(u64(0x112), u64(0), pieces)
  const v2 = [u32(0xf993fac9), u32(0)]
  await refuses([
    [params([array], 2).subarray(0, 90), /the MXNet file is truncated/],
    [bytesOf(params([array], 2), 0), /has 1 bytes after its last name/],
    [params([array, array], 2), /has two arrays of one name/],
    [params([array, { ...array, name: undefined }], 2), /has 1 names for 2 arrays/],
    [params([{ ...array, type: 99 }], 2), /has array 0 of the unknown type 99/],
    [params([{ ...array, shape: [2 ** 40, 2 ** 40] }], 2), /array 0 of the shape \[1099511627776/],
    [params([{ ...array, shape: [2 ** 31, 2 ** 18] }], 0), /is truncated: 2251799813685248 bytes/],
    [params([{ ...array, shape: [] }], 2), /has array 0 with 0 axes/],
    [list(u64(1), u32(0xffff)), /has array 0 with 65535 axes/],
    [list(u64(2n ** 60n)), /announces 1152921504606847000 of something/],
    [list(u64(2 ** 50)), /is truncated/],
    [list(u64(0), u64(2 ** 50)), /is truncated/],
    [list(u64(0), u64(1), u64(2 ** 50)), /is truncated/],
    [list(u64(1), u32(0xf993fac9), u32(1)), /has array 0 stored sparsely/],
    [list(u64(1), v2, u32(1), u64(-1n)), /announces 18446744073709552000 of something/],
  ])
})

test('caffe: messages that lie are refused', async () => {
  const blob = { shape: [6], data: sixFloats }
  const model = caffemodel([{ name: 'a', type: 'T', blobs: [blob] }])
  const layer = (...pieces: Piece[]) => bytesOf(field(100, field(1, 'a'), pieces))
  const huge = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]
  await refuses([
    [model.subarray(0, model.length - 3), /the Caffe model is truncated/],
    [caffemodel([{ name: 'a', type: 'T', blobs: [{ ...blob, shape: [7] }] }]), /24 bytes in a\/0/],
    [
      caffemodel([{ name: 'a', type: 'T', blobs: [{ ...blob, shape: [2 ** 40, 2 ** 40] }] }]),
      /24 b/,
    ],
    [bytesOf(model, model), /has two layers a/],
    [layer(field(7, field(7, field(1, huge)), field(5, sixFloats))), /bytes in a\/0 for \[72057/],
    [layer(field(7, field(5, sixFloats), field(5, sixFloats))), /24 bytes in a\/0 for/],
    [layer([0x3a, huge]), /is truncated: 72057594037927940 bytes are announced/],
    [layer(3), /has a field of the unknown kind 3/],
    [layer(0x3a, huge.slice(0, 7), 0xff, 0xff, 0xff, 0xff), /a number of more than ten bytes/],
  ])
})

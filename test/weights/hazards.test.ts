// Files of the other formats that are damaged, or lie about their sizes: each is refused by name and reason.

import { test } from '../harness.ts'
import { refuses } from './refuses.ts'
import {
  bytesOf,
  caffemodel,
  field,
  floats,
  npy,
  type Piece,
  params,
  u32,
  u64,
  zip,
} from './writers.ts'

const sixFloats = floats(1, 2, 3, 4, 5, 6)

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
    [safe(`{"w":${whole}${',"v":{}'.repeat(1_000_000)}}`), /has over 1000000 tensors/],
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
    [one({ ...four, shape: [5] }), /24 bytes of data for \[5\] of f32/],
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
    [layer(field(7, field(5, sixFloats), field(5, sixFloats))), /data of a\/0 in several pieces/],
    [layer([0x3a, huge]), /is truncated: 72057594037927940 bytes are announced/],
    [layer(3), /has a field of the unknown kind 3/],
    [layer(0x3a, huge.slice(0, 7), 0xff, 0xff, 0xff, 0xff), /a number of more than ten bytes/],
  ])
})

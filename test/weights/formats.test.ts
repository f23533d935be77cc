// Weight files of every format: what other libraries write is read, each element and each name.

import assert from 'node:assert/strict'
import { DataError } from '../../engine/errors.ts'
import { decodeWeights } from '../../train/weights/decode.ts'
import {
  bfloatToNumber,
  halfToNumber,
  numberToBfloat,
  numberToHalf,
} from '../../train/weights/floats.ts'
import { writeSafetensors } from '../../train/weights/safetensors.ts'
import { test } from '../harness.ts'
import { contents } from './contents.ts'
import { dict, int, pickle } from './pickles.ts'
import { bytesOf, caffemodel, floats, npy, type Param, params, u32, zip } from './writers.ts'

const sixFloats = floats(1, 2, 3, 4, 5, 6)

test('floats: every half survives, and rounding goes to the nearest, ties to even', () => {
  for (let half = 0; half < 65536; half++) {
    const value = halfToNumber(half)
    if (Number.isNaN(value)) assert.ok(Number.isNaN(halfToNumber(numberToHalf(value))))
    else assert.equal(numberToHalf(value), half)
  }
  for (let half = 0; half < 0x7bff; half++) {
    const [low, high] = [halfToNumber(half), halfToNumber(half + 1)]
    const tie = (low + high) / 2
    assert.equal(numberToHalf(tie), half + (half & 1))
    assert.equal(numberToHalf(Math.fround(tie - tie * 2 ** -20)), half)
    assert.equal(numberToHalf(Math.fround(tie + tie * 2 ** -20)), half + 1)
  }
  assert.deepEqual([65519, 65520, 2 ** -25, -1e-30].map(numberToHalf), [0x7bff, 0x7c00, 0, 0x8000])
})

test('floats: bfloat16 is the upper half of a float32, rounded', () => {
  for (let half = 0; half < 65536; half++) {
    const value = bfloatToNumber(half)
    if (Number.isNaN(value)) assert.ok(Number.isNaN(bfloatToNumber(numberToBfloat(value))))
    else assert.equal(numberToBfloat(value), half)
  }
  const cases = [1 + 2 ** -8, 1 + 3 * 2 ** -8, 1 + 2 ** -8 + 2 ** -20, 3.4e38, -1 - 2 ** -8]
  assert.deepEqual(cases.map(numberToBfloat), [0x3f80, 0x3f82, 0x3f81, 0x7f80, 0xbf80])
})

test('safetensors: every dtype becomes float32, aligned or not', async () => {
  const bytes = writeSafetensors(
    [
      ['f64', { dtype: 'F64', shape: [2], data: Float64Array.of(0.1, -3) }],
      ['i64', { dtype: 'I64', shape: [1], data: BigInt64Array.of(-5n) }],
      ['u64', { dtype: 'U64', shape: [1], data: BigUint64Array.of(2n ** 40n) }],
      ['f32', { dtype: 'F32', shape: [1, 2], data: Float32Array.of(0.5, Number.NaN) }],
      ['i32', { dtype: 'I32', shape: [], data: Int32Array.of(-7) }],
      ['u32', { dtype: 'U32', shape: [1], data: Uint32Array.of(4294967295) }],
      ['f16', { dtype: 'F16', shape: [2], data: Uint16Array.of(0x3c00, 1) }],
      ['bf16', { dtype: 'BF16', shape: [2], data: Uint16Array.of(0xc040, 0x7f80) }],
      ['i16', { dtype: 'I16', shape: [1], data: Int16Array.of(-300) }],
      ['u16', { dtype: 'U16', shape: [1], data: Uint16Array.of(65535) }],
      ['i8', { dtype: 'I8', shape: [1], data: Int8Array.of(-1) }],
      ['u8', { dtype: 'U8', shape: [1], data: Uint8Array.of(255) }],
      ['bool', { dtype: 'BOOL', shape: [2], data: Uint8Array.of(0, 1) }],
      ['none', { dtype: 'F32', shape: [0, 4], data: new Float32Array(0) }],
    ],
    { format: 'pt' },
  )
  const shifted = new Uint8Array(bytes.length + 1)
  shifted.set(bytes, 1)
  for (const source of [bytes, shifted.subarray(1)]) {
    const weights = await decodeWeights(source, 'x')
    assert.equal(weights.format, 'safetensors')
    assert.deepEqual(weights.metadata, new Map([['format', 'pt']]))
    assert.deepEqual(contents(weights), {
      f64: [[2], [Math.fround(0.1), -3]],
      i64: [[1], [-5]],
      u64: [[1], [2 ** 40]],
      f32: [
        [1, 2],
        [0.5, Number.NaN],
      ],
      i32: [[], [-7]],
      u32: [[1], [4294967296]],
      f16: [[2], [1, 2 ** -24]],
      bf16: [[2], [-3, Number.POSITIVE_INFINITY]],
      i16: [[1], [-300]],
      u16: [[1], [65535]],
      i8: [[1], [-1]],
      u8: [[1], [255]],
      bool: [[2], [0, 1]],
      none: [[0, 4], []],
    })
  }
  const { tensors } = await decodeWeights(bytes, 'x')
  assert.equal(tensors.get('f32')?.values().buffer, bytes.buffer, 'float32 is a view')
  assert.deepEqual(
    [...tensors].filter(([name, { dtype }]) => name !== 'none' && name !== dtype),
    [],
  )
})

test('npz: each dtype and version, rows or columns first', async () => {
  const files = {
    'arr_0.npy': npy({ descr: '<f4', shape: [2, 3], data: sixFloats }),
    'arr_1.npy': npy({ descr: '<f4', shape: [2, 3], data: sixFloats, fortran: true, version: 2 }),
    'd.npy': npy({ descr: '<f8', shape: [1], data: new Uint8Array(Float64Array.of(-2).buffer) }),
    'h.npy': npy({ descr: '<f2', shape: [], data: bytesOf(0, 0x3c), version: 3 }),
    'l.npy': npy({ descr: '<i8', shape: [1], data: bytesOf(u32(9), u32(0)) }),
    'i.npy': npy({ descr: '<i4', shape: [1, 1], data: bytesOf(u32(-1)) }),
    'b.npy': npy({ descr: '|b1', shape: [2], data: bytesOf(1, 0) }),
  }
  for (const deflate of [false, true]) {
    const weights = await decodeWeights(zip(files, { deflate }), 'x.npz')
    assert.equal(weights.format, 'npz')
    assert.deepEqual(contents(weights), {
      arr_0: [
        [2, 3],
        [1, 2, 3, 4, 5, 6],
      ],
      arr_1: [
        [2, 3],
        [1, 3, 5, 2, 4, 6],
      ],
      d: [[1], [-2]],
      h: [[], [1]],
      l: [[1], [9]],
      i: [[1, 1], [-1]],
      b: [[2], [1, 0]],
    })
  }
})

const arrays: readonly Param[] = [
  { name: 'arg:conv1a_weight', shape: [2, 3], type: 0, data: sixFloats },
  { name: 'aux:bn7_moving_var', shape: [2], type: 2, data: bytesOf(0, 0x3c, 0, 0x40) },
]

test('mxnet: arrays of every version under their names', async () => {
  for (const version of [0, 1, 2, 3] as const) {
    const weights = await decodeWeights(params(arrays, version), 'x.params')
    assert.equal(weights.format, 'mxnet')
    assert.deepEqual(contents(weights), {
      'arg:conv1a_weight': [
        [2, 3],
        [1, 2, 3, 4, 5, 6],
      ],
      'aux:bn7_moving_var': [[2], [1, 2]],
    })
  }
  const unnamed = params(
    arrays.map(({ name, ...array }) => array),
    2,
  )
  assert.deepEqual([...(await decodeWeights(unnamed, 'x')).tensors.keys()], ['0', '1'])
})

test('caffe: the blobs of each layer, with shapes of both forms', async () => {
  const model = caffemodel([
    { name: 'data', type: 'Input', blobs: [] },
    {
      ...{ name: 'conv1', type: 'Convolution' },
      blobs: [
        { shape: [2, 3, 1, 1], data: sixFloats, legacy: true },
        { shape: [2], data: floats(-1, 200) },
      ],
    },
    { name: 'bn_conv1', type: 'BatchNorm', blobs: [{ shape: [300], data: new Uint8Array(1200) }] },
  ])
  const weights = await decodeWeights(model, 'x.caffemodel')
  assert.equal(weights.format, 'caffe')
  assert.deepEqual(contents(weights), {
    'conv1/0': [
      [2, 3, 1, 1],
      [1, 2, 3, 4, 5, 6],
    ],
    'conv1/1': [[2], [-1, 200]],
    'bn_conv1/0': [[300], new Array(300).fill(0)],
  })
  assert.deepEqual(Object.fromEntries(weights.metadata), {
    conv1: 'Convolution',
    bn_conv1: 'BatchNorm',
  })
})

test('what is no weight file is refused with what it looks like', async () => {
  const zeros = (...pieces: (string | number | number[])[]) => bytesOf(pieces, new Uint8Array(300))
  const tar = new Uint8Array(512)
  tar.set(bytesOf('ustar'), 257)
  const cases: [Uint8Array, RegExp][] = [
    [new Uint8Array(0), /f: is empty/],
    [bytesOf('\n<!DOCTYPE html><html>'), /is a web page/],
    [bytesOf('version https://git-lfs.github.com/spec/v1\noid'), /git-lfs.*\n.*git lfs pull/],
    [bytesOf('{"weight_map": {}}'), /is JSON.*\n.*name the index/],
    [zeros(0x89, 'HDF\r\n\x1a\n'), /is HDF5/],
    [npy({ descr: '<f4', shape: [2], data: floats(1, 2) }), /one array of numpy/],
    [zeros('GGUF'), /is GGUF/],
    [zeros(28, 0, 0, 0, 'TFL3'), /is TensorFlow Lite/],
    [zeros(0x1f, 0x8b, 8), /is compressed by gzip/],
    [tar, /is a tar archive\n/],
    [zeros(8, 7, 0x12, 7, 'pytorch'), /is ONNX/],
    [pickle(dict({ a: int(1) })), /is a bare pickle.*\n.*if you trust it/],
    [zip({ 'a.txt': bytesOf('x') }), /zip archive of no weights: it holds a\.txt/],
    [zip({}), /it holds nothing/],
    [bytesOf('ab'), /no weight file: it begins with 61 62\n/],
    [zeros(0xff, 0xd8, 0xff, 0xe0), /no weight file: it begins with ff d8 ff e0/],
    [new Uint8Array(64), /no weight file/],
  ]
  for (const [bytes, message] of cases)
    await assert.rejects(decodeWeights(bytes, 'f'), (error: Error) => {
      assert.ok(error instanceof DataError, `${message}: ${error.stack}`)
      assert.match(error.message, message)
      return true
    })
})

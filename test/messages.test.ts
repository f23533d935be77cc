// What a person reads who gives an op the wrong shapes: messages are part of the interface.

import * as assert from 'uvu/assert'
import {
  add,
  assign,
  broadcastTo,
  concat,
  constant,
  conv2d,
  iota,
  isFinite,
  isNaN,
  matmul,
  maxPool2d,
  mean,
  moments,
  mul,
  normalize,
  pad,
  padReflect,
  permute,
  repeatUpsample,
  reshape,
  resizeBilinear,
  ShapeError,
  scalar,
  scope,
  selectLargest,
  slice,
  sum,
  takeLabel,
  Variable,
  where,
} from '../engine/index.ts'
import { test } from './harness.ts'

const image = () => constant(new Float32Array(2 * 4 * 4 * 3), [2, 4, 4, 3])
const weight = () => constant(new Float32Array(3 * 3 * 4 * 8), [3, 3, 4, 8])
const vector = (n: number) => constant(new Float32Array(n))

/** Each likely misuse, with the sentence that a person gets. */
const misuses: [f: () => unknown, message: string][] = [
  [
    () => scope('encoder', () => scope('conv1', () => conv2d(image(), weight()))),
    'conv2d: input channels must equal weight channels; got f32[2,4,4,3], f32[3,3,4,8] (in encoder.conv1)\n  hint: weight is [kh, kw, in, out]; did you load a checkpoint of another width?',
  ],
  [
    () => conv2d(image(), constant(new Float32Array(5 * 5 * 3), [5, 5, 3, 1])),
    'conv2d: the padded input is smaller than the kernel (output 0×0); got f32[2,4,4,3], f32[5,5,3,1]',
  ],
  [
    () => add(vector(3), vector(4)),
    'add: shapes do not broadcast; got f32[3], f32[4]\n  hint: sizes must be equal or 1, counted from the last axis',
  ],
  [
    () => mul(vector(2), constant(Int32Array.of(1, 2))),
    'mul: dtypes differ; got f32[2], i32[2]\n  hint: use cast() to make them one; nothing is converted silently',
  ],
  [
    () => where(vector(2), vector(2), vector(2)),
    'where: the condition must be u8; got f32[2], f32[2], f32[2]\n  hint: comparisons give u8',
  ],
  [() => broadcastTo(vector(3), [3, 4]), 'broadcastTo: does not broadcast to [3,4]; got f32[3]'],
  [
    () => reshape(vector(6), [4, 2]),
    'reshape: cannot become [4,2]: the number of elements differs; got f32[6]',
  ],
  [
    () => reshape(vector(7), [2, -1]),
    'reshape: cannot become [2,-1]: sizes are whole numbers; got f32[7]',
  ],
  [
    () => reshape(vector(4), [-2, -2]),
    'reshape: cannot become [-2,-2]: sizes are whole numbers; got f32[4]',
  ],
  [
    () => reshape(vector(4), [-1, 2, -1]),
    'reshape: [-1,2,-1] leaves more than one size open; got f32[4]',
  ],
  [() => broadcastTo(vector(1), [2.5]), 'broadcastTo: does not broadcast to [2.5]; got f32[1]'],
  [
    () => permute(image(), [0, 1, 2]),
    'permute: [0,1,2] is not an order of the 4 axes; got f32[2,4,4,3]',
  ],
  [
    () => slice(vector(4), [2], [9]),
    'slice: [2:9:1] is not inside axis 0; got f32[4]\n  hint: a slice has one element at least; to the end, or down to the first element, is undefined',
  ],
  [
    () => slice(vector(4), [0.5], [2.5]),
    'slice: [0.5:2.5:1] is not inside axis 0; got f32[4]\n  hint: a slice has one element at least; to the end, or down to the first element, is undefined',
  ],
  [
    () => slice(vector(4), [0], [4], [1.5]),
    'slice: [0:4:1.5] is not inside axis 0; got f32[4]\n  hint: a slice has one element at least; to the end, or down to the first element, is undefined',
  ],
  [() => slice(vector(4), [0, 1]), 'slice: there are only 1 axes; got f32[4]'],
  [
    () => pad(vector(4), [0.5], [1]),
    'pad: amounts are whole numbers, unlike [0.5], [1]; got f32[4]',
  ],
  [
    () => padReflect(image(), [0, 1], [0, 1]),
    'padReflect: amounts are needed for every axis; got f32[2,4,4,3]',
  ],
  [
    () => padReflect(vector(4), [1.5], [0]),
    'padReflect: amounts are whole numbers, unlike [1.5], [0]; got f32[4]',
  ],
  [
    () => concat([vector(2), vector(3)], 5),
    'concat: no such axis 5; got f32[2], f32[3]\n  hint: axes go from -1 to 0',
  ],
  [
    () => concat([vector(2)], -2),
    'concat: no such axis -2; got f32[2]\n  hint: axes go from -1 to 0',
  ],
  [() => concat([], 0), 'concat: nothing to join'],
  [() => iota([2, 3], 2), 'iota: [2,3] has no axis 2'],
  [
    () => isNaN(constant(Int32Array.of(1))),
    'isNaN: a floating-point dtype is needed; got i32[1]\n  hint: integers are always finite',
  ],
  [
    () => isFinite(constant(Uint8Array.of(1))),
    'isFinite: a floating-point dtype is needed; got u8[1]\n  hint: integers are always finite',
  ],
  [
    () => scope('head', () => add(constant(Int32Array.of(1, 2)), 0.5)),
    'scalar: i32 cannot hold 0.5 (in head)\n  hint: a number takes the dtype of the tensor beside it: cast() that first',
  ],
  [
    () => scalar(-1, 'u8'),
    'scalar: u8 cannot hold -1\n  hint: a number takes the dtype of the tensor beside it: cast() that first',
  ],
  [() => pad(image(), [1], [1]), 'pad: amounts are needed for every axis; got f32[2,4,4,3]'],
  [
    () => padReflect(vector(3), [3], [0]),
    'padReflect: axis 0 has 3 elements and can be reflected by at most 2; got f32[3]\n  hint: pad again what was padded, or use padReplicate()',
  ],
  [
    () => concat([image(), vector(3)], 3),
    'concat: all sizes but that of axis 3 must agree; got f32[2,4,4,3], f32[3]',
  ],
  [
    () => sum(image(), [4]),
    'sum: [4] are not axes of a tensor with 4; got f32[2,4,4,3]\n  hint: axes go from -4 to 3, each at most once',
  ],
  [
    () => mean(constant(Uint8Array.of(1, 2))),
    'mean: takes f32, not u8; got u8[2]\n  hint: use cast()',
  ],
  [
    () => matmul(constant(new Float32Array(6), [2, 3]), constant(new Float32Array(8), [2, 4])),
    'matmul: inner sizes differ: 3 and 2; got f32[2,3], f32[2,4]\n  hint: a is [..., m, k] and b is [..., k, n]; transposeA and transposeB exchange the last two axes',
  ],
  [() => moments(vector(3)), 'moments: an f32 tensor [..., c] is needed; got f32[3]'],
  [
    () => normalize(image(), vector(4), vector(3), vector(3)),
    'normalize: mean, scale and shift must be [3]; got f32[2,4,4,3], f32[4], f32[3], f32[3]',
  ],
  [
    () => maxPool2d(image(), { kernel: 5 }),
    'maxPool2d: the window is larger than the padded input; got f32[2,4,4,3]\n  hint: use a smaller kernel or more padding',
  ],
  [
    () => maxPool2d(vector(4), { kernel: 2 }),
    'maxPool2d: a tensor [n, h, w, c] is needed; got f32[4]\n  hint: use reshape() or expandDims()',
  ],
  [
    () => repeatUpsample(vector(4), [2, 2]),
    'repeatUpsample: an f32 tensor [n, h, w, c] is needed; got f32[4]',
  ],
  [
    () => resizeBilinear(image(), [0, 4]),
    'resizeBilinear: 0×4 is no size; got f32[2,4,4,3]\n  hint: it is [height, width], from 1 on',
  ],
  [
    () => takeLabel(image(), vector(32)),
    'takeLabel: scores must be f32 and labels u8, i32 or u32; got f32[2,4,4,3], f32[32]',
  ],
  [
    () => selectLargest(vector(4), vector(4), 2),
    'selectLargest: values must be f32 [rows, m]; got f32[4], f32[4]',
  ],
  [
    () => assign(new Variable({ dtype: 'f32', shape: [2] }, () => new Float32Array(2), 'w'), 0),
    'assign: assignments belong to a program; got w\n  hint: call assign inside the function that is given to device.compile',
  ],
  [
    () => constant([1, 2, 3], [2]),
    'tensor: the shape needs 2 elements and the data has 3; got f32[2]',
  ],
  [() => constant([1, 2], [2.5, 0.8]), 'tensor: sizes must be whole numbers; got f32[2.5,0.8]'],
  [
    () => constant(new Float64Array([1, 2]) as unknown as Float32Array),
    'tensor: no dtype has this array; got Float64Array\n  hint: copy it into a Float32Array, Int32Array, Uint32Array or Uint8Array, or a Uint16Array of f16 bits',
  ],
]

for (const [f, message] of misuses) {
  test(`message: ${message.split('\n')[0]}`, () => {
    let said = ''
    try {
      f()
    } catch (error) {
      assert.instance(error, ShapeError)
      said = (error as Error).message
    }
    assert.is(said, message)
  })
}

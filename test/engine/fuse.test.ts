// Fusion changes how often memory is read, never a value. Each test is a small graph that one rule of `fuse` is about:
// which kernels it becomes, and that fused and unfused programs give what the interpreter gives.

import {
  add,
  broadcastTo,
  channelSums,
  constant,
  conv2d,
  exp,
  iota,
  matmul,
  max,
  mul,
  neg,
  relu,
  reshape,
  scalar,
  slice,
  square,
  sub,
  sum,
  tanh,
} from '../../engine/index.ts'
import { becomes, f32, variable } from '../agree.ts'
import { test } from '../harness.ts'

test('fuse: a chain with one reader each is one kernel', () =>
  becomes((x) => [relu(add(mul(x, 2), 1))], [f32(3, 5)], ['mul add relu']))

test('fuse: what two kernels read is computed in both where that costs no traffic', () =>
  becomes(
    (x, y) => {
      const a = tanh(x)
      return [add(a, y), reshape(mul(a, 3), [15])]
    },
    [f32(3, 5), f32(3, 5)],
    ['tanh add', 'tanh mul'],
  ))

test('fuse: what many kernels read is stored when its own sources are more', () =>
  becomes(
    (x, y, z) => {
      const a = add(mul(x, y), z)
      return [exp(a), neg(a), square(a)]
    },
    [f32(200, 200), f32(200, 200), f32(200, 200)],
    ['mul add', 'exp', 'neg', 'square'],
  ))

test('fuse: a value that is returned is stored, and read by the next kernel', () =>
  becomes(
    (x) => {
      const a = mul(x, 2)
      return [a, tanh(a)]
    },
    [f32(200, 200)],
    ['mul', 'tanh'],
  ))

test('fuse: a sum computes its terms while it loads, with vectors of channels and numbers', () =>
  becomes(
    (x, m) => [sum(mul(square(sub(x, m)), 0.5), [0, 1])],
    [f32(6, 5, 8), f32(8)],
    ['sub square mul sum'],
  ))

test('fuse: two sums over one pass', () =>
  becomes(
    (dy, x, m) => channelSums([dy, mul(dy, sub(x, m))]),
    [f32(4, 3, 8), f32(4, 3, 8), f32(8)],
    ['sub mul sum (2 results)'],
  ))

test('fuse: a sum does not take terms that broadcast in another way', () =>
  becomes((x, row) => [sum(mul(x, row), [1])], [f32(6, 8), f32(6, 1)], ['mul', 'sum']))

test('fuse: element positions are not computed inside a sum', () =>
  becomes((x) => [sum(mul(x, iota([6, 8], 1)), [0])], [f32(6, 8)], ['iota mul', 'sum']))

test('fuse: bias, residual and relu ride on a convolution', () =>
  becomes(
    (x, w, b, r) => [relu(add(add(conv2d(x, w, { padding: 1 }), b), r))],
    [f32(1, 5, 6, 4), f32(3, 3, 4, 8), f32(8), f32(1, 5, 6, 8)],
    ['conv2d add add relu'],
  ))

test('fuse: a tail of odd channels, a number and the operand on the left', () =>
  becomes(
    (x, w, b) => [sub(b, mul(conv2d(x, w), 0.5))],
    [f32(2, 4, 5, 3), f32(2, 2, 3, 5), f32(5)],
    ['conv2d mul sub'],
  ))

test('fuse: a tail on a matrix product', () =>
  becomes(
    (a, b, c) => [relu(add(reshape(matmul(a, b), [6, 8]), c))],
    [f32(6, 7), f32(7, 8), f32(8)],
    ['matmul add relu'],
  ))

test('fuse: a convolution that two kernels read keeps its output', () =>
  becomes(
    (x, w) => {
      const y = conv2d(x, w)
      return [relu(y), sum(y)]
    },
    [f32(1, 4, 4, 4), f32(1, 1, 4, 4)],
    ['conv2d', 'relu', 'sum'],
  ))

test('fuse: numbers are computed wherever they are read', () =>
  becomes(
    (x, y) => {
      const two = mul(scalar(1), 2)
      return [mul(x, two), reshape(mul(y, two), [4]), sum(mul(square(x), two))]
    },
    [f32(2, 3), f32(2, 2)],
    ['mul', 'mul', 'square mul sum'],
  ))

test('fuse: a chain of broadcasts ends in the kernel that reads it', () =>
  becomes(
    (x, y) => [mul(broadcastTo(broadcastTo(x, [3, 1, 4]), [2, 3, 5, 4]), y)],
    [f32(3, 1, 1), f32(2, 3, 5, 4)],
    ['broadcastTo', 'broadcastTo mul'],
  ))

test('fuse: the same tensor twice in one kernel, pointwise and structured', async () => {
  await becomes((x) => [mul(x, x), add(neg(x), x)], [f32(7)], ['mul', 'neg add'])
  await becomes((x) => [matmul(x, x)], [f32(5, 5)], ['copy', 'matmul'])
})

test('fuse: results that are arguments, constants and variables have memory of their own', () => {
  const v = variable('v', 3)
  return becomes(
    (x) => [x, constant([1, 2, 3]), add(v, 0), reshape(x, [3, 1])],
    [f32(3)],
    ['add', 'copy', 'copy', 'copy'],
  )
})

test('fuse: the same result returned twice', () =>
  becomes(
    (x) => {
      const y = tanh(x)
      return [y, y, reshape(y, [2, 2])]
    },
    [f32(4)],
    ['tanh', 'copy', 'copy'],
  ))

test('fuse: reductions of a view of a variable', () => {
  const v = variable('v', 4, 6)
  return becomes(
    (x) => [sum(mul(reshape(v, [24]), reshape(x, [24]))), max(slice(reshape(v, [2, 12]), [0, 2]))],
    [f32(4, 6)],
    ['mul sum', 'rearrange', 'max'],
  )
})

// Fusion changes how often memory is read, never a value. Each test is a small graph that one rule of `fuse` is about:
// which kernels it becomes, and that fused and unfused programs give what the interpreter gives.

import {
  add,
  assign,
  broadcastTo,
  channelSums,
  constant,
  conv2d,
  exp,
  grad,
  greater,
  iota,
  matmul,
  max,
  mean,
  moments,
  mul,
  neg,
  normalize,
  relu,
  reshape,
  rsqrt,
  scalar,
  slice,
  sqrt,
  square,
  sub,
  sum,
  tanh,
  Variable,
  where,
} from '../engine/index.ts'
import { becomes, f32 } from './agree.ts'
import { test } from './harness.ts'

const variable = (name: string, ...shape: number[]) =>
  new Variable(
    f32(...shape),
    () =>
      Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(i + 1)),
    name,
  )

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
    ['matmul', 'add relu'],
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

// ---- state

test('fuse: a step of Adam is one kernel', () => {
  const [p, m] = [variable('p', 4, 3), variable('m', 4, 3)]
  const v = new Variable(f32(4, 3), () => new Float32Array(12).fill(0.5), 'v')
  return becomes(
    (g) => {
      assign(m, add(mul(m, 0.9), mul(g, 0.1)))
      assign(v, add(mul(v, 0.99), mul(square(g), 0.01)))
      assign(p, sub(p, mul(0.01, mul(m, rsqrt(add(v, 1e-3))))))
      return [sum(p)]
    },
    [f32(4, 3)],
    [
      'mul mul add assign mul square mul add assign add rsqrt mul mul sub assign (3 results)',
      'sum',
    ],
  )
})

test('fuse: an assignment that is read back in the same program', () => {
  const v = variable('v', 5)
  return becomes(
    (x) => {
      assign(v, add(v, x))
      const once = mul(v, 2)
      assign(v, mul(v, 3))
      return [once, add(v, 0)]
    },
    [f32(5)],
    ['add assign mul (2 results)', 'mul assign add (2 results)'],
  )
})

test('fuse: an old version that is read after, and because of, the new one', () => {
  const v = variable('v', 5)
  return becomes(
    (x) => {
      const old = add(v, 0)
      const before = reshape(old, [5])
      const now = assign(v, mul(v, x))
      return [sum(mul(now, before)), now]
    },
    [f32(5)],
    ['add mul assign (2 results)', 'mul sum', 'copy'],
  )
})

test('fuse: a variable swapped with another', () => {
  const [a, b] = [variable('a', 6), new Variable(f32(6), () => new Float32Array(6).fill(7), 'b')]
  return becomes(
    () => {
      const [x, y] = [add(a, 0), add(b, 0)]
      assign(a, y)
      assign(b, x)
      return [sum(a)]
    },
    [],
    ['add', 'add assign', 'assign', 'sum'],
  )
})

test('fuse: a variable assigned from its own view, and by itself', () => {
  const v = variable('v', 4, 4)
  return becomes(
    (x) => {
      assign(v, add(reshape(sum(v, [0]), [1, 4]), mul(v, x)))
      return [mean(v)]
    },
    [f32(4, 4)],
    ['sum', 'mul add assign', 'sum', 'mul'],
  )
})

test('fuse: training of a convolution with batch normalisation', () => {
  const [w, scale] = [variable('w', 3, 3, 2, 4), variable('scale', 4)]
  const running = variable('running', 4)
  return becomes(
    (x, t) => {
      const y = conv2d(x, w, { padding: 1 })
      const { mean: m, variance } = moments(y)
      const z = relu(normalize(y, m, mul(scale, rsqrt(add(variance, 1e-3))), mul(scale, 0.1)))
      const loss = mean(square(sub(z, t)))
      const [dw, ds] = grad(loss, [w, scale])
      assign(w, sub(w, mul(dw, 0.1)))
      assign(scale, sub(scale, mul(ds, 0.1)))
      assign(running, add(mul(running, 0.9), mul(m, 0.1)))
      return [loss, where(greater(z, 0), sqrt(add(z, 1)), 0)]
    },
    [f32(2, 5, 6, 2), f32(2, 5, 6, 4)],
    [
      'conv2d',
      'moments',
      'add rsqrt mul mul (2 results)',
      'normalize relu',
      'sub square sum',
      'mul',
      'greater broadcastTo mul sub mul where sub mul sum (2 results)',
      'mul mul add rsqrt mul div mul mul neg mul (2 results)',
      'greater broadcastTo mul sub mul where mul sub mul add add',
      'conv2dWeightGrad',
      'mul sub assign',
      'mul add rsqrt mul add mul sub assign mul mul add assign (2 results)',
      'greater add sqrt where',
    ],
  )
})

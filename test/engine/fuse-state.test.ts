// Fusion and variables: updates in place, what is read before and after them, and a whole training step.

import {
  add,
  assign,
  conv2d,
  grad,
  greater,
  matmul,
  mean,
  moments,
  mul,
  normalize,
  relu,
  reshape,
  rsqrt,
  slice,
  softmax,
  sqrt,
  square,
  sub,
  sum,
  tanh,
  Variable,
  where,
} from '../../engine/index.ts'
import { becomes, f32, variable } from '../agree.ts'
import { test } from '../harness.ts'

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
    ['sum', 'mul add assign', 'mean'],
  )
})

test('fuse: what reads the old version does not move behind the update', () => {
  const v = variable('v', 2, 4)
  return becomes(
    (x) => {
      const before = mul(v, 2)
      assign(v, softmax(x))
      return [tanh(add(before, v))]
    },
    [f32(2, 4)],
    ['mul', 'softmax', 'assign add tanh (2 results)'],
  )
})

test('fuse: a tail that reads the old version does not move behind the update', () => {
  const v = variable('v', 2, 2, 4)
  return becomes(
    (x, w) => {
      const y = matmul(x, w)
      const sums = sum(add(y, v))
      assign(v, mul(y, 3))
      return [sums, mul(v, sums)]
    },
    [f32(2, 2, 3), f32(2, 3, 4)],
    ['matmul', 'add sum', 'mul assign mul (2 results)'],
  )
})

test('fuse: two views of one value in a kernel', async () => {
  await becomes(
    (x) => {
      const y = softmax(x)
      return [mul(reshape(y, [4, 1]), y)]
    },
    [f32(4)],
    ['softmax', 'copy', 'mul'],
  )
  await becomes(
    (x) => {
      const y = softmax(x)
      return [
        sum(mul(reshape(y, [1, 2, 4]), reshape(slice(y, [0], [1]), [4]))),
        sum(mul(y, reshape(y, [1, 2, 4]))),
      ]
    },
    [f32(2, 4)],
    ['softmax', 'rearrange', 'mul', 'sum', 'copy', 'mul', 'sum'],
  )
})

test('fuse: a variable and a view of it in the kernel that overwrites it', () => {
  const v = variable('v', 1, 4)
  return becomes(
    (x) => {
      assign(v, add(mul(v, x), reshape(v, [4])))
      return [mean(v)]
    },
    [f32(1, 4)],
    ['copy', 'mul add assign', 'mean'],
  )
})

test('fuse: two reads of one argument under different shapes share its memory', () =>
  becomes((x) => [mul(reshape(x, [4, 1]), x)], [f32(4)], ['mul']))

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
      'normalize relu sub square',
      'mean',
      'normalize relu greater broadcastTo mul sub mul where sub mul sum (2 results)',
      'normalize relu greater broadcastTo mul sub mul where mul sub mul mul add rsqrt mul div mul mul mul neg mul add add',
      'conv2dWeightGrad',
      'mul sub assign',
      'mul add rsqrt mul add mul sub assign mul mul add assign (2 results)',
      'normalize relu greater add sqrt where',
    ],
  )
})

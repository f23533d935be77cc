// Tensors larger than one binding: a device that may bind very little gives what the interpreter gives.

import * as assert from 'uvu/assert'
import {
  adaptiveAvgPool2d,
  add,
  argmax,
  assign,
  avgPool2d,
  broadcastTo,
  type ConvOptions,
  cast,
  concat,
  conv2d,
  countNonzero,
  type Device,
  exp,
  flip,
  grad,
  greater,
  iota,
  logSumExp,
  max,
  maxPool2d,
  maxPool2dWithIndices,
  maxUnpool2d,
  mean,
  min,
  mod,
  moments,
  mul,
  neg,
  normalize,
  openDevice,
  pad,
  padReflect,
  padReplicate,
  permute,
  randomUniform,
  relu,
  repeatUpsample,
  reshape,
  resizeBicubic,
  resizeBilinear,
  scalar,
  scatterAdd,
  slice,
  stack,
  sub,
  sum,
  type Tensor,
  type TensorType,
  Variable,
  where,
} from '../../engine/node.ts'
import { agree, drawn, f32 } from '../agree.ts'
import { test } from '../harness.ts'

let small: Promise<Device> | undefined

/** A device that binds 1 KiB at once: 256 f32. */
const tiny = () => (small ??= openDevice({ bindingBytes: 1024, alignment: 256, say: () => {} }))

/** The function gives the same there as in the interpreter, and no kernel binds more. */
async function agrees(fn: (...x: Tensor[]) => readonly Tensor[], types: readonly TensorType[]) {
  const device = await tiny()
  const { plan } = await agree(fn, drawn(types), { device })
  const bound = plan.steps.flatMap((s) => s.dispatches.flatMap((d) => d.places))
  assert.ok(bound.every((p) => p.bytes <= 1024))
}

test('windows: chains of elementwise ops, with all ways of broadcasting', () =>
  agrees(
    (x, v, column, plane, number) => [
      relu(add(mul(x, v), column)),
      mul(sub(x, plane), number),
      where(greater(x, v), x, cast(greater(column, 0), 'f32')),
    ],
    [f32(5, 9, 7, 3), f32(3), f32(5, 1, 7, 1), f32(9, 7, 3), f32()],
  ))

test('windows: an element keeps its own index', () =>
  agrees(
    (seed) => [
      iota([40, 21], 0),
      mul(iota([3, 7, 80], 1), iota([3, 7, 80], 2)),
      randomUniform([33, 31], { seed, step: scalar(1, 'u32') }),
    ],
    [{ dtype: 'u32', shape: [] }],
  ))

test('windows: a view of pieces, and a part of them', () =>
  agrees(
    (x) => {
      const y = reshape(exp(x), [35, 27])
      return [mul(y, 2), slice(reshape(y, [945]), [400], [500])]
    },
    [f32(5, 7, 27)],
  ))

test('windows: bytes whose pieces start anywhere', () =>
  agrees(
    (x) => {
      const y = cast(greater(x, 0.1), 'u8')
      return [y, cast(y, 'f32'), reshape(y, [-1])]
    },
    [f32(11, 7, 19)],
  ))

test('windows: a variable that is larger than a binding is read and updated', () => {
  const v = new Variable(
    f32(30, 21),
    () => Float32Array.from({ length: 630 }, (_, i) => i / 630),
    'v',
  )
  return agrees(
    (x) => {
      const before = mul(v, 2)
      assign(v, add(mul(v, 0.5), x))
      return [before, mul(v, v), sum(slice(before, [0, 0], [3, 21]))]
    },
    [f32(30, 21)],
  )
})

test('windows: moving things', () =>
  agrees(
    (x) => {
      const y = mul(x, 2)
      return [
        permute(y, [0, 2, 1, 3]),
        slice(y, [0, 1, 5, 0], [3, 9, 8, 3], [2, 3, 2, 1]),
        pad(y, [1, 2, 0, 1], [0, 9, 3, -1], 0.5),
        flip(y, [0, 1]),
        concat([y, neg(y)], 0),
        concat([y, x], 3),
      ]
    },
    [f32(3, 11, 8, 3)],
  ))

test('windows: convolutions of many images, and of one that is too large by itself', async () => {
  const conv = (options: ConvOptions) => (x: Tensor, w: Tensor) => {
    const y = conv2d(x, w, options)
    return [relu(y), ...grad(sum(mul(y, y)), [x, w])]
  }
  await agrees(conv({ padding: 1 }), [f32(5, 6, 7, 3), f32(3, 3, 3, 4)])
  await agrees(conv({ padding: 2, dilation: 2 }), [f32(1, 20, 9, 4), f32(3, 3, 4, 4)])
  await agrees(conv({ padding: [3, 0, 5, 1], stride: 2 }), [f32(1, 31, 11, 2), f32(3, 2, 2, 5)])
  await agrees(conv({ stride: 3 }), [f32(2, 25, 11, 2), f32(1, 1, 2, 8)])
  await agrees(conv({ padding: 12, dilation: 12 }), [f32(1, 30, 3, 3), f32(3, 3, 3, 3)])
})

test('windows: sums, extremes and moments over what is cut, and beside it', () =>
  agrees(
    (x) => {
      const y = mul(x, 2)
      const { mean: m, variance } = moments(y)
      return [
        ...[sum(y), sum(y, [0, 1, 2]), max(y), min(y, [0]), sum(y, [3]), mean(y, [1, 2])],
        ...[m, variance, normalize(y, m, variance, m)],
      ]
    },
    [f32(3, 17, 9, 5)],
  ))

test('windows: pooling, unpooling and padding by the edge', async () => {
  const pools = (x: Tensor) => {
    const { y, index } = maxPool2dWithIndices(x, { kernel: 3, stride: 2, padding: 1 })
    const a = avgPool2d(x, { kernel: 2, padding: 1, ceil: true })
    return [y, index, a, ...grad(sum(add(sum(mul(y, y)), sum(mul(a, a)))), [x])]
  }
  await agrees(pools, [f32(7, 6, 5, 3)])
  const one = (x: Tensor) => {
    const y = maxPool2d(x, { kernel: [3, 2], stride: [2, 1], dilation: [2, 1], padding: [1, 0] })
    return [y, ...grad(sum(mul(y, y)), [x])]
  }
  await agrees(one, [f32(1, 41, 7, 4)])
  await agrees(
    (x) => {
      const { y, index } = maxPool2dWithIndices(x, { kernel: 2 })
      return [maxUnpool2d(y, index, [6, 6]), adaptiveAvgPool2d(x, [2, 3])]
    },
    [f32(7, 6, 6, 3)],
  )
  await agrees(
    (x) => {
      const y = padReflect(x, [0, 2, 1, 0], [0, 1, 3, 0])
      return [y, padReplicate(x, [0, 0, 4, 0], [0, 0, 1, 0]), ...grad(sum(mul(y, y)), [x])]
    },
    [f32(9, 4, 5, 3)],
  )
})

test('windows: repetition and resizing of a map that is too large by itself', () =>
  agrees(
    (x) => {
      const a = repeatUpsample(x, [3, 2])
      const b = resizeBilinear(x, [23, 9])
      return [a, b, ...grad(add(sum(mul(a, a)), sum(mul(b, b))), [x])]
    },
    [f32(1, 13, 7, 4)],
  ))

test('windows: bicubic resizing, up and down, with antialiasing and without', () =>
  agrees(
    (x) =>
      [true, false].flatMap((antialias) =>
        (
          [
            [23, 9],
            [9, 7],
            [13, 40],
          ] as const
        ).map((size) => resizeBicubic(x, size, { antialias })),
      ),
    [f32(1, 13, 7, 4)],
  ))

test('windows: what is repeated to a shape, and what stands at one place', () =>
  agrees(
    (x) => [
      mul(broadcastTo(x, [6, 11, 7]), 2),
      ...grad(sum(mul(max(x, [0]), 3)), [x]),
      ...grad(sum(max(broadcastTo(x, [6, 11, 7]), [1])), [x]),
    ],
    [f32(11, 7)],
  ))

test('windows: more sources than can be bound, added to a base', () =>
  agrees(
    (base, src) => {
      const index = cast(mod(iota([900], 0), 7), 'i32')
      return [scatterAdd(base, index, src, 0)]
    },
    [f32(7), f32(900)],
  ))

test('windows: arguments and variables that pass whole, and bytes in front of them', () => {
  const v = new Variable(f32(700), () => new Float32Array(700), 'w')
  return agrees(
    (x, y, some) => {
      assign(v, x)
      return [concat([x, y], 0), stack([x, y]), concat([some, cast(greater(x, 0), 'u8')], 0)]
    },
    [f32(700), f32(700), { dtype: 'u8', shape: [3] }],
  )
})

test('windows: folds whose results are larger than what they fold', () =>
  agrees(
    (x) => [
      sum(x, [0]),
      argmax(x, 0),
      countNonzero(x, [0]),
      logSumExp(cast(slice(x, [0, 0], [8, 90]), 'f32'), [0]),
      logSumExp(cast(x, 'f32')),
      mean(cast(x, 'f32'), [0]),
    ],
    [{ dtype: 'u8', shape: [9, 1000] }],
  ))

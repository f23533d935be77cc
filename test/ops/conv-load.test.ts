// Pointwise work on the way into convolutions: the same as if its result were stored, in every schedule, and zero where the
// padding is.

import * as assert from 'uvu/assert'
import { Device } from '../../engine/device.ts'
import {
  add,
  type ConvOptions,
  conv2d,
  grad,
  moments,
  mul,
  normalize,
  relu,
  rsqrt,
  sum,
  type Tensor,
} from '../../engine/index.ts'
import type { Tuned } from '../../shaders/problem-class.ts'
import { agree, drawn, f32, kernelsOf } from '../agree.ts'
import { testDevice } from '../device.ts'
import { test } from '../harness.ts'

/** The adapter that is here, taken for a discrete GPU with the subgroups that it has, or without. */
async function asDiscrete({ subgroups = false, tile = '' } = {}): Promise<Device> {
  const { gpu, caps } = await testDevice()
  const tuning: Tuned = { tileFor: (family) => (family === 'forward' && tile ? tile : undefined) }
  const subgroupSize = subgroups ? caps.subgroupSize : 0
  const all = { ...caps, kind: 'discrete', subgroupSize, maxStorageBuffers: 16, tuning } as const
  return new Device(gpu, all, '', [], [], () => {})
}

/** Twice a convolution of what is normalised and rectified; shift is such that zero would not stay zero. */
const layers =
  (options: ConvOptions) =>
  (x: Tensor, w: Tensor, v: Tensor, scale: Tensor, shift: Tensor, t: Tensor) => {
    const unit = (y: Tensor) => {
      const { mean, variance } = moments(y)
      return relu(normalize(y, mean, mul(scale, rsqrt(add(variance, 0.1))), shift))
    }
    const y = conv2d(unit(conv2d(x, w, { padding: 1 })), v, options)
    return [y, ...grad(sum(mul(y, t)), [x, w, v, scale, shift])]
  }

interface Case {
  readonly x: readonly number[]
  readonly middle: number
  readonly v: readonly [number, number, number]
  readonly o: ConvOptions
  readonly y: readonly [number, number]
}

const cases: Case[] = [
  { x: [2, 7, 6, 8], middle: 16, v: [3, 3, 12], o: { padding: 1 }, y: [7, 6] },
  { x: [1, 9, 8, 4], middle: 20, v: [3, 3, 19], o: { padding: 4, dilation: 4 }, y: [9, 8] },
  { x: [1, 8, 7, 8], middle: 16, v: [3, 3, 48], o: { padding: 1, stride: 2 }, y: [4, 4] },
  { x: [2, 5, 6, 3], middle: 5, v: [3, 2, 7], o: { padding: [2, 1, 0, 3] }, y: [5, 9] },
  { x: [1, 6, 7, 8], middle: 9, v: [1, 1, 8], o: {}, y: [6, 7] },
]

const typesOf = ({ x, middle, v: [kh, kw, out], y }: Case) => [
  f32(...x),
  f32(3, 3, x[3], middle),
  f32(kh, kw, middle, out),
  f32(middle),
  f32(middle),
  f32(x[0], ...y, out),
]

for (const c of cases)
  test(`conv loads: [${c.x}] to ${c.middle} to ${c.v} ${JSON.stringify(c.o)}, with gradients`, async () => {
    const device = await asDiscrete()
    const f = layers(c.o)
    const made = await agree((...t) => f(t[0], t[1], t[2], t[3], t[4], t[5]), drawn(typesOf(c)), {
      device,
    })
    const kernels = kernelsOf(made)
    const plain = kernels.filter((k) => /normalize/.test(k) && !/conv2d/.test(k))
    assert.equal(plain, [], kernels.join('\n'))
    for (const name of ['conv2d', 'conv2dWeightGrad'])
      assert.ok(
        kernels.some((k) => k.startsWith('normalize relu') && k.split(' ').includes(name)),
        kernels.join('\n'),
      )
  })

const tiles = [
  'direct cols2 lanes64 rows4',
  'direct cols1 lanes64 rows8',
  'subgroup cols2 lanes64 rows4',
  'subgroup cols4 lanes64 rows3',
  'tile across8 cols2 depth16 lanes64 rows8',
]

for (const tile of tiles)
  test(`conv loads: with tile '${tile}'`, async () => {
    const device = await asDiscrete({ subgroups: true, tile })
    const [c] = cases
    const f = layers(c.o)
    const args = drawn(typesOf(c))
    await agree((...t) => f(t[0], t[1], t[2], t[3], t[4], t[5]), args, { device })
  })

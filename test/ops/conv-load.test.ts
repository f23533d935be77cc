// Pointwise work on the way into convolutions: the same as if its result were stored, in every schedule, and zero where the
// padding is.

import * as assert from 'uvu/assert'
import type { Device } from '../../engine/device.ts'
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
import { deviceWith, discrete } from '../engine/device-with.ts'
import { skip, test } from '../harness.ts'

/** The adapter that is here, taken for a discrete GPU with the subgroups that it has, or without. */
async function asDiscrete({ subgroups = false, tile = '' } = {}): Promise<Device> {
  const own = await testDevice()
  const tuning: Tuned = { tileFor: (family) => (family === 'forward' && tile ? tile : undefined) }
  const subgroupSize = subgroups ? own.caps.subgroupSize : 0
  return deviceWith(own, { ...discrete, subgroupSize, maxStorageBuffers: 16, tuning })
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

/** By name, and as the keys of their kernels have them. */
const tiles = {
  'direct cols2 lanes64 rows4': 'direct/4x2x64',
  'direct cols1 lanes64 rows8': 'direct/8x1x64',
  'subgroup cols2 lanes64 rows4': 'subgroup\\d+/4x2x64',
  'subgroup cols4 lanes64 rows3': 'subgroup\\d+/3x4x64',
  'tile across8 cols2 depth16 lanes64 rows8': 'tile/8x2x64/8x16',
}

for (const [tile, mark] of Object.entries(tiles))
  test(`conv loads: with tile '${tile}'`, async () => {
    const device = await asDiscrete({ subgroups: true, tile })
    if (/subgroup/.test(tile) && !device.caps.subgroupSize) skip('the adapter has no subgroups')
    // So many channels that all of these are for them.
    const c: Case = { ...cases[0], v: [3, 3, 16] }
    const f = layers(c.o)
    const args = drawn(typesOf(c))
    const { plan } = await agree((...t) => f(t[0], t[1], t[2], t[3], t[4], t[5]), args, { device })
    // Behind the layout of its operands stands what it does while it loads them.
    const loads = new RegExp(`^conv/${mark}/(vec\\w+/)*let s0 = `)
    assert.ok(
      [...plan.kernels].some((key) => loads.test(key)),
      `${tile} works on what it loads`,
    )
  })

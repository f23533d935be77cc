// The schedules that a GPU would be given, run on whatever adapter is here: a real one should find only speed new.

import * as assert from 'uvu/assert'
import type { Device } from '../../engine/device.ts'
import {
  add,
  conv2d,
  grad,
  matmul,
  maxPool2d,
  mean,
  moments,
  relu,
  square,
  sum,
  type Tensor,
} from '../../engine/node.ts'
import { agree, drawn, f32 } from '../agree.ts'
import { testDevice } from '../device.ts'
import { test } from '../harness.ts'
import { deviceWith, discrete } from './device-with.ts'

let opened: Promise<Device> | undefined

/** The adapter that is here, taken for a discrete GPU without subgroups. */
function asDiscrete(): Promise<Device> {
  opened ??= testDevice().then((device) => deviceWith(device, discrete))
  return opened
}

const convolution =
  (options: Parameters<typeof conv2d>[2]) => (x: Tensor, w: Tensor, b: Tensor, t: Tensor) => {
    const y = relu(add(conv2d(x, w, options), b))
    return [y, ...grad(mean(square(add(y, t))), [x, w, b])]
  }

// Output channels pick the width of a tile.
const cases = [
  { x: [2, 5, 7, 16], w: [3, 3, 16, 48], o: { padding: 1 } },
  { x: [1, 7, 5, 8], w: [3, 3, 8, 96], o: { padding: 4, dilation: 4 } },
  { x: [1, 6, 7, 16], w: [3, 3, 16, 64], o: { padding: 1, stride: 2 } },
  { x: [1, 9, 9, 32], w: [1, 1, 32, 128], o: {} },
  { x: [1, 6, 5, 3], w: [5, 5, 3, 16], o: { padding: 2 } },
  { x: [1, 9, 8, 48], w: [1, 1, 48, 19], o: {} },
  { x: [1, 5, 4, 20], w: [3, 3, 20, 32], o: { padding: 1 } },
]

for (const { x, w, o } of cases)
  test(`gpu schedules: conv2d [${x}] * [${w}] ${JSON.stringify(o)}, with its gradients`, async () => {
    const device = await asDiscrete()
    const f = convolution(o)
    const shape = conv2dShape(x, w, o)
    const types = [f32(...x), f32(...w), f32(w[3]), f32(...shape)]
    const made = await agree((...t) => f(t[0], t[1], t[2], t[3]), drawn(types), { device })
    const kernels = [...made.plan.kernels].join('\n')
    assert.not.match(kernels, /subgroup/)
  })

test('gpu schedules: products, sums and moments', async () => {
  const device = await asDiscrete()
  const types = [f32(3, 30, 32), f32(32, 70), f32(2, 20, 33, 8)]
  await agree(
    (a, b, x) => {
      const { mean: m, variance } = moments(x)
      return [matmul(a, b), m, variance, sum(x, [0, 1]), sum(x), maxPool2d(x, { kernel: 2 })]
    },
    drawn(types),
    { device },
  )
})

function conv2dShape(
  [n, h, w]: readonly number[],
  [kh, kw, , out]: readonly number[],
  {
    padding = 0,
    stride = 1,
    dilation = 1,
  }: { padding?: number; stride?: number; dilation?: number },
): number[] {
  const size = (s: number, k: number) =>
    Math.floor((s + 2 * padding - dilation * (k - 1) - 1) / stride) + 1
  return [n, size(h, kh), size(w, kw), out]
}

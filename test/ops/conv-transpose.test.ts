// Transposed convolution: its sizes, its layer, and what convolutions refuse. (conv.test.ts runs it on every schedule.)

import * as assert from 'uvu/assert'
import {
  type ConvTransposeOptions,
  constant,
  conv2d,
  convTranspose2d,
  permute,
  resizeBilinear,
  slice,
  type Tensor,
} from '../../engine/index.ts'
import { drawInput, interpret, randomFrom } from '../../engine/reference/index.ts'
import { bilinear, ConvTranspose2d } from '../../nn/conv.ts'
import { f32 } from '../agree.ts'
import { close, traceOf } from '../checks.ts'
import { test } from '../harness.ts'

test('convTranspose2d: every pixel adds its kernel to the result, whose size is the formula’s', () => {
  const cases: [x: number[], w: number[], o: ConvTransposeOptions][] = [
    [[2, 3, 4, 2], [3, 2, 3, 2], { stride: [2, 3], padding: [1, 0, 0, 2], outputPadding: [1, 2] }],
    [[1, 4, 3, 1], [2, 3, 2, 1], { dilation: [3, 2], outputPadding: [2, 1] }],
    [[1, 2, 5, 3], [1, 4, 1, 3], { stride: 4, padding: [0, 1] }],
  ]
  for (const [xs, ws, o] of cases) {
    const x = drawInput(f32(...xs), randomFrom(1))
    const w = drawInput(f32(...ws), randomFrom(2))
    const pair = (v: number | readonly number[]) => (typeof v === 'number' ? [v, v] : v)
    const [s, d, op] = [pair(o.stride ?? 1), pair(o.dilation ?? 1), pair(o.outputPadding ?? 0)]
    const p = pair(o.padding ?? 0)
    const [top, left, bottom, right] = p.length === 4 ? p : [p[0], p[1], p[0], p[1]]
    const [n, h, width, cin] = xs
    const [kh, kw, cout] = ws
    const oh = (h - 1) * s[0] - top - bottom + d[0] * (kh - 1) + op[0] + 1
    const ow = (width - 1) * s[1] - left - right + d[1] * (kw - 1) + op[1] + 1
    const want = new Float64Array(n * oh * ow * cout)
    x.data.forEach((v, e) => {
      const pixel = Math.floor(e / cin)
      const [b, iy, ix] = [
        Math.floor(pixel / width / h),
        Math.floor(pixel / width) % h,
        pixel % width,
      ]
      for (let k = 0; k < kh * kw; k++) {
        const y = iy * s[0] + Math.floor(k / kw) * d[0] - top
        const z = ix * s[1] + (k % kw) * d[1] - left
        if (y < 0 || y >= oh || z < 0 || z >= ow) continue
        for (let c = 0; c < cout; c++)
          want[((b * oh + y) * ow + z) * cout + c] += v * w.data[(k * cout + c) * cin + (e % cin)]
      }
    })
    const y = convTranspose2d(constant(x.data, xs), constant(w.data, ws), o)
    assert.equal(y.shape, [n, oh, ow, cout])
    close(interpret([y])[0], want, 1e-12, `[${xs}] with [${ws}]`)
  }
})

test('convTranspose2d: output padding is what the transposed convolution leaves open', () => {
  const [x, w] = [f32(1, 5, 6, 3), f32(3, 2, 4, 3)]
  for (const o of [
    { stride: 2, padding: 1, outputPadding: [0, 1] as const },
    { stride: [3, 2] as const, padding: [0, 1, 2, 0] as const, outputPadding: [2, 1] as const },
  ]) {
    const [y] = traceOf((...t) => [convTranspose2d(t[0], t[1], o)], [x, w]).outputs
    const { outputPadding: _, ...same } = o
    const [back] = traceOf(
      (...t) => [conv2d(t[0], t[1], same)],
      [f32(...y.shape), f32(3, 2, 4, 3)],
    ).outputs
    assert.equal(back.shape, x.shape)
  }
})

test('ConvTranspose2d: the names, and a weight that any convolution’s permutation turns around', () => {
  const layer = new ConvTranspose2d(3, 2, [2, 4], { stride: 2, padding: [0, 1] })
  assert.equal(
    [...layer.parameters()].map((p) => p.name),
    ['weight', 'bias'],
  )
  // Stored [in, out, kh, kw] elsewhere: element [i, o, y, x] is 1000·i + 100·o + 10·y + x.
  const stored = Float32Array.from({ length: 3 * 2 * 2 * 4 }, (_, e) => {
    const [i, o, y, x] = [Math.floor(e / 16), Math.floor(e / 8) % 2, Math.floor(e / 4) % 2, e % 4]
    return 1000 * i + 100 * o + 10 * y + x
  })
  const weight = permute(constant(stored, [3, 2, 2, 4]), [2, 3, 1, 0])
  assert.equal(weight.shape, layer.weight.shape)
  // One pixel of channel 1 writes the kernel's rows beside one another, less a column on either side.
  const pixel = constant([0, 1, 0], [1, 1, 1, 3])
  const y = convTranspose2d(pixel, weight, { stride: 2, padding: [0, 1] })
  assert.equal(y.shape, [1, 2, 2, 2])
  assert.equal(Array.from(interpret([y])[0]), [1001, 1101, 1002, 1102, 1011, 1111, 1012, 1112])
})

test('ConvTranspose2d: bilinear starting weights interpolate', async () => {
  const layer = new ConvTranspose2d(3, 3, 4, { stride: 2, padding: 1, bias: false, init: bilinear })
  const weight = layer.weight.initial()
  const tent = [0.25, 0.75, 0.75, 0.25]
  for (let i = 0; i < weight.length; i++) {
    const [y, x, o, c] = [Math.floor(i / 36), Math.floor(i / 9) % 4, Math.floor(i / 3) % 3, i % 3]
    assert.is(weight[i], o === c ? tent[y] * tent[x] : 0)
  }
  // Away from the border that is resizing with pixels taken for squares.
  const x = drawInput(f32(1, 5, 6, 3), randomFrom(1))
  const inner = (t: Tensor) => slice(t, [0, 1, 1, 0], [1, -1, -1, 3])
  const made = layer.apply(constant(x.data, x.shape))
  const resized = resizeBilinear(constant(x.data, x.shape), [10, 12])
  close(interpret([inner(made)])[0], interpret([inner(resized)])[0], 1e-12, 'interpolation')
  const uneven = new ConvTranspose2d(3, 2, 4, { init: bilinear })
  assert.throws(
    () => uneven.weight.initial(),
    /bilinear: .* has no channel of its own for each output/,
  )
})

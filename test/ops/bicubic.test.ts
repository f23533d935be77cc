// Bicubic resizing: against the interpreter at every kind of ratio, against matrices made from Keys' formula, and against an
// image library.

import sharp from 'sharp'
import * as assert from 'uvu/assert'
import {
  constant,
  grad,
  resizeBicubic,
  ShapeError,
  stopGradient,
  sum,
  type Tensor,
} from '../../engine/index.ts'
import { drawInput, interpret, randomFrom } from '../../engine/reference/index.ts'
import { f32 } from '../agree.ts'
import { close, readAll, traceOf } from '../checks.ts'
import { testDevice } from '../device.ts'
import { test } from '../harness.ts'

const lengths = [1, 2, 3, 4, 5, 7, 9, 12, 16, 31, 50]

for (const antialias of [true, false])
  test(`resizeBicubic${antialias ? ' with' : ' without'} antialiasing: 121 pairs of sizes`, async () => {
    const device = await testDevice()
    const cases = lengths.flatMap((h, i) =>
      lengths.map((oh, j) => {
        const [w, ow] = [lengths[(i + 2 * j) % 11], lengths[(3 * i + j + 4) % 11]]
        return { type: f32(1, h, w, j % 2 ? 3 : 4), to: [oh, ow] as const }
      }),
    )
    const random = randomFrom(4)
    const args = cases.map(({ type }) => drawInput(type, random))
    const fn = (...xs: Tensor[]) => xs.map((x, i) => resizeBicubic(x, cases[i].to, { antialias }))
    const expected = interpret(traceOf(fn, args), args)
    for (let first = 0; first < cases.length; first += 40) {
      const some = cases.slice(first, first + 40)
      const program = device.compile((...xs: Tensor[]) =>
        xs.map((x, i) => resizeBicubic(x, some[i].to, { antialias })),
      )
      const got = await readAll(await program.run(...args.slice(first, first + 40)))
      program.dispose()
      // Some 200 taps an axis at most, whose weights' sizes add up to less than 2.
      some.forEach(({ type, to }, i) => {
        close(got[i], expected[first + i], 4e-6, `[${type.shape}] to ${to}`)
      })
    }
  })

test('resizeBicubic: the weights are Keys’', () => {
  // One pixel among zeros, so that the result is its weights. Twice the size: t = ¼ + k/2.
  const line = constant([0, 0, 0, 1, 0, 0, 0, 0], [1, 1, 8, 1])
  const weights = (a: number) => {
    const near = (t: number) => (a + 2) * t ** 3 - (a + 3) * t ** 2 + 1
    const far = (t: number) => a * (t ** 3 - 5 * t ** 2 + 8 * t - 4)
    return [
      far(1.75),
      far(1.25),
      near(0.75),
      near(0.25),
      near(0.25),
      near(0.75),
      far(1.25),
      far(1.75),
    ]
  }
  for (const [antialias, a] of [
    [true, -0.5],
    [false, -0.75],
  ] as const) {
    const [y] = interpret([resizeBicubic(line, [1, 16], { antialias })])
    close(y, [0, 0, 0, ...weights(a), 0, 0, 0, 0, 0], 1e-12, `a = ${a}`)
  }
  // Half the size: with antialiasing the kernel is twice as wide and half as high; without it is what it was.
  const [wide] = interpret([resizeBicubic(line, [1, 4])])
  const near = (t: number) => 1.5 * t ** 3 - 2.5 * t ** 2 + 1
  const far = (t: number) => -0.5 * (t ** 3 - 5 * t ** 2 + 8 * t - 4)
  // Of eight taps the first and last output lack three, their neighbours one.
  const whole = 2 * (near(0.25) + near(0.75) + far(1.25) + far(1.75))
  const [inner, outer] = [whole - far(1.75), whole - near(0.75) - far(1.25) - far(1.75)]
  const half = [far(1.25) / outer, near(0.25) / inner, near(0.75) / inner, far(1.75) / outer]
  close(wide, half, 1e-12, 'halved')
  const [narrow] = interpret([resizeBicubic(line, [1, 4], { antialias: false })])
  close(narrow, [0, 0.59375, -0.09375, 0], 1e-12, 'without antialiasing')
})

test('resizeBicubic: an image library shrinks about the same', async () => {
  const [h, w] = [37, 52]
  const image = Uint8Array.from({ length: h * w * 3 }, (_, i) => {
    const [y, x, c] = [Math.floor(i / (3 * w)), Math.floor(i / 3) % w, i % 3]
    return 128 + 90 * Math.sin(y / (4 + c)) * Math.cos(x / (5 - c))
  })
  const raw = { width: w, height: h, channels: 3 } as const
  // It enlarges half a pixel of the result beside where it shrinks, so it is asked to shrink.
  for (const [oh, ow] of [
    [30, 40],
    [25, 33],
  ]) {
    const resized = sharp(image, { raw }).resize(ow, oh, { kernel: 'cubic', fit: 'fill' })
    const want = await resized.raw().toBuffer()
    const [got] = interpret([
      resizeBicubic(constant(Float32Array.from(image), [1, h, w, 3]), [oh, ow]),
    ])
    const off = got.map((v, i) => Math.abs(v - want[i]))
    const mean = off.reduce((a, b) => a + b, 0) / off.length
    // That library computes in fixed point and rounds to bytes.
    assert.ok(
      mean < 0.5 && Math.max(...off) < 2,
      `${ow}×${oh}: ${mean}, at most ${Math.max(...off)}`,
    )
  }
})

test('resizeBicubic: no gradient, said in words; the size that it has is left alone', () => {
  const x = constant(new Float32Array(12), [1, 2, 2, 3])
  assert.is(resizeBicubic(x, [2, 2]), x)
  assert.throws(
    () => grad(sum(resizeBicubic(x, [3, 3])), [x]),
    (e: Error) =>
      e instanceof ShapeError &&
      e.message ===
        'resizeBicubic: it is for images and has no gradient; got f32[1,2,2,3]\n  hint: resizeBilinear() has one; stopGradient() of its result says that none is wanted',
  )
  const [zero] = grad(sum(stopGradient(resizeBicubic(x, [3, 3]))), [x])
  assert.equal(Array.from(interpret([zero])[0]), new Array(12).fill(0))
})

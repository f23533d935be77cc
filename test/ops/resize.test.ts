// Resizing against matrices made from the formulas: every ratio, up, down and odd, the exact transposes, dtypes and windows.

import * as assert from 'uvu/assert'
import {
  cast,
  constant,
  type Device,
  grad,
  type HostTensor,
  mul,
  openDevice,
  repeatUpsample,
  resizeBicubic,
  resizeBilinear,
  resizeNearest,
  sum,
  type Tensor,
} from '../../engine/node.ts'
import { drawInput, interpret, randomFrom } from '../../engine/reference/index.ts'
import { agree, drawn, f32 } from '../agree.ts'
import { close, readAll, traceOf } from '../checks.ts'
import { halfDevice, testDevice } from '../device.ts'
import { test } from '../harness.ts'

type Matrix = readonly (readonly number[])[]
type Resize = (x: Tensor, size: readonly [number, number]) => Tensor

const matrix = (out: number, size: number, weight: (o: number, i: number) => number): Matrix =>
  Array.from({ length: out }, (_, o) => Array.from({ length: size }, (_, i) => weight(o, i)))

/** Weights of a tent around each position; what is beyond the last pixel is the last pixel's. */
const tents =
  (position: (o: number, size: number, out: number) => number) => (size: number, out: number) =>
    matrix(out, size, (o, i) =>
      Math.max(0, 1 - Math.abs(Math.min(position(o, size, out), size - 1) - i)),
    )

/** Every way of resizing, and the weights [out, size] of one of its axes. */
const ways: Record<string, { resize: Resize; weights(size: number, out: number): Matrix }> = {
  nearest: {
    resize: resizeNearest,
    weights: (size, out) =>
      matrix(out, size, (o, i) => (Math.floor((o * size) / out) === i ? 1 : 0)),
  },
  'half-pixel': {
    resize: (x, size) => resizeBilinear(x, size),
    weights: tents((o, size, out) => Math.max(0, ((o + 0.5) * size) / out - 0.5)),
  },
  'align-corners': {
    resize: (x, size) => resizeBilinear(x, size, 'align-corners'),
    weights: tents((o, size, out) => (out === 1 ? 0 : (o * (size - 1)) / (out - 1))),
  },
  asymmetric: {
    resize: (x, size) => resizeBilinear(x, size, 'asymmetric'),
    weights: tents((o, size, out) => (o * size) / out),
  },
}

/** R x Cᵀ for every image and channel of x [n, h, w, c]. */
function between(rows: Matrix, x: HostTensor, columns: Matrix): Float64Array {
  const [n, h, w, c] = x.shape
  const y = new Float64Array(n * rows.length * columns.length * c)
  let at = 0
  for (let b = 0; b < n; b++)
    for (const row of rows)
      for (const column of columns)
        for (let k = 0; k < c; k++, at++)
          for (let iy = 0; iy < h; iy++)
            if (row[iy])
              for (let ix = 0; ix < w; ix++)
                y[at] += row[iy] * column[ix] * x.data[((b * h + iy) * w + ix) * c + k]
  return y
}
const turned = (m: Matrix): Matrix => m[0].map((_, i) => m.map((row) => row[i]))

const lengths = [1, 2, 3, 4, 5, 7, 8, 9, 11, 13, 16, 17, 24, 31]
/** 200 pairs of sizes for each axis: all of those lengths, and a few far apart. */
const pairs = [
  ...lengths.flatMap((a) => lengths.map((b) => [a, b] as const)),
  ...([
    [64, 3],
    [3, 64],
    [50, 49],
    [49, 50],
  ] as const),
]

for (const [name, { resize, weights }] of Object.entries(ways))
  test(`resize ${name}: 200 pairs of sizes are the matrix, and the gradient its transpose`, async () => {
    const device = await testDevice()
    const random = randomFrom(2)
    // Rows by one pair, columns by another that comes later in the list.
    const cases = pairs.map(([h, oh], i) => {
      const [w, ow] = pairs[(i + 75) % pairs.length]
      const c = i % 3 === 0 ? 4 : 1
      const x = drawInput(f32(1, h, w, c), random)
      const dy = drawInput(f32(1, oh, ow, c), random)
      return { x, dy, rows: weights(h, oh), columns: weights(w, ow), to: [oh, ow] as const }
    })
    // A few programs: each of a hundred kernels' worth of nodes.
    for (let first = 0; first < cases.length; first += 50) {
      const some = cases.slice(first, first + 50)
      const fn = (...args: Tensor[]) =>
        some.flatMap(({ to }, i) => {
          const y = resize(args[2 * i], to)
          return [y, ...grad(y, [args[2 * i]], args[2 * i + 1])]
        })
      const args = some.flatMap(({ x, dy }) => [x, dy])
      const exact = interpret(traceOf(fn, args), args)
      const program = device.compile(fn)
      const got = await readAll(await program.run(...args))
      program.dispose()
      some.forEach(({ x, dy, rows, columns }, i) => {
        const what = `${name} [${x.shape}] to [${dy.shape}]`
        const y = between(rows, x, columns)
        const dx = between(turned(rows), dy, turned(columns))
        close(exact[2 * i], y, 1e-12, `${what}: interpreter`)
        close(exact[2 * i + 1], dx, 1e-10, `${what}: interpreter's gradient`)
        close(got[2 * i], y, name === 'nearest' ? 0 : 1e-6, what)
        // As many terms as y has pixels for one of x, each a few roundings off.
        const terms = (dy.data.length / x.data.length + 4) * 2
        close(got[2 * i + 1], dx, 1e-7 * terms * Math.sqrt(terms), `${what}: gradient`)
        const inner = (a: ArrayLike<number>, b: ArrayLike<number>) =>
          Array.from(a).reduce((s, v, k) => s + v * b[k], 0)
        const [left, right] = [inner(exact[2 * i], dy.data), inner(x.data, exact[2 * i + 1])]
        assert.ok(Math.abs(left - right) <= 1e-12 * dy.data.length, `${what}: ⟨Rx, y⟩ and ⟨x, Rᵀy⟩`)
      })
    }
  })

test('resizeNearest: every dtype moves as it is', async () => {
  const device = await testDevice()
  for (const dtype of ['u8', 'i32', 'u32'] as const)
    for (const c of [1, 3, 4, 16]) {
      const x = drawInput({ dtype, shape: [2, 5, 3, c], range: [0, 200] }, randomFrom(c))
      const y = resizeNearest(constant(x.data, x.shape), [7, 4])
      assert.is(y.dtype, dtype)
      assert.equal(
        Array.from(await device.read(y)),
        Array.from(interpret([y])[0]),
        `${dtype} of ${c}`,
      )
    }
})

test('resizeNearest: f16 moves as it is, and so do its slopes', async () => {
  const device = await halfDevice()
  for (const c of [3, 4]) {
    const x = drawInput({ dtype: 'i32', shape: [1, 3, 2, c] }, randomFrom(c))
    const half = cast(constant(x.data, x.shape), 'f16')
    const y = resizeNearest(half, [5, 5])
    const slope = grad(sum(cast(y, 'f32')), [half])[0]
    assert.is(slope.dtype, 'f16')
    for (const t of [cast(y, 'f32'), cast(slope, 'f32')])
      assert.equal(Array.from(await device.read(t)), Array.from(interpret([t])[0]))
  }
})

test('resizes: second derivatives run on the device', async () => {
  for (const { resize } of Object.values(ways))
    await agree(
      (x, w) => {
        const y = resize(x, [5, 3])
        const [g] = grad(sum(mul(mul(y, y), w)), [x])
        return [g, ...grad(sum(mul(g, g)), [x, w])]
      },
      drawn([f32(1, 3, 4, 3), f32(1, 5, 3, 3)]),
    )
})

let small: Promise<Device> | undefined
/** Binds 1 KiB at once: 256 f32. */
const tiny = () => (small ??= openDevice({ bindingBytes: 1024, alignment: 256, say: () => {} }))

test('resizes: maps larger than one binding, cut along batch and rows', async () => {
  const device = await tiny()
  for (const [x, to] of [
    [f32(1, 9, 13, 2), [23, 11]],
    [f32(2, 40, 7, 3), [11, 5]],
    [f32(1, 1, 3, 4), [100, 3]],
  ] as const)
    for (const { resize } of Object.values(ways))
      await agree((t) => [resize(t, to), ...grad(sum(mul(resize(t, to), 2)), [t])], drawn([x]), {
        device,
      })
  const types = drawn([f32(3, 6, 5, 4)])
  await agree((x) => [resizeBicubic(x, [5, 7])], types, { device })
  await agree((x) => grad(sum(mul(repeatUpsample(x, [1, 2]), 3)), [x]), types, { device })
})

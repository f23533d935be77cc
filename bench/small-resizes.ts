// Bilinear resizing and its adjoint against float64 loops that know nothing of fractions.

import { resizeBilinear, resizeBilinearGrad } from '../shaders/resize.ts'
import type { ResizeMode } from '../shaders/resize-axis.ts'
import { type Runner, randomOf } from './small-runner.ts'

const random = randomOf(4)
const floats = (length: number) => Float32Array.from({ length }, () => random() * 2 - 1)

/** [[low pixel, its weight], [high pixel, its weight]] for each output of one axis. */
function taps(mode: ResizeMode, size: number, out: number): [number, number][][] {
  return Array.from({ length: out }, (_, o) => {
    let s = (o * size) / out
    if (mode === 'half-pixel') s = Math.max(0, ((o + 0.5) * size) / out - 0.5)
    if (mode === 'align-corners') s = out === 1 ? 0 : (o * (size - 1)) / (out - 1)
    const low = Math.min(Math.floor(s + 1e-9), size - 1)
    const f = low === size - 1 ? 0 : s - low
    return [
      [low, 1 - f],
      [Math.min(low + 1, size - 1), f],
    ]
  })
}

async function checkResize(
  run: Runner,
  mode: ResizeMode,
  [n, h, w, c]: readonly number[],
  [oh, ow]: readonly number[],
) {
  const x = floats(n * h * w * c)
  const dy = floats(n * oh * ow * c)
  const y = new Float64Array(dy.length)
  const dx = new Float64Array(x.length)
  const rows = taps(mode, h, oh)
  const columns = taps(mode, w, ow)
  for (let e = 0; e < y.length; e++) {
    const [ch, ox, row] = [e % c, Math.floor(e / c) % ow, Math.floor(e / c / ow)]
    for (const [iy, v] of rows[row % oh])
      for (const [ix, u] of columns[ox]) {
        const at = ((Math.floor(row / oh) * h + iy) * w + ix) * c + ch
        y[e] += v * u * x[at]
        dx[at] += v * u * dy[e]
      }
  }
  const spec = { n, h, w, c, oh, ow, mode }
  const text = JSON.stringify(spec)
  // Weights are right to one rounding; the adjoint sums up to oh·ow terms, rows first.
  await run.check(
    'resizeBilinear',
    text,
    (access) => resizeBilinear({ ...spec, access }),
    [x],
    [{ elem: 'f32', values: y, tolerance: 1e-6 }],
  )
  for (const split of [false, true])
    await run.check(
      'resizeBilinearGrad',
      `${text} ${split}`,
      (access) => resizeBilinearGrad({ ...spec, split, access }),
      [dy],
      [{ elem: 'f32', values: dx, tolerance: 1e-5 }],
    )
}

export async function checkResizes(run: Runner) {
  const sizes = [
    [
      [1, 1, 1, 1],
      [1, 1],
    ],
    [
      [1, 1, 1, 3],
      [5, 4],
    ],
    [
      [2, 5, 4, 1],
      [1, 1],
    ],
    [
      [2, 3, 5, 4],
      [6, 10],
    ],
    [
      [1, 7, 5, 3],
      [13, 11],
    ],
    [
      [1, 13, 11, 8],
      [7, 5],
    ],
    [
      [1, 4, 3, 19],
      [32, 24],
    ],
    [
      [1, 32, 48, 4],
      [2, 3],
    ],
    [
      [1, 2, 31, 4],
      [64, 17],
    ],
    [
      [1, 9, 9, 4],
      [9, 9],
    ],
    [
      [1, 2, 3, 4],
      [101, 97],
    ],
  ]
  for (const mode of ['half-pixel', 'align-corners', 'asymmetric'] as const)
    for (const [shape, to] of sizes) await checkResize(run, mode, shape, to)

  const s = { n: 1, h: 63, w: 63, c: 20, oh: 500, ow: 500, mode: 'half-pixel' } as const
  const [x, dy] = [floats(63 * 63 * 20), floats(500 * 500 * 20)]
  await run.time(
    'resizeBilinear',
    (access) => resizeBilinear({ ...s, access }),
    [x],
    [dy.byteLength],
  )
  await run.time(
    'resizeBilinearGrad',
    (access) => resizeBilinearGrad({ ...s, access }),
    [dy],
    [x.byteLength],
  )
  await run.time(
    'resizeBilinearGrad split',
    (access) => resizeBilinearGrad({ ...s, split: true, access }),
    [dy],
    [x.byteLength],
  )
}

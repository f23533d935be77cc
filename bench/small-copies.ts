// blockCopy and stridedCopy against plain loops.

import { type AxisMap, type Border, blockCopy, stridedCopy } from '../shaders/copy.ts'
import type { Elem } from '../shaders/kernel.ts'
import { type Data, type Runner, randomOf } from './small-runner.ts'

const random = randomOf(1)
const below = (n: number) => Math.floor(random() * n)

function dataOf(elem: Elem, length: number): Data | Uint16Array {
  if (elem === 'u8') return Uint8Array.from({ length }, () => below(256))
  if (elem === 'f16') return Uint16Array.from({ length }, () => below(0x7c00))
  if (elem === 'i32') return Int32Array.from({ length }, () => below(1000) - 500)
  return Float32Array.from({ length }, () => random() - 0.5)
}

/** One input of a concat along the last but `inner` axes: rows of `run` at `offset` in rows of `stride`. */
async function checkBlock(run: Runner, elem: Elem, rows: number, parts: readonly number[]) {
  const stride = parts.reduce((a, b) => a + b)
  const out = dataOf(elem, rows * stride)
  const before = new Uint8Array(Math.ceil(out.byteLength / 4) * 4)
  before.set(new Uint8Array(out.buffer))
  let offset = 0
  for (const size of parts) {
    const x = dataOf(elem, rows * size)
    const want = out.slice()
    for (let r = 0; r < rows; r++)
      for (let j = 0; j < size; j++) want[r * stride + offset + j] = x[r * size + j]
    const at = { inStride: size, inOffset: 0, outStride: stride, outOffset: offset }
    const spec = { elem, rows, run: size, ...at }
    await run.check(
      'blockCopy',
      `${elem} into ${JSON.stringify(spec)}`,
      (access) => blockCopy({ ...spec, access }),
      [x as Data],
      [{ elem, values: want, before }],
    )
    // And back: the slice of `out` that the part would be.
    const slice = Array.from(
      { length: rows * size },
      (_, k) => out[Math.floor(k / size) * stride + offset + (k % size)],
    )
    const back = {
      elem,
      rows,
      run: size,
      inStride: stride,
      inOffset: offset,
      outStride: size,
      outOffset: 0,
    }
    await run.check(
      'blockCopy',
      `${elem} from ${JSON.stringify(back)}`,
      (access) => blockCopy({ ...back, access }),
      [out as Data],
      [{ elem, values: slice }],
    )
    offset += size
  }
}

interface Gathered {
  outShape: number[]
  inShape: number[]
  map: AxisMap[]
  border?: Border
  fill?: number
}

function gathered(x: ArrayLike<number>, g: Gathered, fill: number): number[] {
  const { outShape, inShape, map, border = 'constant' } = g
  const total = outShape.reduce((a, b) => a * b, 1)
  return Array.from({ length: total }, (_, e) => {
    const o: number[] = []
    for (let k = outShape.length - 1, rest = e; k >= 0; rest = Math.floor(rest / outShape[k]), k--)
      o[k] = rest % outShape[k]
    let at = 0
    for (let a = 0; a < inShape.length; a++) {
      const { from, step, offset, divide } = map[a]
      const n = inShape[a]
      let s = divide ? (o[from] - offset) / step : o[from] * step + offset
      if (!Number.isInteger(s)) return fill
      if (border === 'wrap' && !divide) s = ((s % n) + n) % n
      while (border === 'reflect' && !divide && (s < 0 || s >= n))
        s = n === 1 ? 0 : s < 0 ? -s : 2 * (n - 1) - s
      if (s < 0 || s >= n) return fill
      at = at * n + s
    }
    return x[at]
  })
}

const straight = (from: number): AxisMap => ({ from, step: 1, offset: 0 })
const shift = (from: number, offset: number): AxisMap => ({ from, step: 1, offset })
const flip = (from: number, n: number): AxisMap => ({ from, step: -1, offset: n - 1 })

const GATHERS: Gathered[] = [
  { outShape: [1], inShape: [1], map: [straight(0)] },
  { outShape: [3, 2], inShape: [2, 3], map: [straight(1), straight(0)] },
  { outShape: [2, 7, 5, 8], inShape: [2, 5, 7, 8], map: [0, 2, 1, 3].map(straight) },
  { outShape: [2, 7, 5, 16], inShape: [5, 7, 16, 2], map: [2, 1, 3, 0].map(straight) },
  {
    outShape: [3, 1, 4, 2, 5, 6],
    inShape: [5, 6, 1, 4, 3, 2],
    map: [4, 5, 1, 2, 0, 3].map(straight),
  },
  {
    outShape: [2, 5, 7, 4],
    inShape: [2, 5, 7, 4],
    map: [straight(0), flip(1, 5), flip(2, 7), straight(3)],
  },
  {
    outShape: [2, 5, 7, 3],
    inShape: [2, 5, 7, 3],
    map: [straight(0), straight(1), flip(2, 7), flip(3, 3)],
  },
  // Slices: two axes, steps, backwards.
  {
    outShape: [1, 3, 3, 8],
    inShape: [2, 7, 9, 16],
    map: [
      shift(0, 1),
      { from: 1, step: 2, offset: 1 },
      { from: 2, step: -3, offset: 8 },
      shift(3, 4),
    ],
  },
  { outShape: [2, 1, 5], inShape: [2, 3, 5], map: [straight(0), shift(1, 2), straight(2)] },
  // Pads, crops, and both at once.
  {
    outShape: [2, 9, 12, 4],
    inShape: [2, 5, 7, 4],
    map: [straight(0), shift(1, -2), shift(2, -4), straight(3)],
    fill: 7,
  },
  {
    outShape: [1, 6, 4, 16],
    inShape: [1, 5, 9, 16],
    map: [straight(0), shift(1, -1), shift(2, 3), straight(3)],
  },
  { outShape: [3, 13], inShape: [3, 5], map: [straight(0), shift(1, -4)], fill: -1.5 },
  { outShape: [3, 24], inShape: [3, 16], map: [straight(0), shift(1, -4)], fill: 2 },
  {
    outShape: [2, 6, 8, 4],
    inShape: [2, 1, 8, 4],
    map: [straight(0), shift(1, -3), straight(2), straight(3)],
    border: 'reflect',
  },
  {
    outShape: [2, 15, 11, 4],
    inShape: [2, 3, 4, 4],
    map: [straight(0), shift(1, -7), shift(2, -2), straight(3)],
    border: 'reflect',
  },
  { outShape: [5, 24], inShape: [5, 8], map: [straight(0), shift(1, -8)], border: 'reflect' },
  // Rolls.
  {
    outShape: [2, 5, 7, 4],
    inShape: [2, 5, 7, 4],
    map: [straight(0), shift(1, -2), straight(2), straight(3)],
    border: 'wrap',
  },
  {
    outShape: [2, 5, 16],
    inShape: [2, 5, 16],
    map: [straight(0), shift(1, 3), shift(2, 12)],
    border: 'wrap',
  },
  {
    outShape: [2, 5, 7],
    inShape: [2, 5, 7],
    map: [straight(0), straight(1), shift(2, -9)],
    border: 'wrap',
  },
  // Adjoints of strided slices.
  {
    outShape: [2, 7, 9, 4],
    inShape: [2, 3, 3, 4],
    map: [
      straight(0),
      { from: 1, step: 2, offset: 1, divide: true },
      { from: 2, step: -3, offset: 8, divide: true },
      straight(3),
    ],
  },
  { outShape: [11], inShape: [4], map: [{ from: 0, step: 3, offset: 1, divide: true }], fill: 9 },
  // A broadcast, a diagonal, and a plane that is outside altogether.
  { outShape: [3, 5, 4], inShape: [5, 4], map: [straight(1), straight(2)] },
  { outShape: [5], inShape: [5, 5], map: [straight(0), straight(0)] },
  { outShape: [1, 6], inShape: [2, 6], map: [shift(0, 4), straight(1)], fill: 3 },
]

/** Up to four axes in any order, each whole, cut, shifted, flipped or spread. */
function anyGather(): Gathered {
  const rank = 1 + below(4)
  const border = (['constant', 'reflect', 'wrap'] as const)[below(3)]
  const order = Array.from({ length: rank }, (_, k) => k)
  if (below(2)) order.sort(() => random() - 0.5)
  const inShape = order.map(() => [1, 2, 3, 4, 8, 16][below(6)])
  const outShape: number[] = []
  const map = order.map((from, a): AxisMap => {
    const n = inShape[a]
    outShape[from] = n
    const kind = below(7)
    if (kind < 3) return straight(from)
    if (kind === 3) return flip(from, n)
    outShape[from] = [1, 4, 8, 12, 3][below(5)]
    if (kind === 4) return shift(from, [0, 4, -4, 1, -3][below(5)])
    const step = [1, 2, -2, 3][below(4)]
    return { from, step, offset: below(9) - 4, divide: kind === 5 }
  })
  return { outShape, inShape, map, border, fill: below(3) }
}

export async function checkCopies(run: Runner) {
  for (const elem of ['f32', 'i32', 'u8', 'f16'] as const) {
    for (const parts of [[1], [3, 1, 2], [4, 8], [16, 32], [5, 16, 19], [2, 2]])
      for (const rows of [1, 2, 7, 33]) await checkBlock(run, elem, rows, parts)
    for (const g of [...GATHERS, ...Array.from({ length: 60 }, anyGather)]) {
      const x = dataOf(
        elem,
        g.inShape.reduce((a, b) => a * b, 1),
      )
      const fill = elem === 'f32' ? (g.fill ?? 0) : Math.abs(Math.round(g.fill ?? 0))
      // f16 is compared as bits: these fill values are ±1, 2, 3, 7 and 9.
      const bits = [0, 0x3c00, 0x4000, 0x4200, 0x4400, 0x4500, 0x4600, 0x4700, 0x4800, 0x4880]
      const want = gathered(x, g, elem === 'f16' ? bits[fill] : fill)
      await run.check(
        `stridedCopy ${g.border ?? 'constant'}`,
        `${elem} ${JSON.stringify(g)}`,
        (access) => stridedCopy({ elem, ...g, fill, access }),
        [x as Data],
        [{ elem, values: want }],
      )
    }
  }
  const x = dataOf('f32', 256 * 256 * 64) as Data
  const half = { elem: 'f32', rows: 256 * 256, run: 64, inStride: 64, inOffset: 0 } as const
  await run.time(
    'blockCopy',
    (access) => blockCopy({ ...half, outStride: 128, outOffset: 64, access }),
    [x],
    [2 * x.byteLength],
  )
  const shape = [1, 256, 256, 64]
  const copy =
    (map: AxisMap[], outShape = shape, border?: Border) =>
    (access: readonly ('read' | 'read_write')[]) =>
      stridedCopy({ elem: 'f32', inShape: shape, outShape, map, border, access })
  await run.time('stridedCopy constant', copy([0, 2, 1, 3].map(straight)), [x], [x.byteLength])
  await run.time(
    'stridedCopy wrap',
    copy([straight(0), shift(1, 3), straight(2), straight(3)], shape, 'wrap'),
    [x],
    [x.byteLength],
  )
  await run.time(
    'stridedCopy reflect',
    copy([straight(0), shift(1, -3), shift(2, -3), straight(3)], [1, 262, 262, 64], 'reflect'),
    [x],
    [262 * 262 * 256],
  )
}

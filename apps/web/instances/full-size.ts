// What was found in a smaller copy of a picture, at the size of the picture: each pixel is what the nearest of the copy is.

import type { FoundInstance } from '../../../train/index.ts'

type Pair = readonly [height: number, width: number]
type Recorded = Pick<FoundInstance, 'class' | 'score' | 'box' | 'area' | 'mask'>

/** The instances of a picture of [height, width], no smaller than that which they were found in; one at a time, since each mask is as
 * large as the picture. */
export function* atSize(found: Iterable<FoundInstance>, size: Pair): Generator<Recorded> {
  for (const one of found) yield enlarged(one, size)
}

function enlarged(one: FoundInstance, [height, width]: Pair): Recorded {
  const rows = nearest(one.height, height)
  const columns = nearest(one.width, width)
  const [firstRow, firstColumn, rowAfter, columnAfter] = one.box
  const [top, bottom] = [firstRow, rowAfter].map((at) => placeOf(at, rows))
  const [left, right] = [firstColumn, columnAfter].map((at) => placeOf(at, columns))
  const { class: kind, score, mask: small } = one
  const mask = new Uint8Array(height * width)
  let area = 0
  for (let y = top; y < bottom; y++)
    for (let x = left; x < right; x++) {
      const inside = small[rows[y] * one.width + columns[x]]
      mask[y * width + x] = inside
      area += inside
    }
  return { class: kind, score, box: [top, left, bottom, right], area, mask }
}

/** For each of `to` pixels that of `from` under its middle. */
const nearest = (from: number, to: number): Int32Array =>
  Int32Array.from({ length: to }, (_, at) => Math.floor(((at + 0.5) * from) / to))

/** Where the pixels of the copy from `at` on begin. */
function placeOf(at: number, sources: Int32Array): number {
  const found = sources.findIndex((source) => source >= at)
  return found < 0 ? sources.length : found
}

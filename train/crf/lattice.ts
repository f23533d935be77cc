// The permutohedral lattice of an image, for Gaussian filtering in the five dimensions of position and colour (Adams, Baek
// and Davis, "Fast high-dimensional filtering using the permutohedral lattice", 2010). A pixel is a point of the plane
// Σ x = 0 of six dimensions; the lattice's points there are those with whole coordinates that leave the same remainder on
// division by 6. They cut the plane into simplices that are all alike, so that a pixel's simplex is found by rounding and
// sorting, and its value is spread over the six corners by barycentric weights:
//
//   splat   corner ← Σ weight · pixel       blur   along each of the six axes, ¼ ½ ¼       slice   pixel ← Σ weight · corner
//
// Only points that are a corner of some pixel's simplex are kept, and those
// that have two of these as neighbours: what is blurred passes through them, and without them a kernel loses a quarter of its
// weight in pictures of many colours.

import { CORNERS, DIMENSIONS, PointTable } from './points.ts'

export interface Lattice {
  /** How many points, and how many of them, the first, pixels are spread over. */
  readonly points: number
  readonly met: number
  /** The points around each pixel, [pixels, 6], and their weights, which sum to 1. */
  readonly corners: Uint32Array
  readonly weights: Float32Array
  /** Along which axis each corner is a step before the next, and the last before the first, in 3 bits each: [pixels]. */
  readonly turns: Uint32Array
  /** For each axis the two neighbours of each point, [points, 2]; ABSENT where there is none. */
  readonly neighbours: readonly Uint32Array[]
}

/** Deviations of the Gaussian, pixels and steps of colour. */
export interface Deviations {
  readonly position: number
  readonly colour: number
}

/** The lattice of an RGB image [height, width, 3]. Only sums, products and roots are used, so it is the same on every host. */
export function buildLattice(
  data: ArrayLike<number>,
  height: number,
  width: number,
  { position, colour }: Deviations,
): Lattice {
  const pixels = height * width
  const corners = new Uint32Array(pixels * CORNERS)
  const weights = new Float32Array(pixels * CORNERS)
  const turns = new Uint32Array(pixels)
  const table = new PointTable(pixels)
  const simplex = new Simplex()
  const key = new Int32Array(DIMENSIONS)
  for (let y = 0, i = 0; y < height; y++)
    for (let x = 0; x < width; x++, i++) {
      const [r, g, b] = [data[3 * i], data[3 * i + 1], data[3 * i + 2]]
      simplex.find(x / position, y / position, r / colour, g / colour, b / colour)
      for (let k = 0; k < CORNERS; k++) {
        simplex.corner(k, key)
        corners[CORNERS * i + k] = table.add(key)
        weights[CORNERS * i + k] = simplex.weights[k]
        turns[i] |= simplex.turn(k) << (3 * k)
      }
    }
  const met = table.size
  const neighbours = table.connect()
  return { points: table.size, met, corners, weights, turns, neighbours }
}

/** Distance of lattice points for which splat, blur and slice together have deviation 1 (section 3.1.1 of the paper), and
 * the scale of each column of the rotation into the plane. */
const SCALES = Float64Array.from(
  { length: DIMENSIONS },
  (_, i) => (CORNERS * Math.sqrt(2 / 3)) / Math.sqrt((i + 1) * (i + 2)),
)

/** The simplex around a point. */
class Simplex {
  /** Of corners 0 … 5. */
  readonly weights = new Float64Array(CORNERS + 1)
  readonly #place = new Float64Array(CORNERS)
  readonly #origin = new Int32Array(CORNERS)
  readonly #rank = new Int32Array(CORNERS)

  /** Around a place in units of the deviations. */
  find(...feature: [number, number, number, number, number]): void {
    const [place, origin, rank] = [this.#place, this.#origin, this.#rank]
    let sum = 0
    for (let j = DIMENSIONS; j > 0; j--) {
      const part = feature[j - 1] * SCALES[j - 1]
      place[j] = sum - j * part
      sum += part
    }
    place[0] = sum
    // The nearest point of remainder 0: round each coordinate, then mend the sum where rounding moved most.
    let off = 0
    for (let j = 0; j < CORNERS; j++) {
      const whole = Math.round(place[j] / CORNERS)
      origin[j] = whole * CORNERS
      off += whole
      rank[j] = 0
    }
    for (let i = 0; i < DIMENSIONS; i++)
      for (let j = i + 1; j < CORNERS; j++)
        if (place[i] - origin[i] < place[j] - origin[j]) rank[i]++
        else rank[j]++
    for (let j = 0; j < CORNERS; j++) {
      rank[j] += off
      const turn = rank[j] < 0 ? 1 : rank[j] >= CORNERS ? -1 : 0
      rank[j] += turn * CORNERS
      origin[j] += turn * CORNERS
    }
    const { weights } = this
    weights.fill(0)
    for (let j = 0; j < CORNERS; j++) {
      const part = (place[j] - origin[j]) / CORNERS
      weights[DIMENSIONS - rank[j]] += part
      weights[CORNERS - rank[j]] -= part
    }
    weights[0] += 1 + weights[CORNERS]
  }

  /** The axis along which corner k is a step before corner k + 1. */
  turn(k: number): number {
    return this.#rank.indexOf(DIMENSIONS - k)
  }

  /** The coordinates of corner k but the last, which the others tell. */
  corner(k: number, key: Int32Array): void {
    for (let j = 0; j < DIMENSIONS; j++)
      key[j] = this.#origin[j] + (this.#rank[j] <= DIMENSIONS - k ? k : k - CORNERS)
  }
}

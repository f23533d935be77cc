// A place in device memory for every value, from its first use to its last. Offsets are found offline, the way
// suitcases are packed: in several orders, each value at the lowest offset where it overlaps no value that is alive at
// the same time; the tightest packing wins.

export interface Lifetime {
  /** Aligned size. */
  readonly bytes: number
  /** First and last step at which the value is needed, both included. */
  readonly from: number
  readonly to: number
}

export interface Packing {
  /** Offset of each value, in the order given. */
  readonly offsets: readonly number[]
  /** Bytes that hold them all. */
  readonly bytes: number
}

/** Most bytes alive at one step: no packing can do with less. */
export function liveBytes(values: readonly Lifetime[], steps: number): number[] {
  const change = new Array<number>(steps + 1).fill(0)
  for (const v of values) {
    change[v.from] += v.bytes
    change[v.to + 1] -= v.bytes
  }
  let live = 0
  return change.slice(0, steps).map((d) => {
    live += d
    return live
  })
}

/** Packs values so that those alive together do not overlap and none crosses a multiple of `slabBytes`. */
export function pack(values: readonly Lifetime[], slabBytes: number): Packing {
  const orders: ((a: Lifetime, b: Lifetime) => number)[] = [
    (a, b) => b.bytes - a.bytes || a.from - b.from,
    (a, b) => b.bytes * (b.to - b.from + 1) - a.bytes * (a.to - a.from + 1),
    (a, b) => b.to - b.from - (a.to - a.from) || b.bytes - a.bytes,
    (a, b) => a.from - b.from || b.bytes - a.bytes,
  ]
  const steps = values.reduce((n, { to }) => Math.max(n, to + 1), 0)
  const bound = Math.max(0, ...liveBytes(values, steps))
  let best: Packing | undefined
  for (const order of orders) {
    best = packInOrder(values, order, slabBytes, best?.bytes) ?? best
    if (best?.bytes === bound) break
  }
  return best!
}

/** Undefined where it takes as much as `most` or more. */
function packInOrder(
  values: readonly Lifetime[],
  order: (a: Lifetime, b: Lifetime) => number,
  slabBytes: number,
  most = Number.POSITIVE_INFINITY,
): Packing | undefined {
  const sequence = values.map((_, i) => i).sort((a, b) => order(values[a], values[b]) || a - b)
  const offsets = new Array<number>(values.length).fill(0)
  // What is placed, sorted by offset, so that one sweep finds the first gap. A sweep looks at every one of them: plain arrays of
  // numbers are several times as fast here as a list of objects.
  const begins = new Float64Array(values.length)
  const ends = new Float64Array(values.length)
  const froms = new Int32Array(values.length)
  const tos = new Int32Array(values.length)
  const columns = [begins, ends, froms, tos]
  let bytes = 0
  let placed = 0
  for (const i of sequence) {
    const v = values[i]
    const { from, to } = v
    let at = 0
    for (let j = 0; j < placed; j++) {
      if (tos[j] < from || froms[j] > to) continue
      if (begins[j] >= fit(at, v.bytes, slabBytes) + v.bytes) break
      at = Math.max(at, ends[j])
    }
    const offset = fit(at, v.bytes, slabBytes)
    const end = offset + v.bytes
    bytes = Math.max(bytes, end)
    if (bytes >= most) return undefined
    offsets[i] = offset
    let where = placed
    while (where > 0 && begins[where - 1] > offset) where--
    for (const column of columns) column.copyWithin(where + 1, where, placed)
    begins[where] = offset
    ends[where] = end
    froms[where] = from
    tos[where] = to
    placed++
  }
  return { offsets, bytes }
}

/** The first offset from `at` on where `bytes` stay inside one slab. */
function fit(at: number, bytes: number, slabBytes: number): number {
  const end = (Math.floor(at / slabBytes) + 1) * slabBytes
  return at + bytes <= end ? at : end
}

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

/** Steps that share a list of what is placed. */
const STRETCH = 64

/** Undefined where it takes as much as `most` or more. */
function packInOrder(
  values: readonly Lifetime[],
  order: (a: Lifetime, b: Lifetime) => number,
  slabBytes: number,
  most = Number.POSITIVE_INFINITY,
): Packing | undefined {
  const numbers = new Map(values.map((v, i) => [v, i]))
  const offsets = new Array<number>(values.length).fill(0)
  // What is placed, sorted by offset, so that one sweep finds the first gap: all of it, and what is alive in each stretch of steps.
  // Most values live within one stretch and need not look at the rest.
  const all: number[] = []
  const steps = values.reduce((n, { to }) => Math.max(n, to + 1), 0)
  const stretches = Array.from({ length: Math.ceil(steps / STRETCH) }, (): number[] => [])
  const froms = Int32Array.from(values, (v) => v.from)
  const tos = Int32Array.from(values, (v) => v.to)
  const ends = new Float64Array(values.length)
  let bytes = 0
  for (const v of [...values].sort(order)) {
    const i = numbers.get(v)!
    const { from, to } = v
    const first = Math.floor(from / STRETCH)
    const last = Math.floor(to / STRETCH)
    const near = first === last ? stretches[first] : all
    let at = 0
    let end = fit(at, v.bytes, slabBytes) + v.bytes
    for (const j of near) {
      if (tos[j] < from || froms[j] > to) continue
      if (offsets[j] >= end) break
      if (ends[j] <= at) continue
      at = ends[j]
      end = fit(at, v.bytes, slabBytes) + v.bytes
    }
    bytes = Math.max(bytes, end)
    if (bytes >= most) return undefined
    offsets[i] = end - v.bytes
    ends[i] = end
    insert(all, i, offsets)
    for (let s = first; s <= last; s++) insert(stretches[s], i, offsets)
  }
  return { offsets, bytes }
}

/** Puts value `i` behind those that begin no later in memory. */
function insert(list: number[], i: number, offsets: readonly number[]): void {
  let low = 0
  let high = list.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (offsets[list[middle]] > offsets[i]) high = middle
    else low = middle + 1
  }
  list.splice(low, 0, i)
}

/** The first offset from `at` on where `bytes` stay inside one slab. */
function fit(at: number, bytes: number, slabBytes: number): number {
  const end = (Math.floor(at / slabBytes) + 1) * slabBytes
  return at + bytes <= end ? at : end
}

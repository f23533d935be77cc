// Where a forward pass may be cut, what each part of it holds, and the cheapest way to hold less: a chain of segments, each of which
// is either kept, or runs again in the backward pass from what enters it (one level of Chen et al. 2016, chosen by dynamic
// programming under a bound on the peak).

/** A part of the forward pass that is never divided. All in bytes and seconds. */
export interface Unit {
  /** What waits for the backward pass if the unit is kept. */
  readonly kept: number
  /** What it computes in all, and holds when it runs again. */
  readonly inside: number
  /** Of its values, what later units read: up to unit `until`. */
  readonly crossing: readonly { readonly bytes: number; readonly until: number }[]
  /** What the backward pass of the unit needs beside that. */
  readonly work: number
  /** Time to run it again. */
  readonly seconds: number
}

/** [from, to) of units that run again; the others are kept. */
export type Segment = readonly [from: number, to: number]

export interface Choice {
  readonly segments: readonly Segment[]
  readonly seconds: number
}

/** What waits of units [from, to) that run again: what leaves them. */
function leavingOf(units: readonly Unit[]): (from: number, to: number) => number {
  // leaves[to][from]: a sum over units from … to − 1 of what is read at `to` or beyond.
  const n = units.length
  const leaves = Array.from({ length: n + 1 }, () => new Float64Array(n + 1))
  for (let to = 1; to <= n; to++)
    for (let from = to - 1; from >= 0; from--) {
      let bytes = 0
      for (const c of units[from].crossing) if (c.until >= to) bytes += c.bytes
      leaves[to][from] = leaves[to][from + 1] + bytes
    }
  return (from, to) => leaves[to][from]
}

/** The segments whose repetition takes the least time, so that at no time more than `budget` bytes are held. Bytes count in steps
 * of budget / `slots`, rounded up, so that what is found fits. Undefined where nothing does. */
export function cheapestSegments(
  units: readonly Unit[],
  budget: number,
  slots = 1024,
): Choice | undefined {
  const n = units.length
  const leaving = leavingOf(units)
  const step = budget / slots
  const slotsOf = (bytes: number) => Math.ceil(bytes / step - 1e-9)
  // best[i][m]: least seconds with units before i decided and m slots waiting.
  const best = Array.from({ length: n + 1 }, () => new Float64Array(slots + 1).fill(Infinity))
  const cameFrom = Array.from({ length: n + 1 }, () => new Int32Array(slots + 1).fill(-1))
  const wasAgain = Array.from({ length: n + 1 }, () => new Uint8Array(slots + 1))
  best[0][0] = 0
  const offer = (i: number, m: number, seconds: number, from: number, again: 0 | 1) => {
    if (m > slots || seconds >= best[i][m]) return
    best[i][m] = seconds
    cameFrom[i][m] = from
    wasAgain[i][m] = again
  }
  for (let from = 0; from < n; from++) {
    let fastest = Infinity
    for (let m = 0; m <= slots; m++) {
      const so = best[from][m]
      // Whatever follows, what takes less memory and no more time so far does as well.
      if (so >= fastest) continue
      fastest = so
      const { kept, work } = units[from]
      if (m * step + kept + work <= budget)
        offer(from + 1, m + slotsOf(kept), so, from * (slots + 1) + m, 0)
      let inside = 0
      let most = 0
      let seconds = 0
      // What comes last is never worth running again: its backward pass follows at once.
      for (let to = from + 1; to < n; to++) {
        const u = units[to - 1]
        inside += u.inside
        most = Math.max(most, u.work)
        seconds += u.seconds
        if (m * step + inside + most > budget) break
        offer(to, m + slotsOf(leaving(from, to)), so + seconds, from * (slots + 1) + m, 1)
      }
    }
  }
  let m = 0
  for (let i = 1; i <= slots; i++) if (best[n][i] < best[n][m]) m = i
  if (best[n][m] === Infinity) return undefined
  const segments: Segment[] = []
  const seconds = best[n][m]
  for (let i = n; i > 0; ) {
    const code = cameFrom[i][m]
    const from = Math.floor(code / (slots + 1))
    if (wasAgain[i][m]) segments.unshift([from, i])
    m = code % (slots + 1)
    i = from
  }
  return { segments, seconds }
}

// Where the nodes of a graph are drawn. What was computed forward stands on the left and flows down; its derivative stands to the
// right of it, on the same height as what it is the derivative of, and flows up; a derivative of that, further right and down
// again; updates are last. So a value that waits for the backward pass is seen as a line from left to right.
//
// Within a lane this is a layered drawing (Sugiyama, Tagawa and Toda 1981): an edge over several rows is routed by a place in each,
// rows are ordered by the barycentre of their neighbours, and places are as near to these as their order and widths let them.

export interface Item {
  readonly width: number
  /** Numbers of the items that it reads. */
  readonly inputs: readonly number[]
  /** 0: forward, 1: derivatives, 2: theirs …; the last may be updates. */
  readonly lane: number
  /** An argument: the drawing begins with those. */
  readonly fixed?: boolean
  /** The item of lane 0 on whose height it is wanted. */
  readonly beside?: number
}

export interface Point {
  readonly x: number
  readonly y: number
}

export interface Line {
  readonly from: number
  readonly to: number
  /** An SVG path. */
  readonly path: string
  /** From one lane to another. */
  readonly across: boolean
}

export interface Layout {
  readonly width: number
  readonly height: number
  /** The middle of each item. */
  readonly at: readonly Point[]
  readonly lines: readonly Line[]
  /** Left and right end of each lane that has items. */
  readonly lanes: readonly { readonly lane: number; readonly from: number; readonly to: number }[]
}

export const BOX = 40
const PITCH = 62
const GAP = 18
const GUTTER = 84
const MARGIN = 24
const SWEEPS = 12

/** Items are numbered so that each comes after its inputs. `down`: whether a lane flows down. */
export function layout(items: readonly Item[], down: (lane: number) => boolean): Layout {
  const rows = rowsOf(items, down)
  const count = 1 + Math.max(0, ...rows)
  const lanes = [...new Set(items.map((i) => i.lane))].sort((a, b) => a - b)
  const at: Point[] = []
  const bends = new Map<string, Point[]>()
  const ends: Layout['lanes'][number][] = []
  let left = MARGIN
  for (const lane of lanes) {
    const placed = placeLane(items, rows, count, lane, at)
    const most = Math.max(...placed.cells.map((c) => c.x + c.width / 2))
    const least = Math.min(...placed.cells.map((c) => c.x - c.width / 2))
    const xOf = (x: number) => x - least + left
    const yOf = (row: number) => MARGIN + BOX / 2 + PITCH * row
    for (const c of placed.cells) {
      const point = { x: xOf(c.x), y: yOf(c.row) }
      if (c.item !== undefined) at[c.item] = point
      else bends.set(c.edge!, [...(bends.get(c.edge!) ?? []), point])
    }
    ends.push({ lane, from: left, to: left + most - least })
    left += most - least + GUTTER
  }
  const lines = items.flatMap((item, to) =>
    [...new Set(item.inputs)].map((from): Line => {
      const across = items[from].lane !== item.lane
      const through = bends.get(`${from} ${to}`) ?? []
      const path = across
        ? sideways(at[from], items[from].width, at[to], item.width)
        : upright(at[from], through, at[to])
      return { from, to, path, across }
    }),
  )
  return {
    width: left - GUTTER + MARGIN,
    height: 2 * MARGIN + BOX + PITCH * (count - 1),
    at,
    lines,
    lanes: ends,
  }
}

// ---- rows

/** The row of each item: bands, one for each rank of the forward part, each as high as what stands beside it. */
function rowsOf(items: readonly Item[], down: (lane: number) => boolean): number[] {
  const bands = bandsOf(items)
  /** Longest way to an item from the beginning of its band in its lane. */
  const depth: number[] = []
  const heights: number[] = []
  items.forEach(({ inputs, lane }, i) => {
    const inside = inputs.filter((x) => items[x].lane === lane && bands[x] === bands[i])
    depth[i] = 1 + Math.max(-1, ...inside.map((x) => depth[x]))
    heights[bands[i]] = Math.max(heights[bands[i]] ?? 1, depth[i] + 1)
  })
  // What reads nothing stands right before its first reader.
  const readers = readersOf(items)
  items.forEach(({ inputs, lane }, i) => {
    if (inputs.length || !lane) return
    const near = readers[i].filter((r) => items[r].lane === lane && bands[r] === bands[i])
    if (near.length) depth[i] = Math.max(0, Math.min(...near.map((r) => depth[r])) - 1)
  })
  const tops: number[] = []
  let top = 0
  for (let band = 0; band < heights.length; band++) {
    tops[band] = top
    top += heights[band] ?? 1
  }
  return items.map(({ lane }, i) => {
    const high = (heights[bands[i]] ?? 1) - 1
    if (!lane) return tops[bands[i]] + Math.floor(high / 2)
    return tops[bands[i]] + (down(lane) ? depth[i] : high - depth[i])
  })
}

function bandsOf(items: readonly Item[]): number[] {
  const readers = readersOf(items)
  const bands: number[] = []
  items.forEach(({ inputs, lane }, i) => {
    if (!lane) bands[i] = 1 + Math.max(0, ...inputs.map((x) => bands[x] ?? 0))
  })
  // What no argument leads to, such as a scale made of parameters, stands right before its first reader.
  const free = items.map(() => true)
  items.forEach(({ inputs, fixed }, i) => {
    free[i] = !fixed && inputs.every((x) => free[x])
  })
  for (let i = items.length - 1; i >= 0; i--) {
    const near = readers[i].filter((r) => !items[r].lane)
    if (!items[i].lane && free[i] && near.length)
      bands[i] = Math.min(...near.map((r) => bands[r])) - 1
  }
  const last = Math.max(0, ...bands.filter((b) => b !== undefined))
  items.forEach(({ inputs, lane, beside }, i) => {
    if (!lane) return
    const late = inputs.filter((x) => items[x].lane && bands[x] !== undefined)
    const early = inputs.filter((x) => !items[x].lane)
    if (beside !== undefined) bands[i] = bands[beside]
    else if (late.length) bands[i] = Math.min(...late.map((x) => bands[x]))
    else if (early.length) bands[i] = Math.max(...early.map((x) => bands[x]))
  })
  // What reads nothing, and so has no height of its own, goes where it is read.
  for (let i = items.length - 1; i >= 0; i--)
    bands[i] ??= Math.max(...readers[i].map((r) => bands[r] ?? last), -1)
  const used = [...new Set(bands.map((b) => (b < 0 ? last : b)))].sort((a, b) => a - b)
  return bands.map((b) => used.indexOf(b < 0 ? last : b))
}

function readersOf(items: readonly Item[]): number[][] {
  const readers: number[][] = items.map(() => [])
  items.forEach(({ inputs }, i) => {
    for (const x of inputs) readers[x].push(i)
  })
  return readers
}

// ---- places within a lane

interface Cell {
  readonly row: number
  readonly width: number
  readonly item?: number
  /** Of a place that an edge goes through. */
  readonly edge?: string
  /** Places in other rows that it is joined to, and those of former lanes, by their x. */
  readonly near: Cell[]
  readonly anchors: number[]
  x: number
  /** Where it would be best. */
  wanted: number
}

function placeLane(
  items: readonly Item[],
  rows: readonly number[],
  count: number,
  lane: number,
  at: readonly Point[],
): { cells: Cell[] } {
  const cells: Cell[] = []
  const cellOf = new Map<number, Cell>()
  const make = (cell: Omit<Cell, 'near' | 'anchors' | 'x' | 'wanted'>): Cell => {
    const made = { ...cell, near: [], anchors: [], x: 0, wanted: 0 }
    cells.push(made)
    return made
  }
  items.forEach((item, i) => {
    if (item.lane === lane) cellOf.set(i, make({ row: rows[i], width: item.width + GAP, item: i }))
  })
  for (const [i, cell] of cellOf)
    for (const x of new Set(items[i].inputs)) {
      const from = cellOf.get(x)
      if (!from) {
        if (at[x]) cell.anchors.push(at[x].x)
        continue
      }
      let last = from
      const step = Math.sign(cell.row - from.row)
      for (let row = from.row + step; step && row !== cell.row; row += step) {
        const bend = make({ row, width: GAP, edge: `${x} ${i}` })
        last.near.push(bend)
        bend.near.push(last)
        last = bend
      }
      last.near.push(cell)
      cell.near.push(last)
    }
  const byRow: Cell[][] = Array.from({ length: count }, () => [])
  for (const c of cells) byRow[c.row].push(c)
  for (const row of byRow) {
    for (const c of row) c.wanted = barycentre(c) ?? 0
    spread(row)
  }
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    const order = sweep % 2 ? byRow.toReversed() : byRow
    for (const row of order) {
      for (const c of row) c.wanted = barycentre(c) ?? c.x
      if (sweep < SWEEPS - 4) row.sort((a, b) => a.wanted - b.wanted)
      spread(row)
    }
  }
  return { cells }
}

function barycentre({ near, anchors }: Cell): number | undefined {
  let sum = 0
  for (const c of near) sum += c.x
  if (near.length) return sum / near.length
  for (const x of anchors) sum += x
  return anchors.length ? sum / anchors.length : undefined
}

// Of the row that is being spread: for the largest drawings most time went to making such lists anew.
const offsets: number[] = []
const sums: number[] = []
const counts: number[] = []

/** Places a row's cells in their order, without overlap, with the least sum of squares of what they are off: isotonic regression,
 * by pooling neighbours that would change places. */
function spread(row: readonly Cell[]): void {
  let pools = 0
  for (let i = 0; i < row.length; i++) {
    offsets[i] = i ? offsets[i - 1] + (row[i - 1].width + row[i].width) / 2 : 0
    let sum = row[i].wanted - offsets[i]
    let count = 1
    while (pools && sums[pools - 1] / counts[pools - 1] > sum / count) {
      pools--
      sum += sums[pools]
      count += counts[pools]
    }
    sums[pools] = sum
    counts[pools] = count
    pools++
  }
  for (let pool = 0, i = 0; pool < pools; pool++) {
    const mean = sums[pool] / counts[pool]
    for (const end = i + counts[pool]; i < end; i++) row[i].x = mean + offsets[i]
  }
}

// ---- lines

const round = (x: number): string => `${+x.toFixed(1)}`

/** From one row to the next with upright ends, through `bends`. */
function upright(from: Point, bends: readonly Point[], to: Point): string {
  if (from.y === to.y) {
    const side = Math.sign(to.x - from.x)
    return `M${round(from.x)} ${round(from.y)}H${round(to.x - side * BOX)}`
  }
  const way = Math.sign(to.y - from.y)
  const points = [
    { x: from.x, y: from.y + (way * BOX) / 2 },
    ...bends,
    { x: to.x, y: to.y - way * (BOX / 2 + 4) },
  ]
  let path = `M${round(points[0].x)} ${round(points[0].y)}`
  for (let i = 1; i < points.length; i++) {
    const [a, b] = [points[i - 1], points[i]]
    const middle = round((a.y + b.y) / 2)
    path += `C${round(a.x)} ${middle} ${round(b.x)} ${middle} ${round(b.x)} ${round(b.y)}`
  }
  return path
}

/** From one lane to another, from side to side. */
function sideways(from: Point, fromWidth: number, to: Point, toWidth: number): string {
  const way = Math.sign(to.x - from.x) || 1
  const a = { x: from.x + (way * fromWidth) / 2, y: from.y }
  const b = { x: to.x - way * (toWidth / 2 + 4), y: to.y }
  const bend = Math.max(24, Math.min(80, Math.abs(b.x - a.x) / 2))
  return `M${round(a.x)} ${round(a.y)}C${round(a.x + way * bend)} ${round(a.y)} ${round(b.x - way * bend)} ${round(b.y)} ${round(b.x)} ${round(b.y)}`
}

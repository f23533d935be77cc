// Which schedule and tile compute a convolution: for a problem on a machine, all that are sensible, and which of
// them is taken where nothing was measured. Pure functions.

import type { Geometry } from './conv-index.ts'
import { subgroupFits } from './conv-subgroup.ts'
import { type Block, tileFits } from './conv-tile.ts'
import type { WeightRegisters } from './conv-weight.ts'
import type { WeightBlock } from './conv-weight-tile.ts'
import type { Caps } from './kernel.ts'

/** A forward tile: pixels × vec4s of channels per invocation, and invocations. */
export type Tile =
  | {
      readonly schedule: 'direct' | 'subgroup'
      readonly rows: number
      readonly cols: number
      readonly lanes: number
    }
  | ({ readonly schedule: 'tile' } & Block)

/** A weight gradient's tile, and how many strips the pixels are cut into. */
export type WeightTile = { readonly splits: number } & (
  | ({ readonly schedule: 'registers' } & WeightRegisters)
  | ({ readonly schedule: 'tile' } & WeightBlock)
)

/** The name of a tile, the same for equal tiles only, strips aside: 'subgroup cols4 lanes8 rows3'. */
export function tileName(tile: Tile | WeightTile): string {
  const { schedule, ...sizes } = tile
  const size = Object.entries(sizes)
    .filter(([key]) => key !== 'splits')
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}${value}`)
  return `${schedule} ${size.join(' ')}`
}

const software = (caps: Caps) => caps.kind === 'lavapipe' || caps.kind === 'swiftshader'

/** vec4s of output channels per invocation: 1, 2 or 4, the most that wastes no more than fewer would. */
function colsFor(cout: number): 1 | 2 | 4 {
  const quads = Math.ceil(cout / 4)
  if (quads === 1) return 1
  return 4 * Math.ceil(quads / 4) === 2 * Math.ceil(quads / 2) ? 4 : 2
}

/** On software drivers, rows × cols by `colsFor`. More than 12 sums leave the registers of AVX-512, more than 8
 * those of SwiftShader. */
const SOFTWARE = {
  lavapipe: { 1: [4, 1], 2: [4, 2], 4: [3, 4] },
  swiftshader: { 1: [4, 1], 2: [4, 2], 4: [4, 2] },
} as const

const block = (rows: number, cols: number, across: number, lanes: number) => ({
  schedule: 'tile' as const,
  rows,
  cols,
  lanes,
  across,
  depth: 16,
})

/** On GPUs: the smallest block that covers the output channels, down to half of one. 48, 96, … channels have their own
 * width (FRRN's), as 64 wide tiles would waste a quarter. */
const NARROW = block(4, 1, 4, 64) // 64 pixels × 16 channels
const MIDDLE = block(8, 2, 4, 64) // 128 × 32
const WIDE = block(8, 2, 8, 64) // 64 × 64
const FORTY8 = block(8, 2, 6, 96) // 128 × 48
const BLOCKS = [NARROW, MIDDLE, WIDE, FORTY8]

function blockFor(cout: number): { readonly schedule: 'tile' } & Block {
  if (cout <= 16) return NARROW
  if (cout <= 32) return MIDDLE
  return Math.ceil(cout / 48) * 48 < Math.ceil(cout / 64) * 64 ? FORTY8 : WIDE
}

const direct = (rows: number, cols: number, lanes: number): Tile => ({
  schedule: 'direct',
  ...{ rows, cols, lanes },
})
const broadcast = (rows: number, cols: number, lanes: number): Tile => ({
  schedule: 'subgroup',
  ...{ rows, cols, lanes },
})

/** Whether a tile can compute a problem on a machine. */
function fits({ cin }: Geometry, tile: Tile, caps: Caps): boolean {
  if (tile.lanes > caps.maxInvocations) return false
  if (tile.schedule === 'tile')
    return tileFits(cin, tile, caps.maxWorkgroupStorage, caps.maxInvocations)
  return tile.schedule === 'direct' || subgroupFits(cin, caps.subgroupSize, tile.lanes)
}

/** All forward tiles that are worth trying, the default first. */
export function forwardCandidates(g: Geometry, caps: Caps): readonly Tile[] {
  const lanes = software(caps) ? 8 : 64
  const shapes = [
    [4, 1],
    [8, 1],
    [4, 2],
    [2, 4],
    [3, 4],
  ]
  const quads = Math.ceil(g.cout / 4)
  const all = [
    defaultForward(g, caps),
    ...shapes.flatMap(([r, c]) =>
      c <= quads || c === 1 ? [direct(r, c, lanes), broadcast(r, c, lanes)] : [],
    ),
    ...(software(caps) ? [] : BLOCKS),
  ]
  return distinct(all.filter((tile) => fits(g, tile, caps)))
}

/** What is taken where nothing was measured. */
export function defaultForward(g: Geometry, caps: Caps): Tile {
  const cols = colsFor(g.cout)
  const narrow = cols === 1 ? 1 : 2
  if (caps.kind === 'lavapipe' || caps.kind === 'swiftshader') {
    const [rows, columns] = SOFTWARE[caps.kind][cols]
    const tile = broadcast(rows, columns, 8)
    return fits(g, tile, caps) ? tile : direct(4, narrow, 8)
  }
  const tile = blockFor(g.cout)
  return g.cin >= 8 && fits(g, tile, caps) ? tile : direct(4, narrow, 64)
}

/** What is taken: the tile that was measured to be the fastest, where one was and it can run here; else the default. */
export const chosenForward = (g: Geometry, caps: Caps): Tile =>
  measured(caps.tuning?.tileFor('forward', g), () => forwardCandidates(g, caps)) ??
  defaultForward(g, caps)

/** The same of a weight gradient. */
export const chosenWeight = (g: Geometry, caps: Caps): WeightTile =>
  measured(caps.tuning?.tileFor('weight', g), () => weightCandidates(g, caps)) ??
  defaultWeight(g, caps)

const measured = <T extends Tile | WeightTile>(
  name: string | undefined,
  candidates: () => readonly T[],
): T | undefined =>
  name === undefined ? undefined : candidates().find((tile) => tileName(tile) === name)

/** Workgroups that keep a machine busy, and pixels that are worth a strip of their own. */
const FEW = { groups: 32, pixels: 128 }
const MANY = { groups: 1024, pixels: 64 }

/** Weights that one workgroup sums, as quads of channels and vec4s of outputs. */
export const extent = (tile: WeightTile) =>
  tile.schedule === 'tile'
    ? { quads: (tile.lanes / tile.across) * tile.rows, columns: tile.across * tile.cols }
    : { quads: tile.lanes, columns: tile.cols }

/** The tile with as many strips as keep the machine busy; one each for the entries of a batch. */
function split(g: Geometry, tile: WeightTile, caps: Caps): WeightTile {
  if (g.batch > 1) return { ...tile, splits: g.batch }
  const { quads, columns } = extent(tile)
  const rows = Math.ceil((g.kh * g.kw * Math.ceil(g.cin / 4)) / quads)
  const tiles = rows * Math.ceil(g.cout / (4 * columns))
  const want = software(caps) ? FEW : MANY
  const pixels = g.n * g.oh * g.ow
  const splits = Math.min(Math.ceil(want.groups / tiles), Math.ceil(pixels / want.pixels))
  return { ...tile, splits: Math.max(1, splits) }
}

/** The subgroup size that a weight gradient passes dy on in, or 0. */
const passing = (caps: Caps) => ([4, 8].includes(caps.subgroupSize) ? caps.subgroupSize : 0)

const registers = (cols: number, lanes: number, subgroup: number): WeightTile => ({
  schedule: 'registers',
  ...{ cols, lanes, subgroup },
  splits: 1,
})

// 64 × 64, 128 × 48, 128 × 32 or 64 × 16 weights, as in the forward pass; 4 to 8 KiB.
const weightBlock = ({ rows, ...rest }: (typeof BLOCKS)[number]): WeightTile => ({
  ...rest,
  rows: rows / 4,
  depth: 8,
  splits: 1,
})

/** All weight tiles that are worth trying, the default first. */
export function weightCandidates(g: Geometry, caps: Caps): readonly WeightTile[] {
  const quads = Math.ceil(g.cout / 4)
  const columns = [1, 2, 4].filter((c) => c <= quads || c === 1)
  const lanes = software(caps) ? 8 : 64
  const sizes = software(caps) && passing(caps) ? [0, passing(caps)] : [0]
  const all = [
    ...columns.flatMap((c) => sizes.map((s) => registers(c, lanes, s))),
    ...(software(caps) ? [] : BLOCKS.map(weightBlock)),
  ]
  return distinct([defaultWeight(g, caps), ...all.map((tile) => split(g, tile, caps))])
}

/** What is taken where nothing was measured. */
export function defaultWeight(g: Geometry, caps: Caps): WeightTile {
  const tile = software(caps)
    ? registers(colsFor(g.cout), 8, passing(caps))
    : weightBlock(blockFor(g.cout) as (typeof BLOCKS)[number])
  return split(g, tile, caps)
}

function distinct<T extends Tile | WeightTile>(tiles: readonly T[]): T[] {
  return [...new Map(tiles.map((tile) => [tileName(tile), tile])).values()]
}

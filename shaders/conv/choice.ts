// Which schedule and tile compute a convolution: for a problem on a machine, all that are sensible, and which of
// them is taken where nothing was measured. Pure functions.

import type { Caps } from '../kernel.ts'
import { blockFor, blocksIn, blocksOn } from './blocks.ts'
import { convDefaults } from './defaults.ts'
import { type Geometry, pixelsOf } from './index.ts'
import { inFoursOf } from './pad.ts'
import { subgroupFits } from './subgroup.ts'
import { type Block, tileFits } from './tile.ts'
import type { WeightRegisters } from './weight.ts'
import type { WeightBlock } from './weight-tile.ts'

/** A forward tile: pixels × vec4s of channels per invocation, and invocations; of a block, how many strips its taps and
 * channels are cut into. */
export type Tile =
  | {
      readonly schedule: 'direct' | 'subgroup'
      readonly rows: number
      readonly cols: number
      readonly lanes: number
    }
  | ({ readonly schedule: 'tile'; readonly splits: number } & Block)

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

/** vec4s of output channels per invocation: 1, 2 or 4, which may compute at most `idle` times as much as 2 would. */
function colsFor(cout: number, idle = 1): 1 | 2 | 4 {
  const quads = Math.ceil(cout / 4)
  if (quads === 1) return 1
  return 4 * Math.ceil(quads / 4) <= idle * 2 * Math.ceil(quads / 2) ? 4 : 2
}

/** Workgroups that keep a GPU busy. */
const ENOUGH = { discrete: 264, integrated: 48, unknown: 128 }
const enoughOn = ({ kind }: Caps) =>
  kind === 'lavapipe' || kind === 'swiftshader' ? 4 : ENOUGH[kind]

/** Most strips whose partial results, of so many elements each, can be bound at once. */
const bindable = (elements: number, { maxBindingBytes }: Caps) =>
  Math.max(1, Math.floor(maxBindingBytes / (4 * elements)))

/** A block whose K is cut so that there are enough workgroups, where that leaves each at least 8 K blocks. */
function strips(g: Geometry, block: Block, caps: Caps): Tile {
  const tiles = blocksIn(block, pixelsOf(g), g.cout) * g.divY * g.divX
  const steps = (g.kh * g.kw * Math.ceil(g.cin / block.depth)) / (g.divY * g.divX)
  const parts = bindable(g.n * g.oh * g.ow * g.cout, caps)
  const most = Math.min(enoughOn(caps) / tiles, steps / 8, 16, parts)
  return { schedule: 'tile', ...block, splits: g.batch > 1 ? 1 : Math.max(1, Math.floor(most)) }
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
export function forwardCandidates(given: Geometry, caps: Caps): readonly Tile[] {
  const g = inFoursOf(given, caps)
  const lanes = software(caps) ? 8 : 64
  const shapes = [
    [4, 1],
    [8, 1],
    [4, 2],
    [2, 4],
    [3, 4],
    [6, 4],
    [3, 8],
  ]
  const quads = Math.ceil(g.cout / 4)
  const all = [
    defaultForward(g, caps),
    ...shapes.flatMap(([r, c]) =>
      c > 1 && c > quads
        ? []
        : [...(r * c > 8 ? [] : [direct(r, c, lanes)]), broadcast(r, c, lanes)],
    ),
    ...(software(caps) ? [] : blocksOn(caps).map((b) => strips(g, b, caps))),
  ]
  return distinct(all.filter((tile) => fits(g, tile, caps)))
}

/** What is taken where nothing was measured. */
export function defaultForward(given: Geometry, caps: Caps): Tile {
  const g = inFoursOf(given, caps)
  const { rows, lanes, idle } = convDefaults[caps.kind]
  const cols = colsFor(g.cout, idle)
  const plain = direct(4, cols === 1 ? 1 : 2, lanes)
  if (software(caps)) {
    const tile = broadcast(rows[cols], cols, lanes)
    return fits(g, tile, caps) ? tile : plain
  }
  const best = blockFor(blocksOn(caps), pixelsOf(g), g.cout, enoughOn(caps))
  const tile = best && strips(g, best, caps)
  return tile && g.cin >= 8 && fits(g, tile, caps) ? tile : plain
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
  const want = convDefaults[caps.kind].strips
  const pixels = g.n * g.oh * g.ow
  const most = bindable(g.kh * g.kw * g.cin * g.cout, caps)
  const splits = Math.min(Math.ceil(want.groups / tiles), Math.ceil(pixels / want.pixels), most)
  return { ...tile, splits: Math.max(1, splits) }
}

/** The subgroup size that a weight gradient passes dy on in, or 0. */
const passing = (caps: Caps) => ([4, 8].includes(caps.subgroupSize) ? caps.subgroupSize : 0)

const registers = (cols: number, lanes: number, subgroup: number): WeightTile => ({
  schedule: 'registers',
  ...{ cols, lanes, subgroup },
  splits: 1,
})

/** The same blocks, over rows of weights in place of pixels and pixels in place of channels. */
const weightBlock = ({ rows, ...rest }: Block): WeightTile => ({
  schedule: 'tile',
  ...rest,
  rows: rows / 4,
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
    ...(software(caps) ? [] : blocksOn(caps).map(weightBlock)),
  ]
  return distinct([defaultWeight(g, caps), ...all.map((tile) => split(g, tile, caps))])
}

/** What is taken where nothing was measured. */
export function defaultWeight(g: Geometry, caps: Caps): WeightTile {
  const rows = g.kh * g.kw * 4 * Math.ceil(g.cin / 4)
  const best = software(caps) ? undefined : blockFor(blocksOn(caps), rows, g.cout, 1)
  const tile = best ? weightBlock(best) : registers(colsFor(g.cout), 8, passing(caps))
  return split(g, tile, caps)
}

function distinct<T extends Tile | WeightTile>(tiles: readonly T[]): T[] {
  return [...new Map(tiles.map((tile) => [tileName(tile), tile])).values()]
}

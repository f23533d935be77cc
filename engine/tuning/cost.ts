// What a tile should cost, before it is measured: only the most promising are. Costs are in vec4 multiply-adds, of one tap
// and four channels, for each of them that is of use.
//
//   direct     rows loads of x, 4·cols of w               for 4·rows·cols multiply-adds
//   subgroup   rows loads of x, 4·cols / subgroup of w
//   tile       rows/4·4 + 4·cols reads of workgroup memory, and a share of the loads of the block
//   registers  of a weight gradient: one pixel's load of x, cols / subgroup or cols of dy, for 4·cols multiply-adds
//
// On the software drivers a load costs as much as four or five multiply-adds whatever its address, one of workgroup memory
// three times that, and what leaves the registers goes through memory; on GPUs lanes share loads and workgroup memory is
// the fast one. (PERFORMANCE.md, sections 1.3 and 3.1.)

import type { Tile, WeightTile } from '../../shaders/conv/choice.ts'
import type { Geometry } from '../../shaders/conv/index.ts'
import type { Caps } from '../adapters/adapter.ts'

interface Prices {
  readonly load: number
  readonly shared: number
  /** vec4 sums of an invocation that stay in registers. */
  readonly sums: number
}

const PRICES: Readonly<Record<Caps['kind'], Prices>> = {
  lavapipe: { load: 4.4, shared: 12, sums: 16 },
  swiftshader: { load: 11, shared: 11, sums: 24 },
  discrete: { load: 2, shared: 0.5, sums: 32 },
  integrated: { load: 2, shared: 0.5, sums: 32 },
  unknown: { load: 2, shared: 0.5, sums: 32 },
}

export function predictedCost(tile: Tile | WeightTile, g: Geometry, caps: Caps): number {
  const prices = PRICES[caps.kind]
  const quads = Math.ceil(g.cout / 4)
  const across = tile.schedule === 'tile' ? tile.across * tile.cols : tile.cols
  const wasted = (Math.ceil(quads / across) * across) / quads
  const rows = 'rows' in tile ? tile.rows : 1
  const spilled = Math.sqrt(Math.max(1, (rows * tile.cols) / prices.sums))
  return wasted * spilled * (1 + loads(tile, caps, prices) / (4 * rows * tile.cols))
}

function loads(tile: Tile | WeightTile, { subgroupSize }: Caps, { load, shared }: Prices): number {
  const { cols } = tile
  if (tile.schedule === 'registers')
    return load * (1 + (tile.subgroup ? cols / tile.subgroup : cols))
  if (tile.schedule === 'tile')
    return (
      shared * (tile.rows + 4 * cols) +
      load * (tile.rows / tile.across + (4 * cols * tile.across) / tile.lanes)
    )
  const weights = tile.schedule === 'direct' ? 4 * cols : Math.ceil((4 * cols) / subgroupSize)
  return load * (tile.rows + weights)
}

// The blocks of workgroup memory that GPUs are offered, and the one that suits a number of output channels.

import type { Caps } from '../kernel.ts'
import { type Block, tileBytes } from './tile.ts'

const block = (rows: number, cols: number, across: number, down: number): Omit<Block, 'depth'> => ({
  ...{ rows, cols, across },
  lanes: across * down,
})

/** By width: 48 and 96 are FRRN's, where others would waste a quarter. The last of a width is the lowest. */
const SHAPES = [
  block(8, 2, 16, 16), // 128 pixels × 128 channels
  block(8, 2, 16, 8), // 64 × 128
  block(8, 2, 12, 16), // 128 × 96
  block(8, 2, 12, 8), // 64 × 96
  block(8, 2, 8, 16), // 128 × 64
  block(8, 2, 8, 8), // 64 × 64
  block(8, 2, 6, 16), // 128 × 48
  block(8, 2, 4, 16), // 128 × 32
  block(4, 1, 4, 16), // 64 × 16
]

/** The blocks that a machine can hold, each with the most channels a K block. */
export function blocksOn({ maxWorkgroupStorage, maxInvocations }: Caps): readonly Block[] {
  return SHAPES.filter(({ lanes }) => lanes <= maxInvocations).flatMap((shape) => {
    const depths = [16, 8].map((depth) => ({ ...shape, depth }))
    return depths.filter((b) => tileBytes(b) <= maxWorkgroupStorage).slice(0, 1)
  })
}

const width = ({ cols, across }: Block) => 4 * cols * across
const height = ({ rows, lanes, across }: Block) => (rows * lanes) / across

/** Workgroups of `b` over rows × columns results. */
export const blocksIn = (b: Block, rows: number, columns: number) =>
  Math.ceil(rows / height(b)) * Math.ceil(columns / width(b))

/** Of the widths that leave the fewest columns idle the widest; of its blocks the highest of which there are `enough`. */
export function blockFor(
  blocks: readonly Block[],
  rows: number,
  columns: number,
  enough: number,
): Block | undefined {
  const covered = (b: Block) => Math.ceil(columns / width(b)) * width(b)
  const least = Math.min(...blocks.map(covered))
  const best = Math.max(...blocks.filter((b) => covered(b) === least).map(width))
  const wide = blocks.filter((b) => width(b) === best)
  return wide.find((b) => blocksIn(b, rows, columns) >= enough) ?? wide[wide.length - 1]
}

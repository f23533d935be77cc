// Which schedule and tile compute a convolution, from its sizes and the machine. Pure functions; the table at the
// top is all that a tuner would replace.

import { convDirect } from './conv-direct.ts'
import type { ForwardSpec } from './conv-frame.ts'
import { type Geometry, paramsOf, pixelsOf } from './conv-index.ts'
import { convSubgroup, subgroupFits } from './conv-subgroup.ts'
import { type Block, convTile, tileFits } from './conv-tile.ts'
import { convWeightGrad, sumParts, type WeightRegisters, weightGradSlots } from './conv-weight.ts'
import { convWeightTile, type WeightBlock } from './conv-weight-tile.ts'
import {
  type Access,
  type Caps,
  type Dispatch,
  gridFor,
  input,
  type Kernel,
  output,
  type Recipe,
  type Tail,
  words,
} from './kernel.ts'

/** A forward tile: pixels × vec4s of channels per invocation, and invocations. */
export type Tile =
  | {
      readonly schedule: 'direct' | 'subgroup'
      readonly rows: number
      readonly cols: number
      readonly lanes: number
    }
  | ({ readonly schedule: 'tile' } & Block)

/** What to run: `params` are the uniform words (see conv-index.ts), negative ones in two's complement. */
export interface Choice {
  readonly kernel: Kernel
  readonly params: readonly number[]
  readonly grid: readonly [number, number, number]
}

export interface ForwardProblem extends Geometry {
  readonly xAccess: Access
  readonly wAccess: Access
  readonly yAccess: Access
  readonly tail: Tail
}

export interface WeightGradProblem extends Geometry {
  readonly xAccess: Access
  readonly dyAccess: Access
  readonly dwAccess: Access
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

/** On GPUs: the smallest block that covers the output channels, down to half of one. 48, 96, … channels have their own
 * width (FRRN's), as 64 wide tiles would waste a quarter. */
const block = (rows: number, cols: number, across: number, lanes: number) => ({
  schedule: 'tile' as const,
  rows,
  cols,
  lanes,
  across,
  depth: 16,
})
const NARROW = block(4, 1, 4, 64) // 64 pixels × 16 channels
const MIDDLE = block(8, 2, 4, 64) // 128 × 32
const WIDE = block(8, 2, 8, 64) // 64 × 64
const FORTY8 = block(8, 2, 6, 96) // 128 × 48

function blockFor(cout: number): { readonly schedule: 'tile' } & Block {
  if (cout <= 16) return NARROW
  if (cout <= 32) return MIDDLE
  return Math.ceil(cout / 48) * 48 < Math.ceil(cout / 64) * 64 ? FORTY8 : WIDE
}

function forwardTile({ cin, cout }: Geometry, caps: Caps): Tile {
  const cols = colsFor(cout)
  const narrow = cols === 1 ? 1 : 2
  if (caps.kind === 'lavapipe' || caps.kind === 'swiftshader') {
    if (!subgroupFits(cin, caps.subgroupSize, 8))
      return { schedule: 'direct', rows: 4, cols: narrow, lanes: 8 }
    const [rows, columns] = SOFTWARE[caps.kind][cols]
    return { schedule: 'subgroup', rows, cols: columns, lanes: 8 }
  }
  const tile = blockFor(cout)
  const fits = tileFits(cin, tile, caps.maxWorkgroupStorage, caps.maxInvocations)
  return cin >= 8 && fits ? tile : { schedule: 'direct', rows: 4, cols: narrow, lanes: 64 }
}

/** The kernel of a convolution with a given tile. */
export function forwardWith(problem: ForwardProblem, tile: Tile, caps: Caps): Choice {
  const { cin, cout, divY, divX, mulY, mulX, batch } = problem
  const divided = divY > 1 || divX > 1
  if (divided && (mulY !== 1 || mulX !== 1 || batch !== 1))
    throw new Error('a divided convolution has mul = 1 and no batch')
  const { rows, cols, lanes } = tile
  const { xAccess, wAccess, yAccess, tail } = problem
  const spec: ForwardSpec = {
    divided,
    vecIn: cin % 4 === 0,
    vecOut: cout % 4 === 0,
    ...{ rows, cols, lanes, xAccess, wAccess, yAccess, tail },
  }
  const across = tile.schedule === 'tile' ? tile.across : 1
  const columnTiles = Math.ceil(cout / (4 * cols * across))
  const blocks = Math.ceil(pixelsOf(problem) / (rows * (lanes / across)))
  const [x, y] = gridFor(blocks * columnTiles, 1, caps.maxWorkgroupsPerDimension)
  return {
    kernel: kernelOf(spec, tile, caps),
    params: paramsOf(problem, columnTiles),
    grid: [x, y, divided ? divY * divX : batch],
  }
}

function kernelOf(spec: ForwardSpec, tile: Tile, caps: Caps): Kernel {
  if (tile.schedule === 'tile') return convTile(spec, tile)
  return tile.schedule === 'subgroup' ? convSubgroup(spec, caps.subgroupSize) : convDirect(spec)
}

/** The kernel, parameters and grid of a convolution, its input gradient or a matrix product. */
export const chooseForward = (problem: ForwardProblem, caps: Caps): Choice =>
  forwardWith(problem, forwardTile(problem, caps), caps)

/** Inputs x, w, the tail's operands; outputs those of the tail. */
export function forwardRecipe(problem: ForwardProblem, caps: Caps): Recipe {
  const { kernel, params, grid } = chooseForward(problem, caps)
  const { operands, outputs } = problem.tail
  const inputs = Array.from({ length: 2 + operands.length }, (_, i) => input(i))
  const buffers = [...inputs, ...outputs.map((_, i) => output(i))]
  return {
    scratch: [],
    dispatches: slabs({ kernel, buffers, params: words(...params), grid }, caps),
  }
}

/** A dispatch whose grid may be deeper than the machine allows, in as many as it takes; `zStart` is the first word. */
function slabs(dispatch: Dispatch, { maxWorkgroupsPerDimension: most }: Caps): Dispatch[] {
  const [x, y, z] = dispatch.grid
  return Array.from({ length: Math.ceil(z / most) }, (_, i) => {
    const params = dispatch.params.slice()
    params[0] = i * most
    return { ...dispatch, params, grid: [x, y, Math.min(most, z - i * most)] }
  })
}

/** A weight gradient's tile, and how many strips the pixels are cut into. */
export type WeightTile = { readonly splits: number } & (
  | ({ readonly schedule: 'registers' } & WeightRegisters)
  | ({ readonly schedule: 'tile' } & WeightBlock)
)

/** Workgroups that keep a machine busy, and pixels that are worth a strip of their own. */
const FEW = { groups: 32, pixels: 128 }
const MANY = { groups: 1024, pixels: 64 }

/** Weights that one workgroup sums, as quads of channels and vec4s of outputs. */
const extent = (tile: WeightTile) =>
  tile.schedule === 'tile'
    ? { quads: (tile.lanes / tile.across) * tile.rows, columns: tile.across * tile.cols }
    : { quads: tile.lanes, columns: tile.cols }

function weightTile(g: Geometry, caps: Caps): WeightTile {
  const tile = unsplit(g, caps)
  if (g.batch > 1) return { ...tile, splits: g.batch }
  const { quads, columns } = extent(tile)
  const rows = Math.ceil((g.kh * g.kw * Math.ceil(g.cin / 4)) / quads)
  const tiles = rows * Math.ceil(g.cout / (4 * columns))
  const want = software(caps) ? FEW : MANY
  const pixels = g.n * g.oh * g.ow
  const splits = Math.min(Math.ceil(want.groups / tiles), Math.ceil(pixels / want.pixels))
  return { ...tile, splits: Math.max(1, splits) }
}

function unsplit(g: Geometry, caps: Caps): WeightTile {
  if (software(caps)) {
    const cols = colsFor(g.cout)
    const subgroup = [4, 8].includes(caps.subgroupSize) ? caps.subgroupSize : 0
    return { schedule: 'registers', cols, lanes: 8, subgroup, splits: 1 }
  }
  // 64 × 64, 128 × 48, 128 × 32 or 64 × 16 weights, as in the forward pass; 4 to 8 KiB.
  const { rows, ...block } = blockFor(g.cout)
  return { ...block, rows: rows / 4, depth: 8, splits: 1 }
}

/** The kernel of a weight gradient with a given tile; its `part` has splits × the elements of dw. A batch of products xᵀ·dy
 * is one whose strips are the entries, and whose parts are the result. */
export function weightGradWith(
  problem: WeightGradProblem,
  tile: WeightTile,
  caps: Caps,
): Choice & { readonly splits: number } {
  const { cin, cout, kh, kw, n, oh, ow, xAccess, dyAccess, dwAccess } = problem
  const { quads, columns } = extent(tile)
  // Strips of whole subgroups' worth of pixels; rounding up may leave fewer strips than asked for.
  const pixels = n * oh * ow
  const even = pixels / problem.batch
  const strip = problem.batch > 1 ? even : Math.ceil(Math.ceil(pixels / tile.splits) / 8) * 8
  const splits = Math.ceil(pixels / strip)
  const spec = {
    vecIn: cin % 4 === 0,
    vecOut: cout % 4 === 0,
    ...{ xAccess, dyAccess },
    partAccess: splits > 1 && problem.batch === 1 ? 'read_write' : dwAccess,
  } as const
  const kernel = tile.schedule === 'tile' ? convWeightTile(spec, tile) : convWeightGrad(spec, tile)
  const columnTiles = Math.ceil(cout / (4 * columns))
  const blocks = Math.ceil((kh * kw * Math.ceil(cin / 4)) / quads)
  const [x, y] = gridFor(blocks * columnTiles, 1, caps.maxWorkgroupsPerDimension)
  return { kernel, params: paramsOf(problem, columnTiles, strip), grid: [x, y, splits], splits }
}

/** The kernel, parameters, grid and number of strips of a weight gradient. */
export const chooseWeightGrad = (problem: WeightGradProblem, caps: Caps) =>
  weightGradWith(problem, weightTile(problem, caps), caps)

/** Inputs x, dy; output dw. */
export const weightGradRecipe = (problem: WeightGradProblem, caps: Caps): Recipe =>
  weightGradRecipeOf(problem, chooseWeightGrad(problem, caps), caps)

/** The same with a kernel that is already chosen. */
export function weightGradRecipeOf(
  problem: WeightGradProblem,
  { kernel, params, grid, splits }: ReturnType<typeof chooseWeightGrad>,
  caps: Caps,
): Recipe {
  const size = problem.kh * problem.kw * problem.cin * problem.cout
  const parts = problem.batch > 1 ? 1 : splits
  const first = { kernel, buffers: weightGradSlots(parts), params: words(...params), grid }
  const dispatches = slabs(first, caps)
  if (parts === 1) return { scratch: [], dispatches }
  const sum = sumParts(size, parts, problem.dwAccess)
  return { scratch: [parts * size * 4], dispatches: [...dispatches, sum] }
}

// From a convolution and a tile to kernels, their parameters and grids. (conv-choice.ts chooses the tile.)

import { chosenForward, chosenWeight, extent, type Tile, type WeightTile } from './conv-choice.ts'
import { convDirect } from './conv-direct.ts'
import type { ForwardSpec } from './conv-frame.ts'
import { type Geometry, paramsOf, pixelsOf } from './conv-index.ts'
import { convSubgroup } from './conv-subgroup.ts'
import { convTile } from './conv-tile.ts'
import { convWeightGrad, sumParts, weightGradSlots } from './conv-weight.ts'
import { convWeightTile } from './conv-weight-tile.ts'
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
import { type Load, plainLoad } from './reduce.ts'

/** What to run: `params` are the uniform words (see conv-index.ts), negative ones in two's complement. */
export interface Choice {
  readonly kernel: Kernel
  readonly params: readonly number[]
  readonly grid: readonly [number, number, number]
}

export interface ForwardProblem extends Geometry {
  readonly xAccess: Access
  /** Pointwise work while x is read; default: x is read as it is. Its operands take the place of x among the inputs. */
  readonly x?: Load
  readonly wAccess: Access
  readonly yAccess: Access
  readonly tail: Tail
}

export interface WeightGradProblem extends Geometry {
  readonly xAccess: Access
  readonly dyAccess: Access
  /** Pointwise work while x and dy are read, as above. */
  readonly x?: Load
  readonly dy?: Load
  readonly dwAccess: Access
}

/** The kernel of a convolution with a given tile. */
function forwardWith(problem: ForwardProblem, tile: Tile, caps: Caps): Choice {
  const { cin, cout, divY, divX, mulY, mulX, batch } = problem
  const divided = divY > 1 || divX > 1
  if (divided && (mulY !== 1 || mulX !== 1 || batch !== 1))
    throw new Error('a divided convolution has mul = 1 and no batch')
  const { rows, cols, lanes } = tile
  const { wAccess, yAccess, tail } = problem
  const spec: ForwardSpec = {
    divided,
    vecIn: cin % 4 === 0,
    vecOut: cout % 4 === 0,
    ...{ rows, cols, lanes, x: xOf(problem), wAccess, yAccess, tail },
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

const xOf = ({ x, xAccess }: ForwardProblem | WeightGradProblem): Load =>
  x ?? plainLoad(['f32'], xAccess)

function kernelOf(spec: ForwardSpec, tile: Tile, caps: Caps): Kernel {
  if (tile.schedule === 'tile') return convTile(spec, tile)
  return tile.schedule === 'subgroup' ? convSubgroup(spec, caps.subgroupSize) : convDirect(spec)
}

/** How a convolution, its input gradient or a matrix product is computed: inputs what x is read from, w, the tail's
 * operands; outputs those of the tail. `tile` is one of its `forwardCandidates`. */
export function forwardRecipe(
  problem: ForwardProblem,
  caps: Caps,
  tile: Tile = chosenForward(problem, caps),
): Recipe {
  const { kernel, params, grid } = forwardWith(problem, tile, caps)
  const { operands, outputs } = problem.tail
  const before = xOf(problem).operands.length + 1
  const inputs = Array.from({ length: before + operands.length }, (_, i) => input(i))
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

/** The kernel of a weight gradient with a given tile; its `part` has splits × the elements of dw. A batch of products xᵀ·dy
 * is one whose strips are the entries, and whose parts are the result. */
function weightGradWith(
  problem: WeightGradProblem,
  tile: WeightTile,
  caps: Caps,
): Choice & { readonly splits: number } {
  const { cin, cout, kh, kw, n, oh, ow, dyAccess, dwAccess } = problem
  const { quads, columns } = extent(tile)
  // Strips of whole subgroups' worth of pixels; rounding up may leave fewer strips than asked for.
  const pixels = n * oh * ow
  const even = pixels / problem.batch
  const strip = problem.batch > 1 ? even : Math.ceil(Math.ceil(pixels / tile.splits) / 8) * 8
  const splits = Math.ceil(pixels / strip)
  const spec = {
    vecIn: cin % 4 === 0,
    vecOut: cout % 4 === 0,
    x: xOf(problem),
    dy: problem.dy ?? plainLoad(['f32'], dyAccess),
    partAccess: splits > 1 && problem.batch === 1 ? 'read_write' : dwAccess,
  } as const
  const kernel = tile.schedule === 'tile' ? convWeightTile(spec, tile) : convWeightGrad(spec, tile)
  const columnTiles = Math.ceil(cout / (4 * columns))
  const blocks = Math.ceil((kh * kw * Math.ceil(cin / 4)) / quads)
  const [x, y] = gridFor(blocks * columnTiles, 1, caps.maxWorkgroupsPerDimension)
  return { kernel, params: paramsOf(problem, columnTiles, strip), grid: [x, y, splits], splits }
}

/** How a weight gradient is computed: inputs x, dy; output dw. `tile` is one of its `weightCandidates`. */
export function weightGradRecipe(
  problem: WeightGradProblem,
  caps: Caps,
  tile: WeightTile = chosenWeight(problem, caps),
): Recipe {
  const { kernel, params, grid, splits } = weightGradWith(problem, tile, caps)
  const size = problem.kh * problem.kw * problem.cin * problem.cout
  const parts = problem.batch > 1 ? 1 : splits
  const first = {
    kernel,
    buffers: weightGradSlots(kernel.access.length - 1, parts),
    params: words(...params),
    grid,
  }
  const dispatches = slabs(first, caps)
  if (parts === 1) return { scratch: [], dispatches }
  const sum = sumParts(size, parts, problem.dwAccess)
  return { scratch: [parts * size * 4], dispatches: [...dispatches, sum] }
}

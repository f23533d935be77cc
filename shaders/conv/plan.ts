// From a convolution and a tile to kernels, their parameters and grids. (choice.ts chooses the tile.)

import {
  type Access,
  type Caps,
  type Dispatch,
  gridFor,
  identityTail,
  input,
  type Kernel,
  output,
  type Recipe,
  type Slot,
  scratch,
  type Tail,
  words,
} from '../kernel.ts'
import { type Load, plainLoad } from '../reduce.ts'
import { chosenForward, chosenWeight, extent, type Tile, type WeightTile } from './choice.ts'
import { convDirect } from './direct.ts'
import type { ForwardSpec } from './frame.ts'
import { type Geometry, paramsOf, pixelsOf } from './index.ts'
import { inFours, inFoursOf, padded, padsW, padsX } from './pad.ts'
import { splitSum } from './split.ts'
import { joinTallies, thenMoments } from './statistics.ts'
import { convSubgroup } from './subgroup.ts'
import { type Block, convTile } from './tile.ts'
import { convWeightGrad, sumParts, weightGradSlots } from './weight.ts'
import { convWeightTile } from './weight-tile.ts'

/** What to run: `params` are the uniform words (see index.ts), negative ones in two's complement. */
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
  /** Whether w is [kh, kw, cin, 4⌈cout/4⌉], where cout is no multiple of 4; only `forwardRecipe` says so, of its own copies. */
  readonly wInFours?: boolean
  readonly yAccess: Access
  readonly tail: Tail
  /** Mean and variance of each channel of the tail's single output as two more outputs; it is [n, oh, ow, cout]. */
  readonly statistics?: boolean
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
  const split = stripsOf(problem, tile)
  const spec: ForwardSpec = {
    divided,
    vecIn: cin % 4 === 0,
    vecOut: cout % 4 === 0,
    vecW: cout % 4 === 0 || !!problem.wInFours,
    ...{ rows, cols, lanes, x: xOf(problem), wAccess, yAccess, tail },
    split: split.count > 1,
    ...(problem.statistics && { statistics: true }),
  }
  const across = tile.schedule === 'tile' ? tile.across : 1
  const columnTiles = Math.ceil(cout / (4 * cols * across))
  const blocks = Math.ceil(pixelsOf(problem) / (rows * (lanes / across)))
  const [x, y] = gridFor(blocks * columnTiles, 1, caps.maxWorkgroupsPerDimension)
  return {
    kernel: kernelOf(spec, tile, caps),
    params: paramsOf(problem, columnTiles, split.strip),
    grid: [x, y, (divided ? divY * divX : batch) * split.count],
  }
}

/** K blocks in a strip, and the strips. */
function stripsOf({ kh, kw, cin }: Geometry, tile: Tile): { strip: number; count: number } {
  if (tile.schedule !== 'tile' || tile.splits === 1) return { strip: 0, count: 1 }
  const steps = kh * kw * Math.ceil(cin / tile.depth)
  const strip = Math.ceil(steps / tile.splits)
  return { strip, count: Math.ceil(steps / strip) }
}

const xOf = ({ x, xAccess }: ForwardProblem | WeightGradProblem): Load =>
  x ?? plainLoad(['f32'], xAccess)

function kernelOf(spec: ForwardSpec, tile: Tile, caps: Caps): Kernel {
  if (tile.schedule === 'tile') return convTile(spec, tile)
  return tile.schedule === 'subgroup' ? convSubgroup(spec, caps.subgroupSize) : convDirect(spec)
}

/** The block of a kernel that can tally what it stores. */
function tallying({ cout, divY, divX, batch }: Geometry, tile: Tile): Block | undefined {
  const whole = cout % 4 === 0 && divY * divX * batch === 1
  return whole && tile.schedule === 'tile' && tile.splits === 1 ? tile : undefined
}

/** How a convolution, its input gradient or a matrix product is computed: inputs what x is read from, w, the tail's
 * operands; outputs those of the tail. `tile` is one of its `forwardCandidates`. */
export function forwardRecipe(
  problem: ForwardProblem,
  caps: Caps,
  tile: Tile = chosenForward(problem, caps),
): Recipe {
  if (padsW(problem, caps) && !problem.wInFours) return onFours(problem, caps, tile)
  const { operands, outputs } = problem.tail
  const before = xOf(problem).operands.length + 1
  const inputs = (from: number, count: number) =>
    Array.from({ length: count }, (_, i) => input(from + i))
  const ending = [...inputs(before, operands.length), ...outputs.map((_, i) => output(i))]
  const run = (some: ForwardProblem, end: readonly Slot[]) => {
    const { kernel, params, grid } = forwardWith(some, tile, caps)
    const buffers = [...inputs(0, before), ...end]
    return slabs({ kernel, buffers, params: words(...params), grid }, caps)
  }
  const { count } = stripsOf(problem, tile)
  const { n, oh, ow, cout, tail, yAccess, yStart, statistics } = problem
  const block = statistics && tallying(problem, tile)
  if (block) {
    const size = (block.rows * block.lanes) / block.across
    const pixels = n * oh * ow
    const blocks = { blocks: Math.ceil(pixels / size), size, pixels, quads: cout / 4 }
    const rest = joinTallies(blocks, 0, outputs.length)
    const first = run(problem, [...ending, scratch(0), scratch(1)])
    return { scratch: rest.scratch, dispatches: [...first, ...rest.dispatches] }
  }
  if (statistics) {
    const elem = outputs[0] === 'f16' ? 'f16' : 'f32'
    const plain = forwardRecipe({ ...problem, statistics: false }, caps, tile)
    return thenMoments(plain, { rows: n * oh * ow, channels: cout, elem }, caps)
  }
  if (count === 1) return { scratch: [], dispatches: run(problem, ending) }
  const size = n * oh * ow * cout
  const raw = { tail: identityTail, yAccess: 'read_write', yStart: 0, yBatch: size } as const
  const sum = splitSum(tail, yAccess, { pixels: n * oh * ow, cout, strips: count, yStart })
  return {
    scratch: [4 * size * count],
    dispatches: [
      ...run({ ...problem, ...raw }, [scratch(0)]),
      { ...sum, buffers: [scratch(0), ...ending] },
    ],
  }
}

/** The same on copies of w, and of x, whose channels come in fours (see pad.ts). */
function onFours(problem: ForwardProblem, caps: Caps, tile: Tile): Recipe {
  const { n, h, w, cin, kh, kw, cout, xStart, wAccess } = problem
  const both = padsX(problem, caps)
  const load = xOf(problem)
  const wIn = input(load.operands.length)
  const { x: _, ...rest } = problem
  const onCopies = { ...inFoursOf(rest, caps), xAccess: 'read_write' } as const
  const copied = both ? onCopies : problem
  const inner = forwardRecipe({ ...copied, wAccess: 'read_write', wInFours: true }, caps, tile)
  const outRows = copied.cin
  const wSize = { blocks: kh * kw, rows: cin, outRows, channels: cout, start: 0 }
  const xSize = { blocks: 1, rows: n * h * w, outRows: n * h * w, channels: cin, start: xStart }
  const k = inner.scratch.length
  const first = padded(plainLoad(['f32'], wAccess), wSize, [wIn, scratch(k)])
  const xSlots = [...load.operands.map((_, i) => input(i)), scratch(k + 1)]
  // Inputs of the recipe on copies: what x is read from, w, the tail's.
  const wAt = both ? 1 : load.operands.length
  const outer = (slot: Slot): Slot => {
    if (slot.kind !== 'input') return slot
    if (slot.index === wAt) return scratch(k)
    if (slot.index > wAt) return input(slot.index - wAt + wIn.index)
    return both ? scratch(k + 1) : slot
  }
  return {
    scratch: [
      ...inner.scratch,
      4 * kh * kw * outRows * inFours(cout),
      ...(both ? [4 * n * h * w * copied.cin] : []),
    ],
    dispatches: [
      first,
      ...(both ? [padded(load, xSize, xSlots)] : []),
      ...inner.dispatches.map((d) => ({ ...d, buffers: d.buffers.map(outer) })),
    ],
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

// What surrounds the inner loops of every gather convolution: bindings, which tile a workgroup makes, and the way out through
// the tail. (index.ts has the mathematics.)

import { type Access, declare, type Kernel, type Tail } from '../kernel.ts'
import { mathFor } from '../math.ts'
import type { Load } from '../reduce.ts'
import { PARAMS, place, times } from './index.ts'
import { type Loader, loader } from './load.ts'
import { type Sharing, tally } from './statistics.ts'
import { ending } from './tail.ts'

/** The structure of a forward kernel. */
export interface ForwardSpec {
  /** Whether divY or divX may differ from 1; mulY and mulX are 1 then. */
  readonly divided: boolean
  /** cin % 4 == 0 */
  readonly vecIn: boolean
  /** cout % 4 == 0 */
  readonly vecOut: boolean
  /** Whether the outputs of w come in fours: those of y, or of a copy with zeros after the last. */
  readonly vecW: boolean
  /** Pixels per invocation. */
  readonly rows: number
  /** vec4s of output channels per invocation. */
  readonly cols: number
  /** Invocations of a workgroup. */
  readonly lanes: number
  /** How x is read. */
  readonly x: Load
  readonly wAccess: Access
  readonly yAccess: Access
  readonly tail: Tail
  /** Whether means and squares of each block's channels are stored too, after the tail's outputs (see statistics.ts);
   * only with vecOut, nothing divided, and by a schedule that shares workgroup memory. */
  readonly statistics?: boolean
  /** Whether the taps and channels are cut into strips of `p.strip` K blocks, whose sums are partial: strip s of
   * them goes to s · p.yBatch. There is no batch then. */
  readonly split?: boolean
}

/** A schedule's own part of the text. */
export interface Schedule {
  /** Names the schedule and its tile. */
  readonly name: string
  /** Pixels and vec4s of channels that one workgroup makes. */
  readonly pixels: number
  readonly quads: number
  /** Tiles are taken column by column in bands of so many blocks, whose operands a GPU's cache holds; by default block by
   * block. */
  readonly band?: number
  /** Module-scope declarations. */
  readonly globals?: string
  /** From `block`, `column` (the tile's first vec4 of outputs), `lane`, `z`, `xBase`, `wBase`, `wStep` and `yBase` to the
   * stored result; where K is split, `part` is the strip. */
  readonly body: string
  readonly subgroups?: boolean
}

/** How the kernels of a spec read x. */
export const xOf = ({ x, vecIn }: ForwardSpec): Loader => loader('x', x, vecIn, 1)

/** Bindings: what x is read from, w, the tail's operands, the tail's outputs. */
export function frame(spec: ForwardSpec, schedule: Schedule): Kernel {
  const { divided, vecIn, vecOut, vecW, lanes, wAccess, split } = spec
  const { name, pixels, quads, band, globals = '', body, subgroups = false } = schedule
  const x = xOf(spec)
  const slot = x.access.length + 1
  const end = ending(spec.tail, vecOut, spec.yAccess, slot + 1)
  const half = x.half || end.half
  const after = slot + 1 + end.access.length
  const tallies = spec.statistics ? ['means', 'squares'] : []
  const shape = [vecIn && 'vecIn', vecOut && 'vecOut', vecW && 'vecW']
  const marks = [divided && 'divided', ...shape, split && 'split']
  const flags = marks.filter(Boolean)
  return {
    key: ['conv', name, ...flags, x.key, wAccess, end.key, ...tallies].join('/'),
    access: [...x.access, wAccess, ...end.access, ...tallies.map(() => 'read_write' as const)],
    ...features(half, subgroups),
    get code() {
      return /* wgsl */ `${half ? 'enable f16;' : ''}${subgroups ? 'enable subgroups;' : ''}
${PARAMS}
${x.functions}
${declare(slot, 'w', wAccess, 'f32', vecW)}
${end.functions}
${tallies.map((name, k) => declare(after + k, name, 'read_write', 'f32', true)).join('\n')}
${mathFor(x.work + end.work)}
${place(divided)}
${globals}
@compute @workgroup_size(${lanes})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32${subgroups ? ', @builtin(subgroup_invocation_id) member: u32' : ''}) {
  let tile = group.y * groups.x + group.x;
  let blocks = (p.n * gridH() * gridW() + ${pixels - 1}u) / ${pixels}u;
  if (tile >= blocks * p.columnTiles) { return; }
  ${band ? banded(band) : byBlock}
  let column = columnTile * ${quads}u;
  ${split ? cutZ(divided) : 'let z = p.zStart + group.z;'}
  let batch = ${divided || split ? '0u' : 'z'};
  let outer = batch / p.period;
  let inner = batch - outer * p.period;
  let xBase = (p.xStart + outer * p.xOuter + inner * p.xBatch)${vecIn ? ' >> 2u' : ''};
  let wBase = (outer * p.wOuter + inner * p.wBatch)${vecW ? ' >> 2u' : ''};
  let yBase = p.yStart + ${split ? 'part' : 'batch'} * p.yBatch;
  let wStep = ${vecW ? '(p.cout + 3u) >> 2u' : 'p.cout'};
  ${body}
}`
    },
  }
}

const byBlock = /* wgsl */ `
  let block = tile / p.columnTiles;
  let columnTile = tile - block * p.columnTiles;`

const banded = (band: number) => /* wgsl */ `
  let first = tile / (${band}u * p.columnTiles) * ${band}u;
  let height = min(${band}u, blocks - first);
  let inBand = tile - first * p.columnTiles;
  let columnTile = inBand / height;
  let block = first + inBand - columnTile * height;`

const cutZ = (divided: boolean) => /* wgsl */ `
  let depths = ${divided ? 'u32(p.divY * p.divX)' : '1u'};
  let part = (p.zStart + group.z) / depths;
  let z = p.zStart + group.z - part * depths;`

/** The vec4 of weights j columns right of `at`. */
export const weight = (vecOut: boolean, at: string, j: number) =>
  vecOut
    ? `w[${at} + ${j}u]`
    : `vec4f(${[0, 1, 2, 3].map((k) => `w[${at} + ${4 * j + k}u]`).join(', ')})`

/** Where column `quad` begins in a row of w. */
export const columnAt = (vecOut: boolean, quad: string) => (vecOut ? quad : `4u * (${quad})`)

/** How many of an invocation's pixels are there, and what it stored for them. */
interface Tallying extends Sharing {
  readonly pixels: number
}

/** The rows × cols sums a{i}_{j} through the tail: `pixel` is the statements that declare row i's
 * `pixel`, `quad` the vec4 of channels of column j. Copies of the tail for each sum would take longer to compile than the rest, so
 * these are loops that the compiler cannot unroll. With `statistics` their means and squares too. */
export const storeSums = (
  rows: number,
  cols: number,
  pixel: string,
  quad: string,
  statistics?: Tallying,
) => /* wgsl */ `
  var sums = array<vec4f, ${rows * cols}>(${times(rows, (i) => times(cols, (j) => `a${i}_${j},`))});
  let quads = (p.cout + 3u) >> 2u;
  ${statistics ? 'var live = 0u;' : ''}
  for (var i = 0u; i < ${rows}u; i++) {
    ${pixel}
    if (!pixel.live) { break; }
    ${statistics ? 'live++;' : ''}
    if (!inside(pixel, z)) { continue; }
    for (var j = 0u; j < ${cols}u; j++) {
      let quad = ${quad};
      if (quad >= quads) { break; }
      ${statistics ? `sums[i * ${cols}u + j] = ` : ''}finish(yBase, at(pixel, z), quad, sums[i * ${cols}u + j]);
    }
  }
  ${statistics ? tally(cols, statistics.pixels, statistics) : ''}`

/** The features field of a kernel. */
export function features(half: boolean, subgroups: boolean): Pick<Kernel, 'features'> {
  const list: ('shader-f16' | 'subgroups')[] = []
  if (half) list.push('shader-f16')
  if (subgroups) list.push('subgroups')
  return list.length ? { features: list } : {}
}

// What surrounds the inner loops of every gather convolution: bindings, which tile a workgroup makes, and the way out through
// the tail. (conv-index.ts has the mathematics.)

import { PARAMS, place, times } from './conv-index.ts'
import { type Loader, loader } from './conv-load.ts'
import { ending } from './conv-tail.ts'
import { type Access, declare, type Kernel, type Tail } from './kernel.ts'
import { mathFor } from './math.ts'
import type { Load } from './reduce.ts'

/** The structure of a forward kernel. */
export interface ForwardSpec {
  /** Whether divY or divX may differ from 1; mulY and mulX are 1 then. */
  readonly divided: boolean
  /** cin % 4 == 0 */
  readonly vecIn: boolean
  /** cout % 4 == 0 */
  readonly vecOut: boolean
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
}

/** A schedule's own part of the text. */
export interface Schedule {
  /** Names the schedule and its tile. */
  readonly name: string
  /** Pixels and vec4s of channels that one workgroup makes. */
  readonly pixels: number
  readonly quads: number
  /** Module-scope declarations. */
  readonly globals?: string
  /** From `block`, `column` (the tile's first vec4 of outputs), `lane`, `z`, `xBase`, `wBase`, `wStep` and `yBase` to the
   * stored result. */
  readonly body: string
  readonly subgroups?: boolean
}

/** How the kernels of a spec read x. */
export const xOf = ({ x, vecIn }: ForwardSpec): Loader => loader('x', x, vecIn, 1)

/** Bindings: what x is read from, w, the tail's operands, the tail's outputs. */
export function frame(spec: ForwardSpec, schedule: Schedule): Kernel {
  const { divided, vecIn, vecOut, lanes, wAccess } = spec
  const { name, pixels, quads, globals = '', body, subgroups = false } = schedule
  const x = xOf(spec)
  const slot = x.access.length + 1
  const end = ending(spec.tail, vecOut, spec.yAccess, slot + 1)
  const half = x.half || end.half
  const flags = [divided && 'divided', vecIn && 'vecIn', vecOut && 'vecOut'].filter(Boolean)
  return {
    key: ['conv', name, ...flags, x.key, wAccess, end.key].join('/'),
    access: [...x.access, wAccess, ...end.access],
    ...features(half, subgroups),
    get code() {
      return /* wgsl */ `${half ? 'enable f16;' : ''}${subgroups ? 'enable subgroups;' : ''}
${PARAMS}
${x.functions}
${declare(slot, 'w', wAccess, 'f32', vecOut)}
${end.functions}
${mathFor(x.work + end.work)}
${place(divided)}
${globals}
@compute @workgroup_size(${lanes})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32${subgroups ? ', @builtin(subgroup_invocation_id) member: u32' : ''}) {
  let tile = group.y * groups.x + group.x;
  let block = tile / p.columnTiles;
  if (block * ${pixels}u >= p.n * gridH() * gridW()) { return; }
  let column = (tile - block * p.columnTiles) * ${quads}u;
  let z = p.zStart + group.z;
  let batch = ${divided ? '0u' : 'z'};
  let outer = batch / p.period;
  let inner = batch - outer * p.period;
  let xBase = (p.xStart + outer * p.xOuter + inner * p.xBatch)${vecIn ? ' >> 2u' : ''};
  let wBase = (outer * p.wOuter + inner * p.wBatch)${vecOut ? ' >> 2u' : ''};
  let yBase = p.yStart + batch * p.yBatch;
  let wStep = ${vecOut ? 'p.cout >> 2u' : 'p.cout'};
  ${body}
}`
    },
  }
}

/** The vec4 of weights j columns right of `at`. */
export const weight = (vecOut: boolean, at: string, j: number) =>
  vecOut
    ? `w[${at} + ${j}u]`
    : `vec4f(${[0, 1, 2, 3].map((k) => `w[${at} + ${4 * j + k}u]`).join(', ')})`

/** Where column `quad` begins in a row of w. */
export const columnAt = (vecOut: boolean, quad: string) => (vecOut ? quad : `4u * (${quad})`)

/** The rows × cols sums a{i}_{j} through the tail: `pixel` is the statements that declare row i's
 * `pixel`, `quad` the vec4 of channels of column j. Copies of the tail for each sum would take longer to compile than the rest, so
 * these are loops that the compiler cannot unroll. */
export const storeSums = (rows: number, cols: number, pixel: string, quad: string) =>
  /* wgsl */ `
  var sums = array<vec4f, ${rows * cols}>(${times(rows, (i) => times(cols, (j) => `a${i}_${j},`))});
  let quads = (p.cout + 3u) >> 2u;
  for (var i = 0u; i < ${rows}u; i++) {
    ${pixel}
    if (!pixel.live) { break; }
    if (!inside(pixel, z)) { continue; }
    for (var j = 0u; j < ${cols}u; j++) {
      let quad = ${quad};
      if (quad >= quads) { break; }
      finish(yBase, at(pixel, z), quad, sums[i * ${cols}u + j]);
    }
  }`

/** The features field of a kernel. */
export function features(half: boolean, subgroups: boolean): Pick<Kernel, 'features'> {
  const list: ('shader-f16' | 'subgroups')[] = []
  if (half) list.push('shader-f16')
  if (subgroups) list.push('subgroups')
  return list.length ? { features: list } : {}
}

// What surrounds the inner loop of every weight gradient: which weights a workgroup sums, the walk over its strip of
// pixels, and the store. (weight.ts has the mathematics.)

import { type Access, declare, type Kernel } from '../kernel.ts'
import { mathFor } from '../math.ts'
import type { Load } from '../reduce.ts'
import { columnAt, features } from './frame.ts'
import { PARAMS, times } from './index.ts'
import { loader } from './load.ts'

/** The structure of a weight gradient kernel. */
export interface WeightGradSpec {
  /** cin % 4 == 0 */
  readonly vecIn: boolean
  /** cout % 4 == 0 */
  readonly vecOut: boolean
  /** How x and dy are read. */
  readonly x: Load
  readonly dy: Load
  readonly partAccess: Access
}

/** A schedule's own part of the text. Rows of weights are counted in quads: four channels of one tap. */
export interface WeightSchedule {
  readonly name: string
  readonly lanes: number
  /** Quads of rows, and vec4s of outputs, that one workgroup sums. */
  readonly quads: number
  readonly columns: number
  /** The same for one invocation: its sums are a{4·r + channel}_{j}. */
  readonly rows: number
  readonly cols: number
  /** The workgroup's quad whose x a lane loads; its quad number `r` and its vec4 of outputs number `j`. */
  readonly loads: string
  readonly quadOf: string
  readonly columnOf: string
  readonly globals?: string
  /** The sums over the strip's pixels, from number `pixel` (a variable) to before `last`; x of the lane's quad is at
   * (n, iy, ix) = (n, oy · p.mulY + ty, ox · p.mulX + tx), xBase + ((n · p.h + iy) · p.w + ix) · xStep. */
  readonly body: string
  readonly subgroups?: boolean
}

/** How the kernels of a spec read x and dy. */
const loadersOf = ({ x, dy, vecIn, vecOut }: WeightGradSpec) => ({
  x: loader('x', x, vecIn, 1),
  dy: loader('dy', dy, vecOut, 1 + x.operands.length),
})

/** Bindings: what x is read from, what dy is read from, part [strips, kh, kw, cin, cout]. */
export function weightFrame(spec: WeightGradSpec, schedule: WeightSchedule): Kernel {
  const { vecIn, vecOut, partAccess } = spec
  const { x, dy } = loadersOf(spec)
  const read = [...x.access, ...dy.access]
  const half = x.half || dy.half
  const { name, lanes, quads, columns, rows, cols, loads, subgroups = false } = schedule
  const flags = `${vecIn ? 'vecIn' : ''}${vecOut ? 'vecOut' : ''}`
  return {
    key: ['convWeightGrad', name, flags, x.key, dy.key, partAccess].join('/'),
    access: [...read, partAccess],
    ...features(half, subgroups),
    get code() {
      return /* wgsl */ `${half ? 'enable f16;' : ''}${subgroups ? 'enable subgroups;' : ''}
${PARAMS}
${x.functions}
${dy.functions}
${declare(read.length + 1, 'part', partAccess, 'f32', vecOut)}
${mathFor(x.work + dy.work)}
${schedule.globals ?? ''}
@compute @workgroup_size(${lanes})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32${subgroups ? ', @builtin(subgroup_invocation_id) member: u32' : ''}) {
  let z = p.zStart + group.z;
  let quads = (p.cin + 3u) >> 2u;
  let total = p.kh * p.kw * quads;
  let tile = group.y * groups.x + group.x;
  let block = tile / p.columnTiles;
  if (block * ${quads}u >= total) { return; }
  let column = (tile - block * p.columnTiles) * ${columns}u;
  let k = min(block * ${quads}u + ${loads}, total - 1u);
  let tap = k / quads;
  let quad = k - tap * quads;
  let ky = tap / p.kw;
  let ty = i32(ky) * p.stepY + p.offY;
  let tx = i32(tap - ky * p.kw) * p.stepX + p.offX;
  let xStep = ${vecIn ? 'p.cin >> 2u' : 'p.cin'};
  let xBase = ${vecIn ? '(p.xStart >> 2u) + quad' : 'p.xStart + 4u * quad'};
  let dyStep = ${vecOut ? 'p.cout >> 2u' : 'p.cout'};
  ${times(4 * rows, (c) => times(cols, (j) => `var a${c}_${j} = vec4f();`))}
  var pixel = z * p.strip;
  let last = min(pixel + p.strip, p.n * p.oh * p.ow);
  ${schedule.body}
  ${store(vecOut, schedule)}
}`
    },
  }
}

/** The strip a run at a time: `run` pixels of one output row, the first at `ix` and `xAt` in x and at `dyAt` in dy. `body`
 * may use ix in [0, xEnd) only, and moves dyAt past the run. */
export const byRuns = (vecOut: boolean, body: string) => /* wgsl */ `
  var n = pixel / (p.oh * p.ow);
  var oy = pixel / p.ow - n * p.oh;
  var ox = pixel % p.ow;
  var dyAt = ${vecOut ? '(p.yStart >> 2u) + column' : 'p.yStart + 4u * column'} + pixel * dyStep;
  while (pixel < last) {
    let run = min(p.ow - ox, last - pixel);
    let iy = i32(oy) * p.mulY + ty;
    var ix = i32(ox) * p.mulX + tx;
    var xAt = xBase + ((n * p.h + u32(iy)) * p.w + u32(ix)) * xStep;
    let xEnd = select(0, min(i32(p.w), ix + i32(run) * p.mulX), iy >= 0 && iy < i32(p.h));
    ${body}
    pixel += run;
    ox = 0u;
    oy++;
    if (oy == p.oh) { oy = 0u; n++; }
  }`

const QUAD = [0, 1, 2, 3]

/** Four channels of x, those of the lane's quad, or zeros where `valid` is false; by default those of a run. */
export function loadX(spec: WeightGradSpec, at = 'xAt', valid = 'ix >= 0 && ix < xEnd'): string {
  const { x } = loadersOf(spec)
  const one = (c: number) => x.at(`${at} + ${c}u`, `4u * quad + ${c}u`)
  const four = spec.vecIn ? x.at(at, 'quad') : `vec4f(${QUAD.map(one).join(', ')})`
  return `select(vec4f(), ${four}, ${valid})`
}

/** Four outputs of dy at `at`, vec4 `column` of a pixel. */
export function loadDy(spec: WeightGradSpec, at: string, column: string): string {
  const { dy } = loadersOf(spec)
  if (spec.vecOut) return dy.at(at, column)
  return `vec4f(${QUAD.map((o) => dy.at(`${at} + ${o}u`, `4u * (${column}) + ${o}u`)).join(', ')})`
}

/** Channels past cin and outputs past cout hold sums of whatever was read for them, and are not stored. Loops that the
 * compiler cannot unroll: copies for all sums would take longer to compile than the rest. */
const store = (vecOut: boolean, { rows, cols, quads, quadOf, columnOf }: WeightSchedule) =>
  /* wgsl */ `
  var sums = array<vec4f, ${4 * rows * cols}>(${times(4 * rows, (c) => times(cols, (j) => `a${c}_${j},`))});
  for (var r = 0u; r < ${rows}u; r++) {
    let k = block * ${quads}u + ${quadOf};
    if (k >= total) { break; }
    let c = 4u * (k % quads);
    let row = (z * p.kh * p.kw + k / quads) * p.cin + c;
    for (var i = 0u; i < min(4u, p.cin - c); i++) {
      for (var j = 0u; j < ${cols}u; j++) {
        let out = column + ${columnOf};
        if (4u * out >= p.cout) { break; }
        let sum = sums[(4u * r + i) * ${cols}u + j];
        let to = (row + i) * dyStep + ${columnAt(vecOut, 'out')};
        ${
          vecOut
            ? 'part[to] = sum;'
            : 'for (var e = 0u; e < min(4u, p.cout - 4u * out); e++) { part[to + e] = sum[e]; }'
        }
      }
    }
  }`

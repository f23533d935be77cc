// Gradient of a convolution by its weights: a matrix product whose long side is the pixels.
//
//   dw[ky, kx, c, o] = Σ_{n,oy,ox} x[n, oy·mulY + ky·stepY + offY, ox·mulX + kx·stepX + offX, c] · dy[n, oy, ox, o]
//
//   invocation: one tap, 4 channels c, 4·cols outputs o, in 4 × cols vec4 sums; lanes run over (tap, c), so that
//               neighbouring lanes read neighbouring channels of x and all read the same dy
//   group.z:    one strip of `p.strip` consecutive output pixels (split-K): there are few weights and many
//               pixels, so only cutting the sum gives enough invocations
//
// Strip s writes its sums to part[s, ky, kx, c, o]; `sumParts` adds them in the order of s. With one strip part is dw.
// A strip is walked row by row, so that no pixel costs a division; outside of x a lane multiplies by zero.
//
// With `subgroup` = s each lane loads another vec4 of dy and passes it on by subgroupBroadcast, since a software driver pays
// for every lane's load (see conv-subgroup.ts): s times fewer loads of dy.

import { features } from './conv-frame.ts'
import { PARAMS, times } from './conv-index.ts'
import {
  type Access,
  type Dispatch,
  declare,
  input,
  type Kernel,
  output,
  overIndex,
  perIndex,
  scratch,
} from './kernel.ts'

/** The structure of a weight gradient kernel. */
export interface WeightGradSpec {
  /** cin % 4 == 0 */
  readonly vecIn: boolean
  /** cout % 4 == 0 */
  readonly vecOut: boolean
  /** vec4s of output channels per invocation. */
  readonly cols: number
  readonly lanes: number
  /** Size of the subgroups, or 0 to do without. */
  readonly subgroup: number
  readonly xAccess: Access
  readonly dyAccess: Access
  readonly partAccess: Access
}

const XYZW = ['x', 'y', 'z', 'w']
const QUAD = [0, 1, 2, 3]

/** Bindings 1 x, 2 dy, 3 part [strips, kh, kw, cin, cout]. */
export function convWeightGrad(spec: WeightGradSpec): Kernel {
  const { vecIn, vecOut, cols, lanes, subgroup, xAccess, dyAccess, partAccess } = spec
  const tile = `${cols}x${lanes}s${subgroup}`
  const flags = `${vecIn ? 'vecIn' : ''}${vecOut ? 'vecOut' : ''}`
  return {
    key: ['convWeightGrad', tile, flags, xAccess, dyAccess, partAccess].join('/'),
    access: [xAccess, dyAccess, partAccess],
    ...features(false, subgroup > 0),
    get code() {
      return /* wgsl */ `${subgroup ? 'enable subgroups;' : ''}
${PARAMS}
${declare(1, 'x', xAccess, 'f32', vecIn)}
${declare(2, 'dy', dyAccess, 'f32', vecOut)}
${declare(3, 'part', partAccess, 'f32', vecOut)}
@compute @workgroup_size(${lanes})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32${subgroup ? ', @builtin(subgroup_invocation_id) member: u32' : ''}) {
  let quads = (p.cin + 3u) >> 2u;
  let total = p.kh * p.kw * quads;
  let tile = group.y * groups.x + group.x;
  let block = tile / p.columnTiles;
  if (block * ${lanes}u >= total) { return; }
  let column = (tile - block * p.columnTiles) * ${cols}u;
  let k = min(block * ${lanes}u + lane, total - 1u);
  let tap = k / quads;
  let quad = k - tap * quads;
  let ky = tap / p.kw;
  let ty = i32(ky) * p.stepY + p.offY;
  let tx = i32(tap - ky * p.kw) * p.stepX + p.offX;
  let xStep = ${vecIn ? 'p.cin >> 2u' : 'p.cin'};
  let xBase = ${vecIn ? '(p.xStart >> 2u) + quad' : 'p.xStart + 4u * quad'};
  let dyStep = ${vecOut ? 'p.cout >> 2u' : 'p.cout'};
  ${times(4, (c) => times(cols, (j) => `var a${c}_${j} = vec4f();`))}
  ${walk(spec)}
  if (block * ${lanes}u + lane >= total) { return; }
  ${storeSums(vecOut, cols)}
}`
    },
  }
}

/** The pixels of the strip, a run inside of one output row at a time. */
function walk(spec: WeightGradSpec): string {
  const { vecOut, subgroup } = spec
  return /* wgsl */ `
  var pixel = group.z * p.strip;
  let last = min(pixel + p.strip, p.n * p.oh * p.ow);
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
    ${subgroup ? runBySubgroup(spec) : runDirect(spec)}
    pixel += run;
    ox = 0u;
    oy++;
    if (oy == p.oh) { oy = 0u; n++; }
  }`
}

const runDirect = (spec: WeightGradSpec) => /* wgsl */ `
    for (var r = 0u; r < run; r++) {
      let u = ${loadX(spec)};
      ${times(spec.cols, (j) => `let g${j} = ${loadDy(spec, 'dyAt', j)};`)}
      ${multiply(spec.cols, (j) => `g${j}`)}
      ix += p.mulX;
      xAt += u32(p.mulX) * xStep;
      dyAt += dyStep;
    }`

/** As many pixels at a time as one load per lane brings: their subgroup / cols · cols vec4s are numbered
 * e = pixel · cols + j, and lane e loads number e. */
function runBySubgroup(spec: WeightGradSpec): string {
  const { cols, subgroup, vecOut } = spec
  const pixels = Math.max(1, Math.floor(subgroup / cols))
  const loads = Math.ceil((pixels * cols) / subgroup)
  const e = (q: number) => `(member + ${q * subgroup}u)`
  const load = (q: number) => /* wgsl */ `
      let r${q} = r + ${e(q)} / ${cols}u;
      let at${q} = dyAt + r${q} * dyStep + ${vecOut ? '' : '4u * '}(${e(q)} % ${cols}u);
      let l${q} = select(vec4f(), ${loadDy(spec, `at${q}`, 0)}, r${q} < run);`
  const from = (s: number, j: number) => {
    const number = s * cols + j
    return `l${Math.floor(number / subgroup)}, ${number % subgroup}u`
  }
  return /* wgsl */ `
    for (var r = 0u; r < run; r += ${pixels}u) {
      ${times(loads, load)}
      ${times(
        pixels,
        (s) => `{
        let u = ${loadX(spec)};
        ${times(cols, (j) => `let g${j} = subgroupBroadcast(${from(s, j)});`)}
        ${multiply(cols, (j) => `g${j}`)}
        ix += p.mulX;
        xAt += u32(p.mulX) * xStep;
      }`,
      )}
    }
    dyAt += run * dyStep;`
}

const loadX = ({ vecIn }: WeightGradSpec) =>
  `select(vec4f(), ${vecIn ? 'x[xAt]' : `vec4f(${QUAD.map((c) => `x[xAt + ${c}u]`).join(', ')})`}, ix >= 0 && ix < xEnd)`

const loadDy = ({ vecOut }: WeightGradSpec, at: string, j: number) =>
  vecOut ? `dy[${at} + ${j}u]` : `vec4f(${QUAD.map((o) => `dy[${at} + ${4 * j + o}u]`).join(', ')})`

const multiply = (cols: number, g: (j: number) => string) =>
  times(4, (c) => times(cols, (j) => `a${c}_${j} = fma(vec4f(u.${XYZW[c]}), ${g(j)}, a${c}_${j});`))

/** Channels past cin and outputs past cout hold sums of whatever was read for them, and are not stored. Loops that the
 * compiler cannot unroll: 4 · cols copies would take longer to compile than the rest. */
const storeSums = (vecOut: boolean, cols: number) => /* wgsl */ `
  var sums = array<vec4f, ${4 * cols}>(${times(4, (c) => times(cols, (j) => `a${c}_${j},`))});
  var to = (group.z * p.kh * p.kw * p.cin + tap * p.cin + 4u * quad) * dyStep + ${vecOut ? 'column' : '4u * column'};
  let columns = min(${cols}u, ((p.cout + 3u) >> 2u) - column);
  for (var c = 0u; c < min(4u, p.cin - 4u * quad); c++) {
    for (var j = 0u; j < columns; j++) {
      let sum = sums[c * ${cols}u + j];
      ${
        vecOut
          ? 'part[to + j] = sum;'
          : `for (var e = 0u; e < min(4u, p.cout - 4u * (column + j)); e++) {
        part[to + 4u * j + e] = sum[e];
      }`
      }
    }
    to += dyStep;
  }`

/** out[i] = Σ_s part[s, i], in the order of s: scratch 0 to output 0. */
export function sumParts(size: number, splits: number, access: Access): Dispatch {
  const vec = size % 4 === 0
  const kernel = perIndex({
    key: 'sumParts',
    params: 'size: u32, splits: u32',
    bindings: [
      { name: 'part', access: 'read_write', elem: 'f32', vec },
      { name: 'y', access, elem: 'f32', vec },
    ],
    body: /* wgsl */ `
  var at = i;
  var total = part[at];
  for (var s = 1u; s < p.splits; s++) {
    at += p.size;
    total += part[at];
  }
  y[i] = total;`,
  })
  const count = vec ? size / 4 : size
  return overIndex(kernel, count, [scratch(0), output(0)], count, splits)
}

/** The buffers of a weight gradient: inputs x, dy; output dw, or scratch 0 where it is split. */
export const weightGradSlots = (splits: number) => [
  input(0),
  input(1),
  splits > 1 ? scratch(0) : output(0),
]

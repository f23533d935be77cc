// Convolution, schedule `direct`: a register tile without workgroup memory. (conv-index.ts has the mathematics.)
//
//   lane l of pixel block b, row i:   m = (b·lanes + l)·rows + i       neighbouring pixels, found by counting on
//   column tile t:                    outputs 4·cols·t … 4·cols·(t+1) − 1
//
// An invocation keeps rows × cols vec4 sums. Each step of the reduction (one channel of one tap) takes one scalar
// of x per row and one vec4 of w per column, the latter at an address that is the same for the whole workgroup:
// free on a GPU's scalar path, but as dear as any load on a software driver, so there rows must be many
// (4 rows × 2 vec4 is the most that stays in registers). Each sum runs over ky, kx, c in this order whatever
// the tile, so tiles change speed and never bits.

import { overTaps, PARAMS, place, times } from './conv-index.ts'
import { type Ending, ending } from './conv-tail.ts'
import { type Access, declare, type Kernel, type Tail } from './kernel.ts'

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
  /** Size of the subgroups, for the subgroup schedule. */
  readonly subgroup?: number
  readonly xAccess: Access
  readonly wAccess: Access
  readonly yAccess: Access
  readonly tail: Tail
}

/** Bindings 1 x, 2 w, the tail's operands, the tail's outputs. */
export function convDirect(spec: ForwardSpec): Kernel {
  const { rows, cols, vecIn, vecOut } = spec
  const multiply = (k: string, x: (i: number) => string) => /* wgsl */ `{
    ${times(cols, (j) => `let w${j} = ${weight(vecOut, 'at', j)};`)}
    at += wStep;
    ${times(rows, (i) => times(cols, (j) => `a${i}_${j} = fma(vec4f(${x(i)}${k}), w${j}, a${i}_${j});`))}
  }`
  return gather('direct', spec, {
    body: /* wgsl */ `
  var at = wBase + tap * p.cin * wStep;
  for (var c = 0u; c < ${vecIn ? '(p.cin >> 2u)' : 'p.cin'}; c++) {
    ${times(rows, (i) => `let u${i} = select(${vecIn ? 'vec4f()' : '0.0'}, x[b${i} + c], v${i});`)}
    ${
      vecIn
        ? ['.x', '.y', '.z', '.w'].map((k) => multiply(k, (i) => `u${i}`)).join('\n')
        : multiply('', (i) => `u${i}`)
    }
  }`,
  })
}

/** A kernel that gathers pixels into registers: everything around the loop over channels, which is `body`. */
export function gather(
  schedule: string,
  spec: ForwardSpec,
  parts: { readonly body: string; readonly enable?: string; readonly builtins?: string },
): Kernel {
  const { divided, vecIn, vecOut, rows, cols, lanes, subgroup = 0 } = spec
  const end = ending(spec.tail, vecOut, spec.yAccess, 3)
  return {
    key: forwardKey(schedule, spec, end),
    access: [spec.xAccess, spec.wAccess, ...end.access],
    ...features(end.half, subgroup > 0),
    get code() {
      return /* wgsl */ `${end.enable}${parts.enable ?? ''}
${PARAMS}
${declare(1, 'x', spec.xAccess, 'f32', vecIn)}
${declare(2, 'w', spec.wAccess, 'f32', vecOut)}
${end.functions}
${place(divided)}
@compute @workgroup_size(${lanes})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32${parts.builtins ?? ''}) {
  let tile = group.y * groups.x + group.x;
  let block = tile / p.columnTiles;
  if (block * ${rows * lanes}u >= p.n * gridH() * gridW()) { return; }
  let column = (tile - block * p.columnTiles) * ${cols}u;
  let z = group.z;
  let first = place((block * ${lanes}u + lane) * ${rows}u);
  ${times(rows, (i) => (i ? `let pixel${i} = next(pixel${i - 1});` : 'let pixel0 = first;'))}
  ${times(rows, (i) => times(cols, (j) => `var a${i}_${j} = vec4f();`))}
  ${bases(divided, vecIn, vecOut)}
  let wStep = ${vecOut ? 'p.cout >> 2u' : 'p.cout'};
  ${overTaps({ rows, divided, vecIn, body: parts.body })}
  ${store(rows, cols)}
}`
    },
  }
}

/** All sums through the tail. Copies of the tail for each of them would take longer to compile than the rest, so this
 * is a loop whose end the compiler cannot know. */
const store = (rows: number, cols: number) => /* wgsl */ `
  var sums = array<vec4f, ${rows * cols}>(${times(rows, (i) => times(cols, (j) => `a${i}_${j},`))});
  let columns = min(${cols}u, ((p.cout + 3u) >> 2u) - column);
  var pixel = first;
  for (var i = 0u; i < ${rows}u && pixel.live; i++) {
    if (inside(pixel, z)) {
      for (var j = 0u; j < columns; j++) {
        finish(yBase, at(pixel, z), column + j, sums[i * ${cols}u + j]);
      }
    }
    pixel = next(pixel);
  }`

/** Where the batch entry begins in x, w (with the column) and y. */
const bases = (divided: boolean, vecIn: boolean, vecOut: boolean) => {
  const start = (batch: string, from: string) => (divided ? from : `${from} + z * p.${batch}`)
  return `let xBase = (${start('xBatch', 'p.xStart')})${vecIn ? ' >> 2u' : ''};
  let wBase = ${vecOut ? `((${start('wBatch', '0u')}) >> 2u) + column` : `${start('wBatch', '0u')} + 4u * column`};
  let yBase = ${start('yBatch', 'p.yStart')};`
}

/** The vec4 of weights j columns right of `at`. */
export const weight = (vecOut: boolean, at: string, j: number) =>
  vecOut
    ? `w[${at} + ${j}u]`
    : `vec4f(${[0, 1, 2, 3].map((k) => `w[${at} + ${4 * j + k}u]`).join(', ')})`

function forwardKey(schedule: string, spec: ForwardSpec, end: Ending): string {
  const { divided, vecIn, vecOut, rows, cols, lanes, subgroup, xAccess, wAccess } = spec
  const flags = [divided && 'divided', vecIn && 'vecIn', vecOut && 'vecOut'].filter(Boolean)
  const tile = `${rows}x${cols}x${lanes}${subgroup ? `s${subgroup}` : ''}`
  return ['conv', schedule, tile, ...flags, xAccess, wAccess, end.key].join('/')
}

/** The features field of a kernel. */
export function features(half: boolean, subgroups: boolean): Pick<Kernel, 'features'> {
  const list: ('shader-f16' | 'subgroups')[] = []
  if (half) list.push('shader-f16')
  if (subgroups) list.push('subgroups')
  return list.length ? { features: list } : {}
}

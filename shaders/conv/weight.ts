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
// for every lane's load (see subgroup.ts): s times fewer loads of dy.

import {
  type Access,
  type Dispatch,
  input,
  type Kernel,
  output,
  overIndex,
  perIndex,
  scratch,
} from '../kernel.ts'
import { columnAt } from './frame.ts'
import { times } from './index.ts'
import { byRuns, loadDy, loadX, type WeightGradSpec, weightFrame } from './weight-frame.ts'

/** The register tile: cols vec4s of outputs per invocation, and the subgroups' size, or 0 to do without. */
export interface WeightRegisters {
  readonly cols: number
  readonly lanes: number
  readonly subgroup: number
}

/** Bindings as `weightFrame`. */
export function convWeightGrad(spec: WeightGradSpec, tile: WeightRegisters): Kernel {
  const { cols, lanes, subgroup } = tile
  return weightFrame(spec, {
    name: `${cols}x${lanes}s${subgroup}`,
    ...{ lanes, cols, quads: lanes, columns: cols, rows: 1 },
    loads: 'lane',
    quadOf: 'lane',
    columnOf: 'j',
    subgroups: subgroup > 0,
    body: byRuns(spec.vecOut, subgroup ? runBySubgroup(spec, tile) : runDirect(spec, cols)),
  })
}

const runDirect = (spec: WeightGradSpec, cols: number) => /* wgsl */ `
    for (var r = 0u; r < run; r++) {
      let u = ${loadX(spec)};
      ${times(cols, (j) => `let g${j} = ${loadDy(spec, `dyAt + ${spec.vecOut ? j : 4 * j}u`, `column + ${j}u`)};`)}
      ${multiply(cols, (j) => `g${j}`)}
      ix += p.mulX;
      xAt += u32(p.mulX) * xStep;
      dyAt += dyStep;
    }`

/** As many pixels at a time as one load per lane brings: their subgroup / cols · cols vec4s are numbered
 * e = pixel · cols + j, and lane e loads number e. */
function runBySubgroup(spec: WeightGradSpec, tile: WeightRegisters): string {
  const { cols, subgroup } = tile
  const pixels = Math.max(1, Math.floor(subgroup / cols))
  const loads = Math.ceil((pixels * cols) / subgroup)
  const e = (q: number) => `(member + ${q * subgroup}u)`
  const load = (q: number) => /* wgsl */ `
      let r${q} = r + ${e(q)} / ${cols}u;
      let at${q} = dyAt + r${q} * dyStep + ${columnAt(spec.vecOut, `${e(q)} % ${cols}u`)};
      let l${q} = select(vec4f(), ${loadDy(spec, `at${q}`, `column + ${e(q)} % ${cols}u`)}, r${q} < run);`
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

const multiply = (cols: number, g: (j: number) => string) =>
  times(4, (c) =>
    times(cols, (j) => `a${c}_${j} = fma(vec4f(u.${'xyzw'[c]}), ${g(j)}, a${c}_${j});`),
  )

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

/** The buffers of a weight gradient: what x and dy are read from; output dw, or scratch 0 where it is split. */
export const weightGradSlots = (inputs: number, splits: number) => [
  ...Array.from({ length: inputs }, (_, i) => input(i)),
  splits > 1 ? scratch(0) : output(0),
]

// Convolution, schedule `subgroup`: `direct`, with the weights passed from lane to lane. (index.ts has the mathematics.)
//
//   Four channels c … c + 3 of a tap at a time, s = subgroup size:
//   the 4 × cols vec4s of weights w[tap, c + k, column + j] are numbered e = k·cols + j
//   lane l loads number q·s + l into l{q}; all lanes then take number e from l{e div s} of lane e mod s by
//   subgroupBroadcast, and multiply it by their own x[pixel, c + k]
//
// All lanes need the same weights, and a software driver pays for each lane's load whatever its address: loading
// every weight once per subgroup instead of once per lane leaves s times fewer. On lavapipe this about
// doubles the rate of `direct` and, since each load in the text costs it 50–150 ms of compilation, halves that.
// Sums run in the order of `direct`, and give the same bits. Needs vecIn and subgroups of exactly s lanes.

import type { Kernel } from '../kernel.ts'
import { registerTile } from './direct.ts'
import { columnAt, type ForwardSpec, weight, xOf } from './frame.ts'
import { times } from './index.ts'

/** Whether `convSubgroup` can compute a convolution over cin channels with subgroups of this size. */
export const subgroupFits = (cin: number, subgroup: number, lanes: number) =>
  [4, 8, 16].includes(subgroup) && cin % 4 === 0 && lanes % subgroup === 0

/** Bindings as `convDirect`. */
export function convSubgroup(spec: ForwardSpec, subgroup: number): Kernel {
  const { rows, cols, vecW } = spec
  const x = xOf(spec)
  const loads = Math.ceil((4 * cols) / subgroup)
  const xyzw = ['x', 'y', 'z', 'w']
  const products = (k: number, j: number) => {
    const e = k * cols + j
    const from = `l${Math.floor(e / subgroup)}, ${e % subgroup}u`
    return /* wgsl */ `{ let w = subgroupBroadcast(${from});
    ${times(rows, (i) => `a${i}_${j} = fma(vec4f(u${i}.${xyzw[k]}), w, a${i}_${j});`)} }`
  }
  return registerTile(`subgroup${subgroup}`, spec, {
    subgroups: true,
    body: /* wgsl */ `
  ${times(loads, (q) => {
    // Lanes past the last number repeat it.
    const e = `min(member + ${q * subgroup}u, ${4 * cols - 1}u)`
    return `var at${q} = wBase + (tap * p.cin + ${e} / ${cols}u) * wStep + ${columnAt(vecW, `column + ${e} % ${cols}u`)};`
  })}
  for (var c = 0u; c < (p.cin >> 2u); c++) {
    ${times(loads, (q) => `let l${q} = ${weight(vecW, `at${q}`, 0)}; at${q} += 4u * wStep;`)}
    ${times(rows, (i) => `let u${i} = select(vec4f(), ${x.at(`b${i} + c`, 'c')}, v${i});`)}
    ${times(4, (k) => times(cols, (j) => products(k, j)))}
  }`,
  })
}

// Convolution, schedule `subgroup`: `direct`, with the weights passed from lane to lane. (conv-index.ts has the mathematics.)
//
//   s = subgroup size; s channels of a tap at a time:
//   lane l loads        w[tap, c + l, column…]            cols vec4s, every lane another row of w
//   step k = 0 … s − 1  all lanes take row k by subgroupBroadcast and multiply it by their own x[pixel, c + k]
//
// All lanes need the same weights, and a software driver pays for each lane's load whatever its address: loading
// every row once per subgroup instead of once per lane leaves s times fewer. On lavapipe this more than
// doubles the rate of `direct`. Sums run in the order of `direct`, and give the same bits.
// Needs vecIn, subgroups of exactly s lanes, and cin % s == 0.

import { type ForwardSpec, gather, weight } from './conv-direct.ts'
import { times } from './conv-index.ts'
import type { Kernel } from './kernel.ts'

/** Whether `convSubgroup` can compute a convolution over cin channels with subgroups of this size. */
export const subgroupFits = (cin: number, subgroup: number, lanes: number) =>
  subgroup >= 4 && subgroup <= 16 && cin % subgroup === 0 && lanes % subgroup === 0

/** Bindings as `convDirect`. */
export function convSubgroup(spec: ForwardSpec & { readonly subgroup: number }): Kernel {
  const { rows, cols, vecOut, subgroup } = spec
  const vecs = subgroup / 4
  const lanesOf = ['x', 'y', 'z', 'w']
  return gather('subgroup', spec, {
    enable: 'enable subgroups;',
    builtins: ', @builtin(subgroup_invocation_id) member: u32',
    body: /* wgsl */ `
  var at = wBase + (tap * p.cin + member) * wStep;
  for (var c = 0u; c < (p.cin >> 2u); c += ${vecs}u) {
    ${times(cols, (j) => `let l${j} = ${weight(vecOut, 'at', j)};`)}
    at += ${subgroup}u * wStep;
    ${times(vecs, (q) => times(rows, (i) => `let u${q}_${i} = select(vec4f(), x[b${i} + c + ${q}u], v${i});`))}
    ${times(subgroup, (k) =>
      times(
        cols,
        (j) => `{ let w = subgroupBroadcast(l${j}, ${k}u);
    ${times(rows, (i) => `a${i}_${j} = fma(vec4f(u${k >> 2}_${i}.${lanesOf[k & 3]}), w, a${i}_${j});`)} }`,
      ),
    )}
  }`,
  })
}

// Convolution, schedule `direct`: a register tile without workgroup memory. (index.ts has the mathematics.)
//
//   lane l of pixel block b, row i:   m = (b·lanes + l)·rows + i       neighbouring pixels, found by counting on
//   column tile t:                    outputs 4·cols·t … 4·cols·(t+1) − 1
//
// An invocation keeps rows × cols vec4 sums. Each step of the reduction (one channel of one tap) takes one scalar
// of x per row and one vec4 of w per column, the latter at an address that is the same for the whole workgroup:
// free on a GPU's scalar path, but as dear as any load on a software driver, so there rows must be many
// (4 rows × 2 vec4 is the most that stays in registers). Each sum runs over ky, kx, c in this order whatever
// the tile, so tiles change speed and never bits.

import type { Kernel } from '../kernel.ts'
import { columnAt, type ForwardSpec, frame, storeSums, weight, xOf } from './frame.ts'
import { overTaps, times } from './index.ts'

export function convDirect(spec: ForwardSpec): Kernel {
  const { rows, cols, vecIn, vecW } = spec
  const x = xOf(spec)
  const multiply = (k: string) => /* wgsl */ `{
    ${times(cols, (j) => `let w${j} = ${weight(vecW, 'at', j)};`)}
    at += wStep;
    ${times(rows, (i) => times(cols, (j) => `a${i}_${j} = fma(vec4f(u${i}${k}), w${j}, a${i}_${j});`))}
  }`
  return registerTile('direct', spec, {
    body: /* wgsl */ `
  var at = wBase + tap * p.cin * wStep + ${columnAt(vecW, 'column')};
  for (var c = 0u; c < ${vecIn ? '(p.cin >> 2u)' : 'p.cin'}; c++) {
    ${times(rows, (i) => `let u${i} = select(${vecIn ? 'vec4f()' : '0.0'}, ${x.at(`b${i} + c`, 'c')}, v${i});`)}
    ${vecIn ? ['.x', '.y', '.z', '.w'].map(multiply).join('\n') : multiply('')}
  }`,
  })
}

/** A kernel whose lanes each make rows neighbouring pixels in registers; `body` is the loop over channels of a tap. */
export function registerTile(
  schedule: string,
  spec: ForwardSpec,
  { body, subgroups = false }: { readonly body: string; readonly subgroups?: boolean },
): Kernel {
  const { divided, vecIn, rows, cols, lanes } = spec
  return frame(spec, {
    name: `${schedule}/${rows}x${cols}x${lanes}`,
    pixels: rows * lanes,
    quads: cols,
    subgroups,
    body: /* wgsl */ `
  let pixel0 = place((block * ${lanes}u + lane) * ${rows}u);
  ${times(rows - 1, (i) => `let pixel${i + 1} = next(pixel${i});`)}
  ${times(rows, (i) => times(cols, (j) => `var a${i}_${j} = vec4f();`))}
  ${overTaps({ rows, divided, vecIn, body })}
  var following = pixel0;
  ${storeSums(rows, cols, 'let pixel = following; following = next(pixel);', 'column + j')}`,
  })
}

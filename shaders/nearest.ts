// Resizing to the nearest pixel, and its adjoint.
//
//   nearest      y[n, oy, ox, c]  = x[n, ⌊oy·h/oh⌋, ⌊ox·w/ow⌋, c]
//   nearestGrad  dx[n, iy, ix, c] = Σ dy[n, oy, ox, c] over ⌈iy·oh/h⌉ ≤ oy < ⌈(iy + 1)·oh/h⌉, and ox alike
//
// In whole numbers, with the ratio h/oh in lowest terms a/d, so positions are exact. Pixels are moved as bits, in vec4s or words
// where their channels fill such; otherwise an invocation gathers the elements that share a word of y. The gradient is a
// gather: what pixel (iy, ix) was copied to is a rectangle.

import {
  type Access,
  type Elem,
  input,
  loadScalar,
  loadVec,
  output,
  overIndex,
  perIndex,
  type Recipe,
  register,
  storeVec,
} from './kernel.ts'
import type { Axis, Rows } from './resize-axis.ts'

const bytesOf = { f32: 4, i32: 4, u32: 4, f16: 2, u8: 1 } as const

export interface NearestSpec {
  readonly n: number
  readonly c: number
  readonly height: Axis
  readonly width: Axis
  /** Which rows of x and y are at hand. */
  readonly rows: Rows
  readonly elem: Elem
  readonly access: readonly Access[]
}

// xRow and yRow are where the rows at hand begin among all rows.
const PARAMS = `c: u32, h: u32, w: u32, oh: u32, ow: u32, xRow: u32, yRow: u32,
  aY: u32, dY: u32, aX: u32, dX: u32, total: u32,`

const paramsOf = ({ height, width, rows: { x, y } }: NearestSpec, c: number, total: number) => [
  ...[c, x[1] - x[0], width.size, y[1] - y[0], width.out, x[0], y[0]],
  ...[height.a, height.d, width.a, width.d, total],
]

/** y = x resized. Inputs x; outputs y. */
export function nearest(spec: NearestSpec): Recipe {
  const { n, c, width, rows, elem, access } = spec
  const bytes = bytesOf[elem]
  // What is moved as one: a vec4, a word, or an element that shares a word.
  const unit = [16, 4].find((u) => (c * bytes) % u === 0) ?? bytes
  const perWord = Math.max(1, 4 / unit)
  const cu = (c * bytes) / unit
  const total = n * (rows.y[1] - rows.y[0]) * width.out * cu
  const kernel = perIndex({
    key: `nearest/${unit}`,
    params: PARAMS,
    bindings: [
      { name: 'x', access: access[0], elem: 'u32', vec: unit === 16 },
      { name: 'y', access: 'read_write', elem: 'u32', vec: unit === 16 },
    ],
    functions: /* wgsl */ `
fn source(e: u32) -> u32 {
  let pixel = e / p.c;
  let row = pixel / p.ow;
  let n = row / p.oh;
  let iy = (row - n * p.oh + p.yRow) * p.aY / p.dY - p.xRow;
  let ix = (pixel - row * p.ow) * p.aX / p.dX;
  return ((n * p.h + iy) * p.w + ix) * p.c + e - pixel * p.c;
}`,
    body:
      perWord === 1
        ? 'y[i] = x[source(i)];'
        : /* wgsl */ `
  var word = 0u;
  for (var k = 0u; k < min(${perWord}u, p.total - ${perWord}u * i); k++) {
    let at = source(${perWord}u * i + k);
    let bits = x[at / ${perWord}u] >> (${8 * unit}u * (at % ${perWord}u));
    word |= (bits & ${2 ** (8 * unit) - 1}u) << (${8 * unit}u * k);
  }
  y[i] = word;`,
  })
  const count = Math.ceil(total / perWord)
  const params = paramsOf(spec, cu, total)
  return { scratch: [], dispatches: [overIndex(kernel, count, [input(0), output(0)], ...params)] }
}

/** dx = the adjoint of `nearest` applied to dy, f32 or f16. Inputs dy; outputs dx. Rows are summed one by one, so the
 * rounding error grows with the sides of the rectangle, not with its area. */
export function nearestGrad(spec: NearestSpec): Recipe {
  const { n, c, width, rows, elem, access } = spec
  const vec = c % 4 === 0
  const cv = vec ? c / 4 : c
  const type = vec ? 'vec4f' : register(elem)
  const load = (vec ? loadVec : loadScalar)('dy', elem, '(at + ox) * p.c + c')
  const value = elem === 'f16' ? 'f16(sum)' : 'sum'
  const kernel = perIndex({
    key: 'nearestGrad',
    params: PARAMS,
    bindings: [
      { name: 'dy', access: access[0], elem, vec },
      { name: 'dx', access: 'read_write', elem, vec },
    ],
    functions: /* wgsl */ `
fn first(i: u32, a: u32, d: u32) -> u32 { return (i * d + a - 1u) / a; }`,
    body: /* wgsl */ `
  let pixel = i / p.c;
  let c = i - pixel * p.c;
  let row = pixel / p.w;
  let ix = pixel - row * p.w;
  let n = row / p.h;
  let iy = row - n * p.h + p.xRow;
  let oxBegin = first(ix, p.aX, p.dX);
  let oxEnd = first(ix + 1u, p.aX, p.dX);
  let oyBegin = max(first(iy, p.aY, p.dY), p.yRow);
  let oyEnd = min(first(iy + 1u, p.aY, p.dY), p.yRow + p.oh);
  var sum = ${type}();
  for (var oy = oyBegin; oy < oyEnd; oy++) {
    let at = (n * p.oh + oy - p.yRow) * p.ow;
    var line = ${type}();
    for (var ox = oxBegin; ox < oxEnd; ox++) { line += ${load}; }
    sum += line;
  }
  ${vec ? storeVec('dx', elem, 'i', 'sum') : `dx[i] = ${value};`}`,
  })
  const count = n * (rows.x[1] - rows.x[0]) * width.size * cv
  const params = paramsOf(spec, cv, count)
  return { scratch: [], dispatches: [overIndex(kernel, count, [input(0), output(0)], ...params)] }
}

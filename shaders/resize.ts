// Bilinear resizing and its adjoint, both axes at once, in all three conventions for where pixels lie. (resize-axis.ts says
// where.)
//
//   y[n, oy, ox, c] = Σ_iy Σ_ix v(oy, iy) · u(ox, ix) · x[n, iy, ix, c]
//   v(o, i) = 1 − |s(o) − i| where that is positive, and 1 for the last i where s(o) is beyond it
//
// Positions are exact: ⌊s⌋ by integer division, and the weight from the remainder. The adjoint (dx = the same sum over
// outputs) is a gather: the outputs that touch input i are an interval, found by two divisions, and their weights are the
// forward's own, so that the two are exact transposes. All three conventions, up and down, share one pipeline each way. There is
// no antialiasing: down-sampling skips pixels.
//
// One invocation makes a strip of STRIP neighbours of one row and channel: it finds its place once, and mixes two rows of a
// column of x only where it comes to a new one.

import {
  type Access,
  type FloatElem,
  input,
  loadScalar,
  loadVec,
  output,
  overIndex,
  perIndex,
  type Recipe,
  scratch,
  storeScalar,
  storeVec,
} from './kernel.ts'
import { type Axis, axisOf, type ResizeMode, type Rows, wordsOf } from './resize-axis.ts'

/** x is [n, h, w, c], its resized form [n, oh, ow, c]; with `rows` they are those rows of such. */
export interface ResizeSpec {
  readonly n: number
  readonly h: number
  readonly w: number
  readonly c: number
  readonly oh: number
  readonly ow: number
  readonly mode: ResizeMode
  readonly rows?: Rows | undefined
  /** Default f32. Sums are f32 in any case. */
  readonly elem?: FloatElem
  readonly access: readonly Access[]
}

const STRIP = 8

// xRow and yRow are where the rows at hand begin among all `size` rows of x, and all `out` rows of y.
const PARAMS = `c: u32, h: u32, w: u32, oh: u32, ow: u32, xRow: u32, yRow: u32, size: u32, out: u32,
  aY: i32, bY: i32, dY: i32, aX: i32, bX: i32, dX: i32,`

/** The words of one pass over rows of x and y. */
const paramsOf = (cv: number, { x, y }: Rows, rows: Axis, columns: Axis): number[] => [
  ...[cv, x[1] - x[0], columns.size, y[1] - y[0], columns.out, x[0], y[0], rows.size, rows.out],
  ...wordsOf(rows),
  ...wordsOf(columns),
]

/** y = x resized. Inputs x; outputs y. */
export function resizeBilinear(spec: ResizeSpec): Recipe {
  const { n, h, w, c, oh, ow, mode, elem = 'f32', access } = spec
  const { rows = { x: [0, h], y: [0, oh] } } = spec
  const vec = c % 4 === 0
  const cv = vec ? c / 4 : c
  const type = vec ? 'vec4f' : 'f32'
  const load = (i: string) => (vec ? loadVec : loadScalar)('x', elem, i)
  const kernel = perIndex({
    key: 'resizeBilinear',
    params: `${PARAMS} strips: u32,`,
    bindings: [
      { name: 'x', access: access[0], elem, vec },
      { name: 'y', access: 'read_write', elem, vec },
    ],
    functions: /* wgsl */ `
// Both rows of column ix, mixed by the share f of the lower one.
fn column(top: u32, bottom: u32, f: f32, ix: u32, c: u32) -> ${type} {
  return (1.0 - f) * ${load('(top + ix) * p.c + c')} + f * ${load('(bottom + ix) * p.c + c')};
}`,
    body: /* wgsl */ `
  let strip = i / p.c;
  let c = i - strip * p.c;
  let row = strip / p.strips;
  let n = row / p.oh;
  let begin = (strip - row * p.strips) * ${STRIP}u;
  let sy = u32(max(i32(row - n * p.oh + p.yRow) * p.aY + p.bY, 0));
  let low = min(sy / u32(p.dY), p.size - 1u);
  let fy = select(f32(sy - low * u32(p.dY)) / f32(p.dY), 0.0, low == p.size - 1u);
  let top = (n * p.h + low - p.xRow) * p.w;
  let bottom = (n * p.h + min(low + 1u, p.size - 1u) - p.xRow) * p.w;
  // s(ox) · d, which may be negative before the first pixel, as a whole pixel and a rest.
  let d = u32(p.dX);
  var s = i32(begin) * p.aX + p.bX;
  var ix = u32(max(s, 0)) / d;
  var left = column(top, bottom, fy, min(ix, p.w - 1u), c);
  var right = column(top, bottom, fy, min(ix + 1u, p.w - 1u), c);
  var at = (row * p.ow + begin) * p.c + c;
  for (var k = 0u; k < min(${STRIP}u, p.ow - begin); k++) {
    var rest = u32(max(s, 0)) - ix * d;
    if (rest >= d) {
      let steps = rest / d;
      ix += steps;
      rest -= steps * d;
      left = right;
      if (steps > 1u) { left = column(top, bottom, fy, min(ix, p.w - 1u), c); }
      right = column(top, bottom, fy, min(ix + 1u, p.w - 1u), c);
    }
    let f = select(f32(rest) / f32(d), 0.0, ix >= p.w - 1u);
    ${(vec ? storeVec : storeScalar)('y', elem, 'at', '(1.0 - f) * left + f * right')}
    at += p.c;
    s += p.aX;
  }`,
  })
  const strips = Math.ceil(ow / STRIP)
  const params = [...paramsOf(cv, rows, axisOf(mode, h, oh), axisOf(mode, w, ow)), strips]
  const count = n * (rows.y[1] - rows.y[0]) * strips * cv
  return { scratch: [], dispatches: [overIndex(kernel, count, [input(0), output(0)], ...params)] }
}

/** dx = the adjoint of resizeBilinear applied to dy. Inputs dy; outputs dx. `split` does columns, then rows (scratch: dy's
 * bytes · w/ow): each dy is read by 2 pixels of each pass instead of by 4, and there are oh/h times more invocations. */
export function resizeBilinearGrad(spec: ResizeSpec & { readonly split?: boolean }): Recipe {
  const { n, h, w, c, oh, ow, mode, elem = 'f32', access, split } = spec
  const { rows = { x: [0, h], y: [0, oh] } } = spec
  const cv = c % 4 === 0 ? c / 4 : c
  const [height, width] = [axisOf(mode, h, oh), axisOf(mode, w, ow)]
  const step = (from: Access, x: FloatElem, y: FloatElem) => gather(c % 4 === 0, from, x, y)
  const [xRows, yRows] = [rows.x[1] - rows.x[0], rows.y[1] - rows.y[0]]
  if (!split) {
    const params = paramsOf(cv, rows, height, width)
    const slots = [input(0), output(0)]
    return {
      scratch: [],
      dispatches: [overIndex(step(access[0], elem, elem), n * xRows * w * cv, slots, ...params)],
    }
  }
  const same = (size: number): Axis => ({ size, out: size, a: 1, b: 0, d: 1 })
  const all: Rows = { x: [0, yRows], y: [0, yRows] }
  const first = paramsOf(cv, all, same(yRows), width)
  const second = paramsOf(cv, rows, height, same(w))
  return {
    scratch: [n * yRows * w * c * 4],
    dispatches: [
      overIndex(step(access[0], elem, 'f32'), n * yRows * w * cv, [input(0), scratch(0)], ...first),
      overIndex(
        step('read_write', 'f32', elem),
        n * xRows * w * cv,
        [scratch(0), output(0)],
        ...second,
      ),
    ],
  }
}

const gather = (vec: boolean, access: Access, x: FloatElem, y: FloatElem) =>
  perIndex({
    key: 'resizeBilinearGrad',
    params: PARAMS,
    bindings: [
      { name: 'dy', access, elem: x, vec },
      { name: 'dx', access: 'read_write', elem: y, vec },
    ],
    functions: /* wgsl */ `
// The outputs whose position is strictly between i − 1 and i + 1; the first and last pixel own what is beyond them.
fn begin(i: u32, a: i32, b: i32, d: i32) -> u32 {
  let s = (i32(i) - 1) * d - b;
  if (i == 0u || s < 0) { return 0u; }
  return u32(s) / max(u32(a), 1u) + 1u;
}
fn end(i: u32, a: i32, b: i32, d: i32, size: u32, out: u32) -> u32 {
  let s = (i32(i) + 1) * d - b;
  if (i == size - 1u) { return out; }
  return min(u32(max(s, 0) + a - 1) / max(u32(a), 1u), out);
}
fn weight(o: u32, i: u32, a: i32, b: i32, d: i32, size: u32) -> f32 {
  let s = max(i32(o) * a + b, 0) - i32(i) * d;
  if (i == size - 1u && s >= 0) { return 1.0; }
  let f = f32(select(s, s + d, s < 0)) / f32(d);
  return select(1.0 - f, f, s < 0);
}`,
    body: /* wgsl */ `
  let pixel = i / p.c;
  let c = i - pixel * p.c;
  let row = pixel / p.w;
  let ix = pixel - row * p.w;
  let n = row / p.h;
  let iy = row - n * p.h + p.xRow;
  let oxBegin = begin(ix, p.aX, p.bX, p.dX);
  let oxEnd = end(ix, p.aX, p.bX, p.dX, p.w, p.ow);
  let oyBegin = max(begin(iy, p.aY, p.bY, p.dY), p.yRow);
  let oyEnd = min(end(iy, p.aY, p.bY, p.dY, p.size, p.out), p.yRow + p.oh);
  var sum = ${vec ? 'vec4f' : 'f32'}();
  for (var oy = oyBegin; oy < oyEnd; oy++) {
    let at = (n * p.oh + oy - p.yRow) * p.ow;
    var line = ${vec ? 'vec4f' : 'f32'}();
    for (var ox = oxBegin; ox < oxEnd; ox++) {
      line += weight(ox, ix, p.aX, p.bX, p.dX, p.w) * ${(vec ? loadVec : loadScalar)('dy', x, '(at + ox) * p.c + c')};
    }
    sum += weight(oy, iy, p.aY, p.bY, p.dY, p.size) * line;
  }
  ${(vec ? storeVec : storeScalar)('dx', y, 'i', 'sum')}`,
  })

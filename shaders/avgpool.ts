// Average pooling and its adjoint.
//
//   avgPool      y[n, oy, ox, c]  = Σ over the window's taps inside x / D(oy, ox)
//   avgPoolGrad  dx[n, iy, ix, c] = Σ dy[n, oy, ox, c] / D(oy, ox) over the windows that contain (iy, ix)
//
//   iy = oy·stride − top + ky    ky ∈ [0, kh)
//   D = the number of the window's cells that count: those inside x, or inside x and its padding
//
// As in max pooling, the adjoint is a gather in a fixed order, coordinates are counted from the padding's corner, every
// window has a tap inside x, and one invocation makes a strip of neighbours of one row.

import { input, loadVec, output, overIndex, perIndex, type Recipe, storeVec } from './kernel.ts'
import { type PoolSpec, STRIP } from './pool.ts'

export interface AvgPoolSpec extends Omit<PoolSpec, 'dilation' | 'indexElem'> {
  /** The cells that count, from the padding's corner: [y begin, x begin, y end, x end]. */
  readonly counted: readonly [number, number, number, number]
}

/** y = means. Inputs x; outputs y [n, oh, ow, c]. */
export const avgPool = (spec: AvgPoolSpec): Recipe =>
  pooling(spec, {
    name: 'avgPool',
    size: [spec.oh, spec.ow],
    begin: /* wgsl */ `
  let y0 = (row - n * p.oh) * p.sh;
  let yBegin = max(y0, p.top);
  let yEnd = min(y0 + p.kh, p.top + p.h);
  let rows = cells(y0, p.kh, p.y0, p.y1);
  var x0 = begin * p.sw;`,
    make: /* wgsl */ `
    let xEnd = min(x0 + p.kw, p.left + p.w);
    for (var iy = yBegin; iy < yEnd; iy++) {
      let line = (n * p.h + iy - p.top) * p.w - p.left;
      for (var ix = max(x0, p.left); ix < xEnd; ix++) { sum += load((line + ix) * p.c + c); }
    }
    sum /= rows * cells(x0, p.kw, p.x0, p.x1);`,
    next: 'x0 += p.sw;',
  })

/** dx = the adjoint of avgPool applied to dy. Inputs dy; outputs dx [n, h, w, c]. */
export const avgPoolGrad = (spec: AvgPoolSpec): Recipe =>
  pooling(spec, {
    name: 'avgPoolGrad',
    size: [spec.h, spec.w],
    begin: /* wgsl */ `
  let iy = row - n * p.h + p.top;
  let oyBegin = (max(iy + 1u, p.kh) - p.kh + p.sh - 1u) / p.sh;
  // In a window onto a larger map, rows before the first pooling window are negative.
  let oyEnd = select(min(iy / p.sh + 1u, p.oh), 0u, i32(iy) < 0);
  var ix = begin + p.left;
  var oxBegin = (max(ix + 1u, p.kw) - p.kw + p.sw - 1u) / p.sw;
  var oxEnd = ix / p.sw + 1u;`,
    make: /* wgsl */ `
    for (var oy = oyBegin; oy < oyEnd; oy++) {
      let line = (n * p.oh + oy) * p.ow;
      let rows = cells(oy * p.sh, p.kh, p.y0, p.y1);
      for (var ox = oxBegin; ox < min(oxEnd, p.ow); ox++) {
        sum += load((line + ox) * p.c + c) / (rows * cells(ox * p.sw, p.kw, p.x0, p.x1));
      }
    }`,
    next: /* wgsl */ `
    ix++;
    if (oxBegin * p.sw + p.kw <= ix) { oxBegin++; }
    if (oxEnd * p.sw <= ix) { oxEnd++; }`,
  })

/** A kernel from x to y [n, …size, c]: `begin` prepares for a strip of row `row` in image n, `make` makes `sum` of the
 * strip's next element, and `next` goes on from it. */
function pooling(
  spec: AvgPoolSpec,
  part: {
    name: string
    size: readonly [number, number]
    begin: string
    make: string
    next: string
  },
): Recipe {
  const { n, h, w, c, oh, ow, kernel, stride, pad, counted, elem = 'f32', access } = spec
  const [rows, columns] = part.size
  const vec = c % 4 === 0
  const cv = vec ? c / 4 : c
  const type = vec ? 'vec4f' : 'f32'
  const code = perIndex({
    key: part.name,
    params: `c: u32, h: u32, w: u32, oh: u32, ow: u32, kh: u32, kw: u32, sh: u32, sw: u32,
  top: u32, left: u32, y0: i32, x0: i32, y1: i32, x1: i32, rows: u32, columns: u32, strips: u32,`,
    bindings: [
      { name: 'x', access: access[0], elem, vec },
      { name: 'y', access: 'read_write', elem, vec },
    ],
    functions: /* wgsl */ `
// How many cells of the window that begins at at count, along one axis.
fn cells(at: u32, k: u32, begin: i32, end: i32) -> f32 {
  return f32(min(i32(at + k), end) - max(i32(at), begin));
}
fn load(i: u32) -> ${type} { return ${vec ? loadVec('x', elem, 'i') : 'f32(x[i])'}; }`,
    body: /* wgsl */ `
  let strip = i / p.c;
  let c = i - strip * p.c;
  let row = strip / p.strips;
  let begin = (strip - row * p.strips) * ${STRIP}u;
  let n = row / p.rows;
  var to = (row * p.columns + begin) * p.c + c;${part.begin}
  for (var step = 0u; step < min(${STRIP}u, p.columns - begin); step++) {
    var sum = ${type}();${part.make}
    ${vec ? storeVec('y', elem, 'to', 'sum') : `y[to] = ${elem === 'f16' ? 'f16(sum)' : 'sum'};`}
    to += p.c;
    ${part.next}
  }`,
  })
  const strips = Math.ceil(columns / STRIP)
  const place = [rows, columns, strips]
  const params = [cv, h, w, oh, ow, ...kernel, ...stride, ...pad, ...counted, ...place]
  const slots = [input(0), output(0)]
  return { scratch: [], dispatches: [overIndex(code, n * rows * strips * cv, slots, ...params)] }
}

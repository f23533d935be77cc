// Average pooling and its adjoint.
//
//   avgPool      y[n, oy, ox, c]  = Σ over the window's taps inside x / D(oy, ox)
//   avgPoolGrad  dx[n, iy, ix, c] = Σ dy[n, oy, ox, c] / D(oy, ox) over the windows that contain (iy, ix)
//
//   iy = oy·stride − top + ky    ky ∈ [0, kh)
//   D = the number of the window's cells that count: those inside x, or inside x and its padding
//
// As in max pooling, the adjoint is a gather in a fixed order, coordinates are counted from the padding's corner, and
// every window has a tap inside x.

import { input, loadVec, output, overIndex, perIndex, type Recipe, storeVec } from './kernel.ts'
import type { PoolSpec } from './pool.ts'

export interface AvgPoolSpec extends Omit<PoolSpec, 'dilation' | 'indexElem'> {
  /** The cells that count, from the padding's corner: [y begin, x begin, y end, x end]. */
  readonly counted: readonly [number, number, number, number]
}

/** y = means. Inputs x; outputs y [n, oh, ow, c]. */
export const avgPool = (spec: AvgPoolSpec): Recipe =>
  pooling(
    spec,
    'avgPool',
    spec.oh * spec.ow,
    /* wgsl */ `
  let ox = pixel % p.ow;
  pixel /= p.ow;
  let oy = pixel % p.oh;
  let n = pixel / p.oh;
  let yEnd = min(oy * p.sh + p.kh, p.top + p.h);
  let xEnd = min(ox * p.sw + p.kw, p.left + p.w);
  for (var iy = max(oy * p.sh, p.top); iy < yEnd; iy++) {
    let row = (n * p.h + iy - p.top) * p.w - p.left;
    for (var ix = max(ox * p.sw, p.left); ix < xEnd; ix++) { sum += load((row + ix) * p.c + c); }
  }
  sum /= cells(oy * p.sh, p.kh, p.y0, p.y1) * cells(ox * p.sw, p.kw, p.x0, p.x1);`,
  )

/** dx = the adjoint of avgPool applied to dy. Inputs dy; outputs dx [n, h, w, c]. */
export const avgPoolGrad = (spec: AvgPoolSpec): Recipe =>
  pooling(
    spec,
    'avgPoolGrad',
    spec.h * spec.w,
    /* wgsl */ `
  let ix = pixel % p.w + p.left;
  pixel /= p.w;
  let iy = pixel % p.h + p.top;
  let n = pixel / p.h;
  // In a window onto a larger map, rows before the first pooling window are negative.
  let oyEnd = select(min(iy / p.sh + 1u, p.oh), 0u, i32(iy) < 0);
  let oxEnd = min(ix / p.sw + 1u, p.ow);
  let oxBegin = (max(ix + 1u, p.kw) - p.kw + p.sw - 1u) / p.sw;
  for (var oy = (max(iy + 1u, p.kh) - p.kh + p.sh - 1u) / p.sh; oy < oyEnd; oy++) {
    let row = (n * p.oh + oy) * p.ow;
    let rows = cells(oy * p.sh, p.kh, p.y0, p.y1);
    for (var ox = oxBegin; ox < oxEnd; ox++) {
      sum += load((row + ox) * p.c + c) / (rows * cells(ox * p.sw, p.kw, p.x0, p.x1));
    }
  }`,
  )

/** A kernel from x to y over `pixels` per image, whose body knows c and pixel and makes sum. */
function pooling(spec: AvgPoolSpec, name: string, pixels: number, body: string): Recipe {
  const { n, h, w, c, oh, ow, kernel, stride, pad, counted, elem = 'f32', access } = spec
  const vec = c % 4 === 0
  const cv = vec ? c / 4 : c
  const type = vec ? 'vec4f' : 'f32'
  const code = perIndex({
    key: name,
    params: `c: u32, h: u32, w: u32, oh: u32, ow: u32, kh: u32, kw: u32, sh: u32, sw: u32,
  top: u32, left: u32, y0: i32, x0: i32, y1: i32, x1: i32,`,
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
    body: `
  let c = i % p.c;
  var pixel = i / p.c;
  var sum = ${type}();${body}
  ${vec ? storeVec('y', elem, 'i', 'sum') : `y[i] = ${elem === 'f16' ? 'f16(sum)' : 'sum'};`}`,
  })
  const params = [cv, h, w, oh, ow, ...kernel, ...stride, ...pad, ...counted]
  const slots = [input(0), output(0)]
  return { scratch: [], dispatches: [overIndex(code, n * pixels * cv, slots, ...params)] }
}

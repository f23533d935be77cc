// Average pooling and its adjoint.
//
//   avgPool      y[n, oy, ox, c]  = Σ over the window's taps inside x / D(oy, ox)
//   avgPoolGrad  dx[n, iy, ix, c] = Σ dy[n, oy, ox, c] / D(oy, ox) over the windows that contain (iy, ix)
//
//   iy = oy·stride − top + ky    ky ∈ [0, kh)
//   D = the number of taps inside x ('valid') or inside x and its padding ('padded')
//
// As in max pooling, the adjoint is a gather in a fixed order, coordinates are counted from the padding's corner, so that
// nothing is negative, and every window has a tap inside x.

import { input, loadVec, output, overIndex, perIndex, type Recipe, storeVec } from './kernel.ts'
import type { PoolSpec } from './pool.ts'

export interface AvgPoolSpec extends Omit<PoolSpec, 'dilation' | 'indexElem'> {
  readonly divisor: 'padded' | 'valid'
  /** Height and width of x with all its padding. */
  readonly padded: readonly [number, number]
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
  sum /= taps(oy * p.sh, p.kh, p.top, p.h, p.ph) * taps(ox * p.sw, p.kw, p.left, p.w, p.pw);`,
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
  let oyEnd = min(iy / p.sh + 1u, p.oh);
  let oxEnd = min(ix / p.sw + 1u, p.ow);
  let oxBegin = (max(ix + 1u, p.kw) - p.kw + p.sw - 1u) / p.sw;
  for (var oy = (max(iy + 1u, p.kh) - p.kh + p.sh - 1u) / p.sh; oy < oyEnd; oy++) {
    let row = (n * p.oh + oy) * p.ow;
    let rows = taps(oy * p.sh, p.kh, p.top, p.h, p.ph);
    for (var ox = oxBegin; ox < oxEnd; ox++) {
      sum += load((row + ox) * p.c + c) / (rows * taps(ox * p.sw, p.kw, p.left, p.w, p.pw));
    }
  }`,
  )

/** A kernel from x to y over `pixels` per image, whose body knows c and pixel and makes sum. */
function pooling(spec: AvgPoolSpec, name: string, pixels: number, body: string): Recipe {
  const { n, h, w, c, oh, ow, kernel, stride, pad, padded, divisor, elem = 'f32', access } = spec
  const vec = c % 4 === 0
  const cv = vec ? c / 4 : c
  const type = vec ? 'vec4f' : 'f32'
  const count = divisor === 'valid' ? 'min(at + k, pad + size) - max(at, pad)' : 'min(k, end - at)'
  const code = perIndex({
    key: `${name}/${divisor}`,
    params: `c: u32, h: u32, w: u32, oh: u32, ow: u32, kh: u32, kw: u32, sh: u32, sw: u32,
  top: u32, left: u32, ph: u32, pw: u32,`,
    bindings: [
      { name: 'x', access: access[0], elem, vec },
      { name: 'y', access: 'read_write', elem, vec },
    ],
    functions: /* wgsl */ `
// The divisor of one axis, of the window that begins at at; the padded axis ends at end.
fn taps(at: u32, k: u32, pad: u32, size: u32, end: u32) -> f32 { return f32(${count}); }
fn load(i: u32) -> ${type} { return ${vec ? loadVec('x', elem, 'i') : 'f32(x[i])'}; }`,
    body: `
  let c = i % p.c;
  var pixel = i / p.c;
  var sum = ${type}();${body}
  ${vec ? storeVec('y', elem, 'i', 'sum') : `y[i] = ${elem === 'f16' ? 'f16(sum)' : 'sum'};`}`,
  })
  const params = [cv, h, w, oh, ow, ...kernel, ...stride, ...pad, ...padded]
  const slots = [input(0), output(0)]
  return { scratch: [], dispatches: [overIndex(code, n * pixels * cv, slots, ...params)] }
}

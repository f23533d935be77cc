// Average pooling and its adjoint.
//
//   avgPool      y[n, oy, ox, c]  = Σ over the window's taps inside x / D(oy, ox)
//   avgPoolGrad  dx[n, iy, ix, c] = Σ dy[n, oy, ox, c] / D(oy, ox) over the windows that contain (iy, ix)
//
//   iy = oy·stride − top + ky    ky ∈ [0, kh)        D = kh·kw ('kernel') or the number of taps inside x ('valid')
//
// As in max pooling, the adjoint is a gather in a fixed order, and coordinates are counted from the padding's corner, so that
// nothing is negative. A window without any tap inside gives 0.

import { input, output, overIndex, perIndex, type Recipe } from './kernel.ts'
import type { PoolSpec } from './pool.ts'

export interface AvgPoolSpec extends Omit<PoolSpec, 'dilation' | 'indexElem'> {
  readonly divisor: 'kernel' | 'valid'
}

/** y = means. Inputs x; outputs y [n, oh, ow, c]. */
export const avgPool = (spec: AvgPoolSpec): Recipe =>
  pooling(
    spec,
    'avgPool',
    spec.oh * spec.ow,
    (type) => /* wgsl */ `
  let ox = pixel % p.ow;
  pixel /= p.ow;
  let oy = pixel % p.oh;
  let n = pixel / p.oh;
  let yEnd = min(oy * p.sh + p.kh, p.top + p.h);
  let xEnd = min(ox * p.sw + p.kw, p.left + p.w);
  var sum = ${type}();
  for (var iy = max(oy * p.sh, p.top); iy < yEnd; iy++) {
    let row = (n * p.h + iy - p.top) * p.w - p.left;
    for (var ix = max(ox * p.sw, p.left); ix < xEnd; ix++) { sum += x[(row + ix) * p.c + c]; }
  }
  y[i] = sum / (inside(oy * p.sh, p.kh, p.top, p.h) * inside(ox * p.sw, p.kw, p.left, p.w));`,
  )

/** dx = the adjoint of avgPool applied to dy. Inputs dy; outputs dx [n, h, w, c]. */
export const avgPoolGrad = (spec: AvgPoolSpec): Recipe =>
  pooling(
    spec,
    'avgPoolGrad',
    spec.h * spec.w,
    (type) => /* wgsl */ `
  let ix = pixel % p.w + p.left;
  pixel /= p.w;
  let iy = pixel % p.h + p.top;
  let n = pixel / p.h;
  let oyEnd = min(iy / p.sh + 1u, p.oh);
  let oxEnd = min(ix / p.sw + 1u, p.ow);
  let oxBegin = (max(ix + 1u, p.kw) - p.kw + p.sw - 1u) / p.sw;
  var sum = ${type}();
  for (var oy = (max(iy + 1u, p.kh) - p.kh + p.sh - 1u) / p.sh; oy < oyEnd; oy++) {
    let row = (n * p.oh + oy) * p.ow;
    let rows = inside(oy * p.sh, p.kh, p.top, p.h);
    for (var ox = oxBegin; ox < oxEnd; ox++) {
      sum += x[(row + ox) * p.c + c] / (rows * inside(ox * p.sw, p.kw, p.left, p.w));
    }
  }
  y[i] = sum;`,
  )

/** A kernel from x to y over `pixels` per image, whose body knows c, pixel and the number of taps inside. */
function pooling(
  spec: AvgPoolSpec,
  name: string,
  pixels: number,
  body: (type: string) => string,
): Recipe {
  const { n, h, w, c, oh, ow, kernel, stride, pad, divisor, access } = spec
  const vec = c % 4 === 0
  const cv = vec ? c / 4 : c
  const taps =
    divisor === 'valid' ? 'max(min(at + k, pad + size), max(at, pad) + 1u) - max(at, pad)' : 'k'
  const code = perIndex({
    key: `${name}/${divisor}`,
    params: `c: u32, h: u32, w: u32, oh: u32, ow: u32, kh: u32, kw: u32, sh: u32, sw: u32,
  top: u32, left: u32,`,
    bindings: [
      { name: 'x', access: access[0], elem: 'f32', vec },
      { name: 'y', access: 'read_write', elem: 'f32', vec },
    ],
    functions: /* wgsl */ `
// The divisor of one axis, of the window that begins at at.
fn inside(at: u32, k: u32, pad: u32, size: u32) -> f32 { return f32(${taps}); }`,
    body: `
  let c = i % p.c;
  var pixel = i / p.c;${body(vec ? 'vec4f' : 'f32')}`,
  })
  const params = [cv, h, w, oh, ow, ...kernel, ...stride, ...pad]
  const slots = [input(0), output(0)]
  return { scratch: [], dispatches: [overIndex(code, n * pixels * cv, slots, ...params)] }
}

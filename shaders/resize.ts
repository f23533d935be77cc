// Bilinear resizing and its adjoint, both axes at once, in all three conventions for where pixels lie.
//
//   half-pixel     s(o) = max(0, (o + ½)·in/out − ½)      pixels are squares; the default of most frameworks
//   align-corners  s(o) = o·(in − 1)/(out − 1)            pixels are points, first and last coincide
//   asymmetric     s(o) = o·in/out                        pixels are points, the first coincides; ×2 inserts means
//
//   y[n, oy, ox, c] = Σ_iy Σ_ix v(oy, iy) · u(ox, ix) · x[n, iy, ix, c]
//   v(o, i) = 1 − |s(o) − i| where that is positive, and 1 for the last i where s(o) is beyond it
//
// Every s(o) is a fraction max(0, o·A + B) / D of integers, so positions are exact: ⌊s⌋ by integer division, and the
// weight from the remainder. The adjoint (dx = the same sum over outputs) is a gather: the outputs that touch input i are an
// interval, found by two divisions, and their weights are the forward's own, so that the two are exact transposes. All
// three conventions, up and down, share one pipeline each way. There is no antialiasing: down-sampling skips pixels.

import { type Access, input, output, overIndex, perIndex, type Recipe, scratch } from './kernel.ts'

export type ResizeMode = 'half-pixel' | 'align-corners' | 'asymmetric'

/** x is [n, h, w, c], its resized form [n, oh, ow, c]; in·out of one axis is below 2²⁸. */
export interface ResizeSpec {
  readonly n: number
  readonly h: number
  readonly w: number
  readonly c: number
  readonly oh: number
  readonly ow: number
  readonly mode: ResizeMode
  readonly access: readonly Access[]
}

/** [A, B, D] with s(o) = max(0, o·A + B) / D, in lowest terms. */
function coordinate(mode: ResizeMode, size: number, out: number): readonly number[] {
  const terms =
    mode === 'half-pixel'
      ? [2 * size, size - out, 2 * out]
      : mode === 'asymmetric'
        ? [size, 0, out]
        : [size - 1, 0, Math.max(1, out - 1)]
  const gcd = (a: number, b: number): number => (b === 0 ? Math.abs(a) : gcd(b, a % b))
  const divisor = terms.reduce(gcd)
  return terms.map((t) => t / divisor)
}

const PARAMS = `c: u32, h: u32, w: u32, oh: u32, ow: u32,
  aY: i32, bY: i32, dY: i32, aX: i32, bX: i32, dX: i32,`

/** y = x resized. Inputs x; outputs y [n, oh, ow, c]. */
export function resizeBilinear(spec: ResizeSpec): Recipe {
  const { n, h, w, c, oh, ow, mode, access } = spec
  const vec = c % 4 === 0
  const cv = vec ? c / 4 : c
  const kernel = perIndex({
    key: 'resizeBilinear',
    params: PARAMS,
    bindings: [
      { name: 'x', access: access[0], elem: 'f32', vec },
      { name: 'y', access: 'read_write', elem: 'f32', vec },
    ],
    functions: /* wgsl */ `
struct Tap { low: u32, high: u32, f: f32 }
fn tap(o: u32, a: i32, b: i32, d: i32, size: u32) -> Tap {
  let s = u32(max(i32(o) * a + b, 0));
  let low = min(s / u32(d), size - 1u);
  let f = f32(s - low * u32(d)) / f32(d);
  return Tap(low, min(low + 1u, size - 1u), select(f, 0.0, low == size - 1u));
}`,
    body: /* wgsl */ `
  let c = i % p.c;
  var pixel = i / p.c;
  let ox = pixel % p.ow;
  pixel /= p.ow;
  let oy = pixel % p.oh;
  let n = pixel / p.oh;
  let ty = tap(oy, p.aY, p.bY, p.dY, p.h);
  let tx = tap(ox, p.aX, p.bX, p.dX, p.w);
  let top = (n * p.h + ty.low) * p.w;
  let bottom = (n * p.h + ty.high) * p.w;
  let above = (1.0 - tx.f) * x[(top + tx.low) * p.c + c] + tx.f * x[(top + tx.high) * p.c + c];
  let below = (1.0 - tx.f) * x[(bottom + tx.low) * p.c + c] + tx.f * x[(bottom + tx.high) * p.c + c];
  y[i] = (1.0 - ty.f) * above + ty.f * below;`,
  })
  const axes = [...coordinate(mode, h, oh), ...coordinate(mode, w, ow)]
  const params = [cv, h, w, oh, ow, ...axes]
  const slots = [input(0), output(0)]
  return { scratch: [], dispatches: [overIndex(kernel, n * oh * ow * cv, slots, ...params)] }
}

/** dx = the adjoint of resizeBilinear applied to dy. Inputs dy [n, oh, ow, c]; outputs dx [n, h, w, c].
 * `split` does columns, then rows (scratch: n·oh·w·c floats): each dy is read by 2 pixels of each pass instead of by 4,
 * and there are oh/h times more invocations. */
export function resizeBilinearGrad(spec: ResizeSpec & { readonly split?: boolean }): Recipe {
  const { n, h, w, c, oh, ow, mode, access, split } = spec
  const cv = c % 4 === 0 ? c / 4 : c
  const rows = coordinate(mode, h, oh)
  const columns = coordinate(mode, w, ow)
  const same = [1, 0, 1]
  const step = (from: Access) => gather(c % 4 === 0, from)
  if (!split) {
    const params = [cv, h, w, oh, ow, ...rows, ...columns]
    const slots = [input(0), output(0)]
    return {
      scratch: [],
      dispatches: [overIndex(step(access[0]), n * h * w * cv, slots, ...params)],
    }
  }
  const first = [cv, oh, w, oh, ow, ...same, ...columns]
  const second = [cv, h, w, oh, w, ...rows, ...same]
  return {
    scratch: [n * oh * w * c * 4],
    dispatches: [
      overIndex(step(access[0]), n * oh * w * cv, [input(0), scratch(0)], ...first),
      overIndex(step('read_write'), n * h * w * cv, [scratch(0), output(0)], ...second),
    ],
  }
}

const gather = (vec: boolean, access: Access) =>
  perIndex({
    key: 'resizeBilinearGrad',
    params: PARAMS,
    bindings: [
      { name: 'dy', access, elem: 'f32', vec },
      { name: 'dx', access: 'read_write', elem: 'f32', vec },
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
  let c = i % p.c;
  var pixel = i / p.c;
  let ix = pixel % p.w;
  pixel /= p.w;
  let iy = pixel % p.h;
  let n = pixel / p.h;
  let oxBegin = begin(ix, p.aX, p.bX, p.dX);
  let oxEnd = end(ix, p.aX, p.bX, p.dX, p.w, p.ow);
  let oyEnd = end(iy, p.aY, p.bY, p.dY, p.h, p.oh);
  var sum = ${vec ? 'vec4f' : 'f32'}();
  for (var oy = begin(iy, p.aY, p.bY, p.dY); oy < oyEnd; oy++) {
    let row = (n * p.oh + oy) * p.ow;
    var line = ${vec ? 'vec4f' : 'f32'}();
    for (var ox = oxBegin; ox < oxEnd; ox++) {
      line += weight(ox, ix, p.aX, p.bX, p.dX, p.w) * dy[(row + ox) * p.c + c];
    }
    sum += weight(oy, iy, p.aY, p.bY, p.dY, p.h) * line;
  }
  dx[i] = sum;`,
  })

// Max pooling: forward with where each maximum was, gradient, the gradient's gradient, and positions in the map.
//
//   maxPool           y[n, oy, ox, c]  = max over the window's taps inside x;  index = ky·kw + kx of that tap
//   maxPoolGrad       dx[n, iy, ix, c] = Σ dy[n, oy, ox, c] over the windows whose index points at (iy, ix)
//   maxPoolGather     y[n, oy, ox, c]  = x[n, at the index of (oy, ox), c]
//   maxPoolPositions  p[n, oy, ox, c]  = iy·w + ix of the index
//
//   iy = oy·stride − top + ky·dilation        ky ∈ [0, kh)        (the same for x)
//
// The first maximum in row-major order wins, and the first NaN wins over every number. (PyTorch lets the last NaN win;
// which of several NaNs gets the gradient is of no use to anyone.) Every window must have a tap inside x.
//
// The gradient is a gather: an input pixel asks the windows that contain it, in row-major order, so it needs no
// atomics and always adds in the same order. One invocation makes one vec4 of channels; where c is not a multiple of
// 4, the forward kernel makes four elements one after another, and the others one. In the gradient it makes a strip of
// neighbours of one row, since to find the windows of the first takes longer than to go on from it.

import { fourElements } from './four.ts'
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

/** x is [n, h, w, c], its pooled form [n, oh, ow, c]; pairs are [y, x]. */
export interface PoolSpec {
  readonly n: number
  readonly h: number
  readonly w: number
  readonly c: number
  readonly oh: number
  readonly ow: number
  readonly kernel: readonly [number, number]
  readonly stride: readonly [number, number]
  /** Default 1. */
  readonly dilation?: readonly [number, number]
  /** Rows above and columns to the left of x. */
  readonly pad: readonly [number, number]
  /** Of x and y; default f32. Gradients are floats. */
  readonly elem?: Elem
  /** Default 'u8', which holds kernels of up to 256 taps. */
  readonly indexElem?: 'u8' | 'u32'
  readonly access: readonly Access[]
}

const STRIP = 8
const PARAMS = `c: u32, h: u32, w: u32, oh: u32, ow: u32, kh: u32, kw: u32, sh: u32, sw: u32,
  dh: u32, dw: u32, top: u32, left: u32, total: u32,`

/** What the kernels share: their variant, its types, loads and stores, and the uniform words for it. */
function variant(spec: PoolSpec, vec: boolean) {
  const { n, h, w, c, oh, ow, kernel, stride, dilation = [1, 1], pad } = spec
  const { elem = 'f32', indexElem = 'u8' } = spec
  const dilated = dilation[0] !== 1 || dilation[1] !== 1
  const cv = vec ? c / 4 : c
  const pooled = n * oh * ow * cv
  const load = vec ? loadVec : loadScalar
  return {
    elem,
    indexElem,
    dilated,
    real: vec ? `vec4<${register(elem)}>` : register(elem),
    whole: vec ? 'vec4u' : 'u32',
    pooled,
    params: [cv, h, w, oh, ow, ...kernel, ...stride, ...dilation, ...pad, pooled],
    load: (name: string, i: string) => load(name, elem, i),
    loadIndex: (i: string) => load('index', indexElem, i),
    /** A float. */
    store: (name: string, i: string, value: string) =>
      vec
        ? storeVec(name, elem, i, value)
        : `${name}[${i}] = ${elem === 'f16' ? `f16(${value})` : value};`,
  }
}

/** y = maxima, index = where in the window. Inputs x; outputs y and index, both [n, oh, ow, c]. */
export function maxPool(spec: PoolSpec): Recipe {
  const vec = spec.c % 4 === 0
  const { elem, indexElem, dilated, real, whole, pooled, params, load } = variant(spec, vec)
  const steps = (rows: string, d: string) => (dilated ? `(${rows} + p.${d} - 1u) / p.${d}` : rows)
  const float = elem === 'f32' || elem === 'f16'
  const kernel = perIndex({
    key: `maxPool/${dilated ? 'dilated' : ''}`,
    params: PARAMS,
    bindings: [
      { name: 'x', access: spec.access[0], elem, vec },
      { name: 'y', access: 'read_write', elem, vec },
      { name: 'index', access: 'read_write', elem: indexElem, vec },
    ],
    functions: /* wgsl */ `
struct Best { value: ${real}, tap: ${whole} }
fn isNan(v: ${real}) -> ${vec ? 'vec4<bool>' : 'bool'} {
  return (bitcast<${whole}>(v) & ${whole}(0x7fffffffu)) > ${whole}(0x7f800000u);
}
fn pool(e: u32) -> Best {
  let c = e % p.c;
  var pixel = e / p.c;
  let ox = pixel % p.ow;
  pixel /= p.ow;
  let oy = pixel % p.oh;
  let n = pixel / p.oh;
  // Rows and columns of x are counted from the padding's corner, so that nothing is negative.
  let y0 = oy * p.sh;
  let x0 = ox * p.sw;
  let kyBegin = ${steps('max(p.top, y0) - y0', 'dh')};
  let kxBegin = ${steps('max(p.left, x0) - x0', 'dw')};
  let kyEnd = min(p.kh, ${steps('p.top + p.h - y0', 'dh')});
  let kxEnd = min(p.kw, ${steps('p.left + p.w - x0', 'dw')});
  let corner = (n * p.h + y0 - p.top) * p.w + x0 - p.left;
  let first = (corner + kyBegin * p.dh * p.w + kxBegin * p.dw) * p.c + c;
  var best = ${load('x', 'first')};
  var tap = ${whole}(kyBegin * p.kw + kxBegin);
  for (var ky = kyBegin; ky < kyEnd; ky++) {
    let line = corner + ky * p.dh * p.w;
    for (var kx = kxBegin; kx < kxEnd; kx++) {
      let at = (line + kx * p.dw) * p.c + c;
      let v = ${load('x', 'at')};
      let take = ${float ? '((v > best) | isNan(v)) & !isNan(best)' : 'v > best'};
      best = select(best, v, take);
      tap = select(tap, ${whole}(ky * p.kw + kx), take);
    }
  }
  return Best(best, tap);
}`,
    body: vec
      ? /* wgsl */ `
  let b = pool(i);
  ${storeVec('y', elem, 'i', 'b.value')}
  ${storeVec('index', indexElem, 'i', 'b.tap')}`
      : fourElements('let b = pool(e);', [
          { name: 'y', elem, value: 'b.value' },
          { name: 'index', elem: indexElem, value: 'b.tap' },
        ]),
  })
  const count = vec ? pooled : Math.ceil(pooled / 4)
  const slots = [input(0), output(0), output(1)]
  return { scratch: [], dispatches: [overIndex(kernel, count, slots, ...params)] }
}

/** dx = the gradient of maxPool. Inputs dy, index; outputs dx [n, h, w, c]. */
export function maxPoolGrad(spec: PoolSpec): Recipe {
  const vec = spec.c % 4 === 0
  const { elem, indexElem, dilated, real, whole, params, load, loadIndex, store } = variant(
    spec,
    vec,
  )
  const tap = (axis: string) =>
    dilated
      ? `if (u${axis} % p.d${axis} != 0u) { continue; } let k${axis} = u${axis} / p.d${axis};`
      : `let k${axis} = u${axis};`
  const kernel = perIndex({
    key: `maxPoolGrad/${dilated ? 'dilated' : ''}`,
    params: `${PARAMS} strips: u32,`,
    bindings: [
      { name: 'dy', access: spec.access[0], elem, vec },
      { name: 'index', access: spec.access[1], elem: indexElem, vec },
      { name: 'dx', access: 'read_write', elem, vec },
    ],
    body: /* wgsl */ `
  let strip = i / p.c;
  let c = i - strip * p.c;
  let row = strip / p.strips;
  let n = row / p.h;
  let begin = (strip - row * p.strips) * ${STRIP}u;
  // From the padding's corner: window oy begins at oy·sh and ends at oy·sh + spanH.
  let iy = row - n * p.h + p.top;
  let spanH = (p.kh - 1u) * p.dh;
  let spanW = (p.kw - 1u) * p.dw;
  let oyBegin = (max(iy, spanH) - spanH + p.sh - 1u) / p.sh;
  // In a window onto a larger map, rows before the first pooling window are negative.
  let oyEnd = select(min(iy / p.sh + 1u, p.oh), 0u, i32(iy) < 0);
  var ix = begin + p.left;
  var oxBegin = (max(ix, spanW) - spanW + p.sw - 1u) / p.sw;
  var oxEnd = ix / p.sw + 1u;
  var to = (row * p.w + begin) * p.c + c;
  for (var step = 0u; step < min(${STRIP}u, p.w - begin); step++) {
    var sum = ${real}();
    for (var oy = oyBegin; oy < oyEnd; oy++) {
      let uh = iy - oy * p.sh;
      ${tap('h')}
      for (var ox = oxBegin; ox < min(oxEnd, p.ow); ox++) {
        let uw = ix - ox * p.sw;
        ${tap('w')}
        let at = ((n * p.oh + oy) * p.ow + ox) * p.c + c;
        sum += select(${real}(), ${load('dy', 'at')}, ${loadIndex('at')} == ${whole}(kh * p.kw + kw));
      }
    }
    ${store('dx', 'to', 'sum')}
    to += p.c;
    ix++;
    if (oxBegin * p.sw + spanW < ix) { oxBegin++; }
    if (oxEnd * p.sw <= ix) { oxEnd++; }
  }`,
  })
  const strips = Math.ceil(spec.w / STRIP)
  const slots = [input(0), input(1), output(0)]
  const count = spec.n * spec.h * strips * params[0]
  return { scratch: [], dispatches: [overIndex(kernel, count, slots, ...params, strips)] }
}

/** WGSL of the pixel (iy, ix) of image n that the index of element i points at. Above the first row or left of the
 * first column a coordinate wraps to a huge number, which is outside too. */
const pointedAt = (index: string) => /* wgsl */ `
  let c = i % p.c;
  var pixel = i / p.c;
  let ox = pixel % p.ow;
  pixel /= p.ow;
  let oy = pixel % p.oh;
  let n = pixel / p.oh;
  let tap = ${index};
  let iy = oy * p.sh + (tap / p.kw) * p.dh - p.top;
  let ix = ox * p.sw + (tap % p.kw) * p.dw - p.left;`

/** y = x where the index points, the adjoint of maxPoolGrad in dy. Inputs x, index; outputs y [n, oh, ow, c].
 * Four channels point at four pixels, so there is no vec4 path. */
export function maxPoolGather(spec: PoolSpec): Recipe {
  const { elem, indexElem, pooled, params, load, loadIndex, store } = variant(spec, false)
  const kernel = perIndex({
    key: 'maxPoolGather',
    params: PARAMS,
    bindings: [
      { name: 'x', access: spec.access[0], elem },
      { name: 'index', access: spec.access[1], elem: indexElem },
      { name: 'y', access: 'read_write', elem },
    ],
    body: /* wgsl */ `${pointedAt(loadIndex('i'))}
  var v = 0.0;
  if (iy < p.h && ix < p.w) { v = ${load('x', '((n * p.h + iy) * p.w + ix) * p.c + c')}; }
  ${store('y', 'i', 'v')}`,
  })
  const slots = [input(0), input(1), output(0)]
  return { scratch: [], dispatches: [overIndex(kernel, pooled, slots, ...params)] }
}

/** positions = iy·w + ix of what the index points at. Inputs index; outputs i32 [n, oh, ow, c]. */
export function maxPoolPositions(spec: PoolSpec): Recipe {
  const vec = spec.c % 4 === 0
  const { indexElem, whole, pooled, params, loadIndex } = variant(spec, vec)
  // Whole numbers divide one lane at a time on software drivers. Of 256 taps the quotient is exact this way too.
  const ky =
    indexElem === 'u8'
      ? `${whole}((${vec ? 'vec4f' : 'f32'}(tap) + 0.5) / f32(p.kw))`
      : 'tap / p.kw'
  const kernel = perIndex({
    key: 'maxPoolPositions',
    params: PARAMS,
    bindings: [
      { name: 'index', access: spec.access[0], elem: indexElem, vec },
      { name: 'y', access: 'read_write', elem: 'u32', vec },
    ],
    body: /* wgsl */ `
  let pixel = i / p.c;
  let row = pixel / p.ow;
  let oy = row % p.oh;
  let tap = ${loadIndex('i')};
  let ky = ${ky};
  let kx = tap - ky * p.kw;
  let corner = (oy * p.sh - p.top) * p.w + (pixel - row * p.ow) * p.sw - p.left;
  y[i] = corner + ky * (p.dh * p.w) + kx * p.dw;`,
  })
  const slots = [input(0), output(0)]
  return { scratch: [], dispatches: [overIndex(kernel, pooled, slots, ...params)] }
}

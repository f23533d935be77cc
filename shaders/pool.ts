// The gradient of max pooling (max-pool.ts), that one's gradient, and what all kernels of max pooling share.
//
//   maxPoolGrad       dx[n, iy, ix, c] = Σ dy[n, oy, ox, c] over the windows whose index points at (iy, ix)
//   maxPoolGather     y[n, oy, ox, c]  = x[n, at the index of (oy, ox), c]
//
//   iy = oy·stride − top + ky·dilation        index = ky·kw + kx        (the same for x)
//
// The gradient is a gather: an input pixel asks the windows that contain it, in row-major order, so it needs no
// atomics and always adds in the same order. One invocation makes one vec4 of channels, or one channel where c is not a
// multiple of 4, of a strip of neighbours of one row, since to find the windows of the first takes longer than to go on
// from it.

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

/** Neighbours of one row that one invocation makes. */
export const STRIP = 8
/** The words that the kernels share, as `poolVariant` has them. */
export const POOL_PARAMS = `c: u32, h: u32, w: u32, oh: u32, ow: u32, kh: u32, kw: u32, sh: u32, sw: u32,
  dh: u32, dw: u32, top: u32, left: u32, total: u32,`

/** What the kernels share: their variant, its types, loads and stores, and the uniform words for it. */
export function poolVariant(spec: PoolSpec, vec: boolean) {
  const { n, h, w, c, oh, ow, kernel, stride, dilation = [1, 1], pad } = spec
  const { elem = 'f32', indexElem = 'u8' } = spec
  const dilated = dilation[0] !== 1 || dilation[1] !== 1
  const cv = vec ? c / 4 : c
  const pooled = n * oh * ow * cv
  const load = vec ? loadVec : loadScalar
  return {
    vec,
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

export type PoolVariant = ReturnType<typeof poolVariant>

/** dx = the gradient of maxPool. Inputs dy, index; outputs dx [n, h, w, c]. */
export function maxPoolGrad(spec: PoolSpec): Recipe {
  const vec = spec.c % 4 === 0
  const { elem, indexElem, dilated, real, whole, params, load, loadIndex, store } = poolVariant(
    spec,
    vec,
  )
  const tap = (axis: string) =>
    dilated
      ? `if (u${axis} % p.d${axis} != 0u) { continue; } let k${axis} = u${axis} / p.d${axis};`
      : `let k${axis} = u${axis};`
  const kernel = perIndex({
    key: `maxPoolGrad/${dilated ? 'dilated' : ''}`,
    params: `${POOL_PARAMS} strips: u32,`,
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
  const { elem, indexElem, pooled, params, load, loadIndex, store } = poolVariant(spec, false)
  const kernel = perIndex({
    key: 'maxPoolGather',
    params: POOL_PARAMS,
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

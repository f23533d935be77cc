// Plain float64 loops that the convolution kernels are compared with. `bound` is the same sum over absolute values: a
// float32 sum may be off by a small multiple of its rounding unit times that.

import type { Geometry } from '../shaders/conv/index.ts'

export interface Reference {
  readonly value: Float64Array
  readonly bound: Float64Array
}

/** Calls `visit` for every product of the convolution: positions in x, w and y. */
function products(g: Geometry, visit: (x: number, w: number, y: number) => void) {
  for (let b = 0; b < g.batch; b++) {
    const [outer, inner] = [Math.floor(b / g.period), b % g.period]
    const [xAt, wAt] = [outer * g.xOuter + inner * g.xBatch, outer * g.wOuter + inner * g.wBatch]
    for (let n = 0; n < g.n; n++)
      for (let oy = 0; oy < g.oh; oy++)
        for (let ox = 0; ox < g.ow; ox++)
          for (let ky = 0; ky < g.kh; ky++)
            for (let kx = 0; kx < g.kw; kx++) {
              const iy = (oy * g.mulY + ky * g.stepY + g.offY) / g.divY
              const ix = (ox * g.mulX + kx * g.stepX + g.offX) / g.divX
              if (!Number.isInteger(iy) || iy < 0 || iy >= g.h) continue
              if (!Number.isInteger(ix) || ix < 0 || ix >= g.w) continue
              const x = xAt + ((n * g.h + iy) * g.w + ix) * g.cin
              const w = wAt + (ky * g.kw + kx) * g.cin * g.cout
              const y = b * g.yBatch + ((n * g.oh + oy) * g.ow + ox) * g.cout
              for (let c = 0; c < g.cin; c++)
                for (let o = 0; o < g.cout; o++) visit(x + c, w + c * g.cout + o, y + o)
            }
  }
}

/** Where the last entry of a batch begins. */
const last = (g: Geometry, outer: number, inner: number) =>
  Math.floor((g.batch - 1) / g.period) * outer + (g.period - 1) * inner

export const sizesOf = (g: Geometry) => ({
  x: last(g, g.xOuter, g.xBatch) + g.n * g.h * g.w * g.cin,
  w: last(g, g.wOuter, g.wBatch) + g.kh * g.kw * g.cin * g.cout,
  y: Math.max(g.n * g.oh * g.ow * g.cout, (g.batch - 1) * g.yBatch + g.oh * g.ow * g.cout),
})

/** Multiply-adds that read inside of x. */
export function macsOf(g: Geometry): number {
  let taps = 0
  products({ ...g, n: 1, batch: 1, cin: 1, cout: 1 }, () => taps++)
  return taps * g.n * g.batch * g.cin * g.cout
}

export function gather(g: Geometry, x: Float32Array, w: Float32Array): Reference {
  const value = new Float64Array(sizesOf(g).y)
  const bound = new Float64Array(value.length)
  products(g, (i, k, o) => {
    value[o] += x[i] * w[k]
    bound[o] += Math.abs(x[i] * w[k])
  })
  return { value, bound }
}

export function weightGrad(g: Geometry, x: Float32Array, dy: Float32Array): Reference {
  const value = new Float64Array(sizesOf(g).w)
  const bound = new Float64Array(value.length)
  products(g, (i, k, o) => {
    value[k] += x[i] * dy[o]
    bound[k] += Math.abs(x[i] * dy[o])
  })
  return { value, bound }
}

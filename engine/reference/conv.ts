// Convolution, its two gradients and the matrix product. The three members of the convolution family are the same
// list of products x·w → y, summed into whichever of the three is the output.

import type { TensorType } from '../dtype.ts'
import type { ConvAttrs } from '../ops/conv-options.ts'
import { broadcastStrides, eachCoordinate, reference, type Value } from './value.ts'

/** Every product of a convolution: indices into x [n, h, w, in], w [kh, kw, in, out] and y [n, oh, ow, out]. */
function eachProduct(
  x: TensorType,
  w: TensorType,
  y: TensorType,
  { stride, dilation, padding: [top, left] }: ConvAttrs,
  visit: (x: number, w: number, y: number) => void,
): void {
  const [n, oh, ow, cout] = y.shape
  const [, height, width, cin] = x.shape
  const [kh, kw] = w.shape
  for (let b = 0; b < n; b++)
    for (let oy = 0; oy < oh; oy++)
      for (let ox = 0; ox < ow; ox++)
        for (let ky = 0; ky < kh; ky++)
          for (let kx = 0; kx < kw; kx++) {
            const iy = oy * stride[0] + ky * dilation[0] - top
            const ix = ox * stride[1] + kx * dilation[1] - left
            if (iy < 0 || iy >= height || ix < 0 || ix >= width) continue
            for (let i = 0; i < cin; i++)
              for (let o = 0; o < cout; o++)
                visit(
                  ((b * height + iy) * width + ix) * cin + i,
                  ((ky * kw + kx) * cin + i) * cout + o,
                  ((b * oh + oy) * ow + ox) * cout + o,
                )
          }
}

const zeros = ({ shape }: TensorType) => new Float64Array(shape.reduce((a, b) => a * b, 1))

/** y[…, i, j] = Σ a[…, i, k] · b[…, k, j], the last two axes of a and b exchanged where they are transposed. */
const product = (transposeA: boolean) =>
  reference<{ readonly transposeB?: boolean }>(([a, b], { transposeB }, [type]) => {
    const rank = type.shape.length
    const steps = (t: Value, transposed?: boolean) => {
      const own = broadcastStrides(t.shape.slice(0, -2), type.shape.slice(0, -2))
      const columns = t.shape[t.shape.length - 1]
      const size = columns * t.shape[t.shape.length - 2]
      return {
        lead: own.map((s) => s * size),
        row: transposed ? 1 : columns,
        column: transposed ? columns : 1,
      }
    }
    const [x, w] = [steps(a, transposeA), steps(b, transposeB)]
    const inner = a.shape[a.shape.length - (transposeA ? 2 : 1)]
    const y = zeros(type)
    eachCoordinate(type.shape, (at, index) => {
      const start = (lead: readonly number[]) => lead.reduce((n, s, axis) => n + s * at[axis], 0)
      const [i, j] = [start(x.lead) + at[rank - 2] * x.row, start(w.lead) + at[rank - 1] * w.column]
      for (let k = 0; k < inner; k++) y[index] += a.data[i + k * x.column] * b.data[j + k * w.row]
    })
    return [y]
  })

export const convReferences = {
  conv2d: reference<ConvAttrs>(([x, w], attrs, [type]) => {
    const y = zeros(type)
    eachProduct(x, w, type, attrs, (i, k, o) => {
      y[o] += x.data[i] * w.data[k]
    })
    return [y]
  }),

  conv2dInputGrad: reference<ConvAttrs>(([dy, w], attrs, [type]) => {
    const dx = zeros(type)
    eachProduct(type, w, dy, attrs, (i, k, o) => {
      dx[i] += dy.data[o] * w.data[k]
    })
    return [dx]
  }),

  conv2dWeightGrad: reference<ConvAttrs>(([x, dy], attrs, [type]) => {
    const dw = zeros(type)
    eachProduct(x, type, dy, attrs, (i, k, o) => {
      dw[k] += x.data[i] * dy.data[o]
    })
    return [dw]
  }),

  matmul: product(false),
  matmulTransposedA: product(true),
}

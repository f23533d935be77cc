// The gather that each member of the convolution family is. (index.ts has the formula.)

import type { ConvSizes, Geometry } from './index.ts'

/** An ordinary convolution. Padding at the bottom and right is what oh and ow imply. */
export interface Conv extends ConvSizes {
  readonly strideY: number
  readonly strideX: number
  readonly dilationY: number
  readonly dilationX: number
  readonly padTop: number
  readonly padLeft: number
}

const none = { xBatch: 0, xOuter: 0, wBatch: 0, wOuter: 0, yBatch: 0 }
const single = { batch: 1, period: 1, ...none, xStart: 0, yStart: 0 }

/** y from x and w; also what the weight gradient walks over, with x and dy. */
export function convGeometry(conv: Conv): Geometry {
  const { n, h, w, cin, oh, ow, cout, kh, kw } = conv
  return {
    ...{ n, h, w, cin, oh, ow, cout, kh, kw },
    mulY: conv.strideY,
    mulX: conv.strideX,
    stepY: conv.dilationY,
    stepX: conv.dilationX,
    offY: -conv.padTop,
    offX: -conv.padLeft,
    divY: 1,
    divX: 1,
    ...single,
  }
}

/** dx from dy and w repacked to [kh, kw, cout, cin]; also the forward of a transposed convolution. */
export function inputGradGeometry(conv: Conv): Geometry {
  const { n, h, w, cin, oh, ow, cout, kh, kw } = conv
  return {
    ...{ n, h: oh, w: ow, cin: cout, oh: h, ow: w, cout: cin, kh, kw },
    mulY: 1,
    mulX: 1,
    stepY: -conv.dilationY,
    stepX: -conv.dilationX,
    offY: conv.padTop,
    offX: conv.padLeft,
    divY: conv.strideY,
    divX: conv.strideX,
    ...single,
  }
}

/** Where the operands of a batch of products are: see index.ts. */
export type Batches = Pick<Geometry, 'batch' | 'period' | 'xBatch' | 'xOuter' | 'wBatch' | 'wOuter'>

/** Products of x [rows, inner] and w [inner, columns]: `batches` of them one after another, or as they are said to lie. */
export function matmulGeometry(
  rows: number,
  inner: number,
  columns: number,
  batches: number | Batches = 1,
): Geometry {
  const size = { n: 1, h: 1, w: rows, cin: inner, oh: 1, ow: rows, cout: columns, kh: 1, kw: 1 }
  const plain = { mulY: 1, mulX: 1, stepY: 1, stepX: 1, offY: 0, offX: 0, divY: 1, divX: 1 }
  const steps = { xBatch: rows * inner, xOuter: 0, wBatch: inner * columns, wOuter: 0 }
  const batch =
    typeof batches === 'number' ? { batch: batches, period: batches, ...steps } : batches
  return { ...single, ...size, ...plain, ...batch, yBatch: rows * columns }
}

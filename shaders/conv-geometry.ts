// The gather that each member of the convolution family is. (conv-index.ts has the formula.)

import type { ConvSizes, Geometry } from './conv-index.ts'

/** An ordinary convolution. Padding at the bottom and right is what oh and ow imply. */
export interface Conv extends ConvSizes {
  readonly strideY: number
  readonly strideX: number
  readonly dilationY: number
  readonly dilationX: number
  readonly padTop: number
  readonly padLeft: number
}

const single = { batch: 1, xBatch: 0, wBatch: 0, yBatch: 0, xStart: 0, yStart: 0 }

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

/** `batch` products of x [rows, inner] and w [inner, columns]; a batch stride of 0 uses one operand for all. */
export function matmulGeometry(
  rows: number,
  inner: number,
  columns: number,
  batch = 1,
  xBatch = rows * inner,
  wBatch = inner * columns,
): Geometry {
  const size = { n: 1, h: 1, w: rows, cin: inner, oh: 1, ow: rows, cout: columns, kh: 1, kw: 1 }
  const plain = { mulY: 1, mulX: 1, stepY: 1, stepX: 1, offY: 0, offX: 0, divY: 1, divX: 1 }
  return { ...single, ...size, ...plain, batch, xBatch, wBatch, yBatch: rows * columns }
}

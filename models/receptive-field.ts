// The theoretical receptive field: which part of the image one score can depend on. Found by walking back from a score in
// the middle to the image, op by op, with the rows and columns that each op reads.

import type { Attrs } from '../engine/op.ts'
import type { ConvAttrs } from '../engine/ops/conv-options.ts'
import type { Pair } from '../engine/ops/options.ts'
import type { Node, Tensor } from '../engine/tensor.ts'
import { axisOf, type ResizeMode } from '../shaders/resize-axis.ts'

/** Height and width in image pixels; it may be larger than the image. */
export type ReceptiveField = Pair

/** Rows or columns, both included; below 0 and beyond the end is padding. */
type Span = readonly [first: number, last: number]
type Step = (span: Span, attrs: never, axis: 0 | 1) => Span

const window: Step = ([first, last], { kernel, stride, dilation, padding }: ConvAttrs, i) => [
  first * stride[i] - padding[i],
  last * stride[i] - padding[i] + (kernel[i] - 1) * dilation[i],
]

const steps: Readonly<Record<string, Step>> = {
  conv2d: window,
  maxPool2d: window,
  // A transposed convolution: inputs whose window, from i·stride − padding on, holds the output. With dilation some of them
  // have no tap there, and the field is an upper bound.
  conv2dInputGrad: ([first, last], { kernel, stride, dilation, padding }: ConvAttrs, i) => [
    Math.ceil((first + padding[i] - (kernel[i] - 1) * dilation[i]) / stride[i]),
    Math.floor((last + padding[i]) / stride[i]),
  ],
  repeatUpsample: ([first, last], { factor }: { factor: Pair }, i) => [
    Math.floor(first / factor[i]),
    Math.floor(last / factor[i]),
  ],
  resizeBilinear: (
    [first, last],
    { mode, from, to }: { mode: ResizeMode; from: Pair; to: Pair },
    i,
  ) => {
    const { a, b, d } = axisOf(mode, from[i], to[i])
    return [Math.floor((first * a + b) / d), Math.ceil((last * a + b) / d)]
  },
  concat: (span) => span,
  indexSelect: (span) => span,
}

const union = (a: Span, b: Span): Span => [Math.min(a[0], b[0]), Math.max(a[1], b[1])]

/** Of a score in the middle of a network's output [n, h, w, c]. `nodes` are those that are computed from the image, in order.
 * Statistics of the batch are left aside. Undefined where an op mixes whole images. */
export function receptiveField({
  image,
  output,
  nodes,
}: {
  readonly image: Tensor
  readonly output: Tensor
  readonly nodes: readonly Node[]
}): ReceptiveField | undefined {
  if (output.shape.length !== 4) return undefined
  const inside = new Set(nodes)
  const along = (axis: 0 | 1): number | undefined => {
    const middle = output.shape[1 + axis] >> 1
    const spans = new Map<Node, Span>([[output.node, [middle, middle]]])
    for (const node of nodes.toReversed()) {
      const span = spans.get(node)
      if (!span || node === image.node) continue
      const step = node.op.kind === 'pointwise' ? steps['concat'] : steps[node.op.name]
      if (!step) return undefined
      const read = step(span, node.attrs as Attrs & never, axis)
      for (const x of node.inputs) {
        // Of rank 4 are maps; batch statistics are vectors.
        if (x.shape.length !== 4 || !inside.has(x.node)) continue
        const known = spans.get(x.node)
        spans.set(x.node, known ? union(known, read) : read)
      }
    }
    const [first, last] = spans.get(image.node) ?? [0, -1]
    return last - first + 1
  }
  const [height, width] = [along(0), along(1)]
  return height === undefined || width === undefined ? undefined : [height, width]
}

// Pointwise ops on a part of their result: every operand is cut where it does not repeat, and an element keeps its own
// index in the whole.

import type { Shape, TensorType } from '../dtype.ts'
import type { Attrs, PointwiseOp, Windows } from '../op.ts'

/** Windows of a pointwise op with a result of shape y. */
export const pointwiseWindows = (y: Shape): Windows<Attrs> => ({
  cut: 'output',
  axes: () => y.length,
  part: (box, attrs, inputs) => ({
    attrs,
    inputs: inputs.map((x) => {
      const lead = y.length - x.shape.length
      return x.shape.map((n, a) => (n === 1 ? [0, 1] : box[lead + a]))
    }),
  }),
})

/** A pointwise op on a window of its result: of that shape, and with the elements' own indices. */
export function onWindow(op: PointwiseOp, type: TensorType, start: number): PointwiseOp {
  // Its own rule knows only the whole.
  const infer: PointwiseOp['infer'] = () => [type]
  if (!op.indexed) return { ...op, infer }
  return {
    ...op,
    infer,
    // A whole number travels as its two halves, since run-time numbers are f32.
    constants: (attrs) => [...op.constants(attrs), Math.floor(start / 65536), start % 65536],
    wgsl: (args, env, attrs) => {
      const own = env.constants.slice(0, -2)
      const [high, low] = env.constants.slice(-2)
      const index = `(${env.index} + vec4u(${high}) * 65536u + vec4u(${low}))`
      return op.wgsl(args, { ...env, index, constants: own }, attrs)
    },
    reference: (args, attrs, index, dtypes) => op.reference(args, attrs, index + start, dtypes),
  }
}

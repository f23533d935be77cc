// Pieces of a tensor that is too large to bind: a run of its elements taken out, and runs put together again, by copies
// from buffer to buffer. Only engine/passes/windows.ts makes these, where it knows that the large one has a buffer of its own.

import { input, type Move, output } from '../../shaders/kernel.ts'
import { bytesOf, type Shape, sizeOf, type TensorType } from '../dtype.ts'
import { noCost, none, type StructuredOp } from '../op.ts'
import type { Variable } from '../tensor.ts'

const common = {
  kind: 'structured',
  error: 'exact',
  tail: false,
  prologue: false,
  cost: () => noCost,
  vjp: none('it comes after differentiation'),
  samples: [],
} as const

const whole = (bytes: number) => Math.ceil(bytes / 4) * 4
const elementBytes = (t: TensorType) => bytesOf({ ...t, shape: [1] })

/** Elements from … from + count of x in row-major order, as [count]; `from` starts a word. */
export const partOp: StructuredOp<{ from: number; count: number }> = {
  ...common,
  name: 'part',
  infer: ([x], { count }) => [{ dtype: x.dtype, shape: [count] }],
  lower: ({ inputs: [x], attrs: { from, count } }) => {
    const fromByte = from * elementBytes(x)
    const bytes = whole(count * elementBytes(x))
    return {
      scratch: [],
      dispatches: [],
      moves: [{ from: input(0), to: output(0), fromByte, toByte: 0, bytes }],
    }
  },
  reference: ([x], { from, count }) => [x.data.slice(from, from + count)],
}

/** Runs of elements one after another; every one but the last fills whole words. With `variable`, the result is its new
 * version. */
export const joinOp: StructuredOp<{ shape: Shape; variable?: Variable }> = {
  ...common,
  name: 'join',
  infer: ([x], { shape }) => [{ dtype: x.dtype, shape }],
  lower: ({ inputs }) => {
    let toByte = 0
    const moves = inputs.map((x, i): Move => {
      const bytes = whole(sizeOf(x.shape) * elementBytes(x))
      toByte += bytes
      return { from: input(i), to: output(0), fromByte: 0, toByte: toByte - bytes, bytes }
    })
    return { scratch: [], dispatches: [], moves }
  },
  reference: (inputs, _, [y]) => {
    const data = new Float64Array(sizeOf(y.shape))
    let at = 0
    for (const x of inputs) {
      data.set(x.data, at)
      at += x.data.length
    }
    return [data]
  },
}

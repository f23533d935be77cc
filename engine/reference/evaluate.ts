// One op, on float64 numbers.

import { sizeOf, type TensorType } from '../dtype.ts'
import { AtrousError } from '../errors.ts'
import type { Body, Ref } from '../fused.ts'
import type { Attrs, Op, PointwiseOp } from '../op.ts'
import { references } from './table.ts'
import { broadcastStrides, eachCoordinate, type Value, wrap } from './value.ts'

/** The outputs of an op, from its inputs. A fused op is evaluated step by step.
 * Throws AtrousError for an op without a reference and for sources, whose value comes from outside. */
export function evaluate(
  op: Op,
  inputs: readonly Value[],
  attrs: Attrs,
  types: readonly TensorType[],
): Value[] {
  return compute(op, inputs, attrs, types).map((data, i) => {
    const { dtype, shape } = types[i]
    if (data.length !== sizeOf(shape))
      throw new AtrousError(`the reference of ${op.name} gave ${data.length} elements`)
    return { dtype, shape, data: data.map((x) => wrap(x, dtype)) }
  })
}

function compute(
  op: Op,
  inputs: readonly Value[],
  attrs: Attrs,
  types: readonly TensorType[],
): Float64Array[] {
  switch (op.kind) {
    case 'view':
      return [inputs[0].data]
    case 'pointwise':
      return [pointwise(op, inputs, attrs, types[0])]
    case 'fused':
      return steps((attrs as { body: Body }).body, inputs)
    case 'structured': {
      const known = references[op.name]
      if (!known)
        throw new AtrousError(`${op.name} has no reference`, 'add it to engine/reference/table.ts')
      return known(inputs, attrs, types)
    }
    case 'source':
      throw new AtrousError(`${op.name} is given, not computed`)
  }
}

function pointwise(
  op: PointwiseOp,
  inputs: readonly Value[],
  attrs: Attrs,
  { shape }: TensorType,
): Float64Array {
  const strides = inputs.map((x) => broadcastStrides(x.shape, shape))
  const y = new Float64Array(sizeOf(shape))
  eachCoordinate(shape, (at, index) => {
    const args = inputs.map((x, k) => x.data[at.reduce((n, i, a) => n + i * strides[k][a], 0)])
    y[index] = op.reference(args, attrs, index)
  })
  return y
}

function steps(body: Body, inputs: readonly Value[]): Float64Array[] {
  const made: Value[][] = []
  const at = (ref: Ref) => ('input' in ref ? inputs[ref.input] : made[ref.step][ref.output])
  for (const { op, args, attrs, types } of body.steps)
    made.push(evaluate(op, args.map(at), attrs, types))
  return body.results.map((r) => at(r).data)
}

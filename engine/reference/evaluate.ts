// One op, on float64 numbers.

import { isFloat, type Shape, sizeOf, type TensorType } from '../dtype.ts'
import { AtrousError } from '../errors.ts'
import type { Attrs, Op, PointwiseOp } from '../op.ts'
import type { Body, Ref } from '../passes/fused.ts'
import { references } from './table.ts'
import { broadcastStrides, eachCoordinate, type Value, wrap } from './value.ts'

/** The outputs of an op, from its inputs. A fused op is evaluated step by step.
 * Throws AtrousError for an op without a reference, for a reference that gives too few or too short outputs, and for sources,
 * whose value comes from outside. */
export function evaluate(
  op: Op,
  inputs: readonly Value[],
  attrs: Attrs,
  types: readonly TensorType[],
): Value[] {
  const outputs = compute(op, inputs, attrs, types)
  if (outputs.length !== types.length)
    throw new AtrousError(
      `the reference of ${op.name} gave ${outputs.length} arrays and the op has ${types.length} outputs`,
    )
  return outputs.map((data, i) => {
    const { dtype, shape } = types[i]
    if (data.length !== sizeOf(shape))
      throw new AtrousError(
        `the reference of ${op.name} gave ${data.length} elements and output ${i} has ${sizeOf(shape)}`,
      )
    return { dtype, shape, data: isFloat(dtype) ? data : data.map((x) => wrap(x, dtype)) }
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
      const known = op.reference ?? references[op.name]
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
  { shape, dtype: out }: TensorType,
): Float64Array {
  const dtypes = { types: inputs.map((x) => x.dtype), out }
  const y = new Float64Array(sizeOf(shape))
  const places = inputs.map((x) => placesIn(x.shape, shape))
  // One array for all elements: graphs are run thousands of times.
  const args = new Array<number>(inputs.length)
  for (let index = 0; index < y.length; index++) {
    for (let k = 0; k < args.length; k++) {
      const place = places[k]
      args[k] = inputs[k].data[place ? place[index] : index]
    }
    y[index] = op.reference(args, attrs, index, dtypes)
  }
  return y
}

/** Where each element of `shape` reads an input that broadcasts to it; undefined where that is its own place. */
function placesIn(x: Shape, shape: Shape): Uint32Array | undefined {
  if (sizeOf(x) === sizeOf(shape)) return undefined
  const strides = broadcastStrides(x, shape)
  const places = new Uint32Array(sizeOf(shape))
  if (sizeOf(x) === 1) return places
  eachCoordinate(shape, (at, index) => {
    let place = 0
    for (let a = 0; a < at.length; a++) place += at[a] * strides[a]
    places[index] = place
  })
  return places
}

function steps(body: Body, inputs: readonly Value[]): Float64Array[] {
  const made: Value[][] = []
  const at = (ref: Ref) => ('input' in ref ? inputs[ref.input] : made[ref.step][ref.output])
  for (const { op, args, attrs, types } of body.steps)
    made.push(evaluate(op, args.map(at), attrs, types))
  return body.results.map((r) => at(r).data)
}

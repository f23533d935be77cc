// Refusals from op functions, for what their op's own shape rule cannot see.

import { normalizeAxes, showType, type TensorType } from '../dtype.ts'
import { ShapeError } from '../errors.ts'
import { currentPath } from '../trace.ts'

/** Throws ShapeError with the types that were given and the module that asked. */
export function refuse(
  op: string,
  problem: string,
  got: readonly TensorType[],
  hint?: string,
): never {
  throw new ShapeError(op, problem, got.map(showType), currentPath(), hint)
}

/** An axis counted from the front; negative ones count from the end. Throws ShapeError where `rank` axes have none such. */
export function axisOf(op: string, axis: number, rank: number, got: readonly TensorType[]): number {
  const hint = rank ? `axes go from ${-rank} to ${rank - 1}` : 'a scalar has none'
  const [a] = normalizeAxes([axis], rank) ?? refuse(op, `no such axis ${axis}`, got, hint)
  return a
}

// Refusals from op functions, for what their op's own shape rule cannot see.

import { showType, type TensorType } from '../dtype.ts'
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

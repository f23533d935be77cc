// Refusals from op functions, for what their op's own shape rule cannot see: each names the function that a person called and
// the module that called it.

import {
  dtypeHint,
  isDType,
  isWholes,
  normalizeAxes,
  type Shape,
  showType,
  type TensorType,
} from '../dtype.ts'
import { OptionError, ShapeError } from '../errors.ts'
import { calledAs, currentPath } from '../trace.ts'

/** Throws ShapeError with the types that were given. */
export const refuse = (
  op: string,
  problem: string,
  got: readonly TensorType[],
  hint?: string,
): never => refuseNamed(op, problem, got.map(showType), hint)

/** Throws ShapeError with whatever was given. */
export function refuseNamed(
  op: string,
  problem: string,
  got: readonly string[],
  hint?: string,
): never {
  throw new ShapeError(calledAs(op), problem, got, currentPath(), hint)
}

export function refuseOption(op: string, problem: string, hint?: string): never {
  const path = currentPath()
  throw new OptionError(`${calledAs(op)}: ${problem}${path ? ` (in ${path})` : ''}`, hint)
}

/** Anything at all, as a message shows it. */
export function shown(x: unknown): string {
  if (typeof x === 'string') return `'${x}'`
  if (Array.isArray(x)) return `[${Array.from(x, shown)}]`
  if (typeof x === 'function') return x.name || 'a function'
  if (x === null || typeof x !== 'object') return String(x)
  return 'dtype' in x && 'shape' in x
    ? showType(x as TensorType)
    : (x.constructor?.name ?? 'Object')
}

const axesHint = (rank: number) =>
  rank ? `axes go from ${-rank} to ${rank - 1}` : 'a scalar has none'

/** An axis counted from the front; negative ones count from the end. Throws ShapeError where `rank` axes have none such. */
export function axisOf(op: string, axis: number, rank: number, got: readonly TensorType[]): number {
  const [a] =
    normalizeAxes([axis], rank) ?? refuse(op, `no such axis ${shown(axis)}`, got, axesHint(rank))
  return a
}

/** Axes counted from the front, in their order. Throws ShapeError for what is no list, and for axes that `x` has not or that
 * are named twice. */
export function axesOf(op: string, axes: Shape, x: TensorType): number[] {
  const rank = x.shape.length
  if (!Array.isArray(axes)) {
    const isTensor = typeof axes === 'object' && (op === 'max' || op === 'min')
    const hint = isTensor
      ? `${op}imum(a, b) compares two tensors`
      : `write [${typeof axes === 'number' ? axes : 0}]`
    refuse(op, `axes are a list, not ${shown(axes)}`, [x], hint)
  }
  return (
    normalizeAxes(axes, rank) ??
    refuse(
      op,
      `${shown(axes)} are not axes of a tensor with ${rank}`,
      [x],
      rank ? `${axesHint(rank)}, each at most once` : axesHint(rank),
    )
  )
}

/** Throws ShapeError for what is no list of sizes. */
export function checkShape(op: string, shape: unknown, got: readonly TensorType[] = []): void {
  if (!isWholes(shape, 0))
    refuse(op, `${shown(shape)} is no shape`, got, 'a shape is a list of whole numbers, as [2, 3]')
}

/** Throws ShapeError for what is no dtype. */
export function checkDType(op: string, dtype: unknown): void {
  if (!isDType(dtype)) refuse(op, `there is no dtype ${shown(dtype)}`, [], dtypeHint)
}

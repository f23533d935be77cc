// The two kinds of state that a module holds: parameters, which training changes through gradients, and buffers,
// such as running averages, which it changes in other ways. Both are checkpointed.

import type { Shape } from '../engine/dtype.ts'
import { checkShape, refuseOption, shown } from '../engine/ops/refuse.ts'
import { Variable } from '../engine/tensor.ts'
import type { Initializer } from './init.ts'

// A mark beside the variables: to the engine they are all the same.
const buffers = new WeakSet<Variable>()

/** A trainable f32 variable of `shape`; its starting values are drawn at first use, when its name is known. */
export function parameter(shape: Shape, init: Initializer): Variable {
  checkShape('parameter', shape)
  if (typeof init !== 'function')
    refuseOption(
      'parameter',
      `${shown(init)} is no initializer`,
      'use heUniform(), zeros, filled(1) …',
    )
  const variable: Variable = new Variable(
    { dtype: 'f32', shape },
    () => init(variable.name, shape),
    '',
  )
  return variable
}

/** An f32 variable of `shape` that no optimiser touches; its starting values are drawn at first use. */
export function buffer(shape: Shape, init: Initializer): Variable {
  const variable = parameter(shape, init)
  buffers.add(variable)
  return variable
}

/** True for what `buffer` made. */
export const isBuffer = (variable: Variable): boolean => buffers.has(variable)

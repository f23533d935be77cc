// Random programs from a seed: a few tensors, and again and again a move on some of them; then a loss, gradients and
// updates.

import { hostArray, sizeOf } from '../engine/dtype.ts'
import {
  add,
  assign,
  grad,
  mean,
  mul,
  sub,
  type Tensor,
  type TensorType,
  tanh,
  Variable,
} from '../engine/index.ts'
import { randomFrom } from '../engine/reference/index.ts'
import { Dice, moves, type World } from './random-moves.ts'

/** Types of a random program's arguments: two maps of one shape, a vector, seed and step. */
export function argumentTypes(seed: number): TensorType[] {
  const dice = new Dice(seed)
  const map = [1 + dice.below(2), 3 + dice.below(5), 2 + dice.below(6), dice.one([1, 3, 4, 8])]
  const word = { dtype: 'u32' as const, shape: [] }
  return [
    { dtype: 'f32', shape: map },
    { dtype: 'f32', shape: map },
    { dtype: 'f32', shape: [map[3]] },
    word,
    word,
  ]
}

/** A random program: outputs, a loss over them, gradients of arguments and variables, and updates of the variables. */
export function randomProgram(seed: number): (...inputs: Tensor[]) => Tensor[] {
  const variables: Variable[] = []
  return (...inputs) => {
    const dice = new Dice(seed + 1000)
    let used = 0
    // Traced again, the program must meet the same variables.
    const variable = (...shape: number[]) => {
      const i = used++
      variables[i] ??= randomVariable(seed * 100 + i, shape)
      return variables[i]
    }
    const world: World = {
      dice,
      pool: inputs.slice(0, 3),
      key: { seed: inputs[3], step: inputs[4] },
      states: [],
      variable,
    }
    const count = 5 + dice.below(21)
    while (world.pool.length < 3 + count) {
      // Later tensors more often, so that chains grow long.
      const from = dice.below(3) ? world.pool.slice(-4) : world.pool
      const y = dice.one(moves)(world, dice.one(from))
      if (y && y.dtype === 'f32' && sizeOf(y.shape) <= 3000) world.pool.push(y)
    }
    return finish(world, inputs, variables.slice(0, used))
  }
}

function finish(
  { dice, pool }: World,
  inputs: readonly Tensor[],
  variables: readonly Variable[],
): Tensor[] {
  const results = [pool[pool.length - 1], dice.one(pool), dice.one(pool)]
  const loss = results.map((y) => mean(mul(y, tanh(y)))).reduce((a, b) => add(a, b))
  const wrt = [inputs[0], inputs[2], ...variables]
  const [dx, dv, ...dw] = grad(loss, wrt)
  variables.forEach((v, i) => {
    if (dice.below(3)) assign(v, sub(v, mul(dw[i], 0.1)))
  })
  const late = variables.length ? [mean(dice.one(variables))] : []
  return [loss, ...results, dx, dv, ...late]
}

function randomVariable(seed: number, shape: readonly number[]): Variable {
  const random = randomFrom(seed)
  const data = hostArray('f32', sizeOf(shape)).map(() => 2 * random() - 1) as Float32Array
  return new Variable({ dtype: 'f32', shape }, () => data, `v${seed}`)
}

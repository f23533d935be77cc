// Derivatives of any order, checked in the interpreter: each is the slope of the one before.

import {
  add,
  type Graph,
  grad,
  mul,
  sum,
  type Tensor,
  type TensorType,
} from '../../engine/index.ts'
import { drawDirection, interpret, randomFrom } from '../../engine/reference/index.ts'
import { close, traceOf } from '../checks.ts'

/** ⟨…⟨⟨∇f, t₁⟩', t₂⟩' …⟩: the derivative of a scalar function along one direction after another. `args` are its own
 * arguments, then the directions, an array of the arguments' types for each order. */
function along(f: (...xs: Tensor[]) => Tensor, count: number, args: readonly Tensor[]): Tensor {
  if (args.length === count) return f(...args)
  const xs = args.slice(0, count)
  const inner = along(f, count, args.slice(0, -count))
  const t = args.slice(-count)
  return grad(inner, xs)
    .map((g, i) => sum(mul(g, t[i])))
    .reduce((a, b) => add(a, b))
}

/** Asserts that the derivatives of a scalar function up to `order` are the slopes of those before: a central difference
 * in float64 with ε = 1e-4 is off by about ε²/6 times two derivatives more, 2e-9 of functions whose derivatives stay
 * of one size, and by 1e-16/ε. */
export function checkDerivatives(
  f: (...xs: Tensor[]) => Tensor,
  types: readonly TensorType[],
  order: number,
  what: string,
): void {
  const random = randomFrom(11)
  const draw = () =>
    types.map((t) =>
      drawDirection(
        t.shape.reduce((a, b) => a * b, 1),
        random,
      ),
    )
  const x = draw()
  const directions = Array.from({ length: order }, draw)
  for (let k = 1; k <= order; k++) {
    const graph = (n: number): Graph => {
      const all = Array.from({ length: n + 1 }, () => types).flat()
      return traceOf((...args) => [along(f, types.length, args)], all)
    }
    const given = directions.slice(0, k)
    const [got] = interpret(graph(k), [...x, ...given.flat()])[0]
    const before = graph(k - 1)
    const moved = (step: number) => {
      const at = x.map((xs, i) => xs.map((v, e) => v + step * given[k - 1][i][e]))
      return interpret(before, [...at, ...given.slice(0, -1).flat()])[0][0]
    }
    const epsilon = 1e-4
    const slope = (moved(epsilon) - moved(-epsilon)) / (2 * epsilon)
    close([got], [slope], 1e-6 * Math.max(1, Math.abs(slope)), `${what}: derivative ${k}`)
  }
}

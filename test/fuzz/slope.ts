// Whether the gradient of a random program is the slope of its loss: that the rules of its ops are put together rightly.
// In the interpreter, in float64.

import { isFloat } from '../../engine/dtype.ts'
import { type Graph, graphOf } from '../../engine/graph.ts'
import type { Attrs, Op, Sample } from '../../engine/op.ts'
import { drawDirection, type Given, interpret, randomFrom } from '../../engine/reference/index.ts'
import { disturbed } from '../../engine/reference/rounding.ts'
import type { HostTensor, Tensor } from '../../engine/tensor.ts'

/** A loss and its gradient with respect to one argument. */
export interface Slope {
  readonly loss: Tensor
  readonly argument: number
  readonly gradient: Tensor
}

/** What is wrong with a gradient, if anything is. It must be the slope at one of three points near the arguments: another
 * may lie on a kink. */
export function wrongSlope(
  { inputs }: Graph,
  args: readonly HostTensor[],
  slope: Slope,
  seed: number,
): string | undefined {
  const value = graphOf(inputs, [slope.loss], [])
  if (value.nodes.some(({ op }) => keepsItsSlopeBack(op))) return undefined
  const both = graphOf(inputs, [slope.loss, slope.gradient], [])
  const random = randomFrom(seed)
  let problem: string | undefined
  for (const step of [0, 1e-3, 1e-3]) {
    const at = args.map(({ dtype, data }): Float64Array => {
      const plain = Float64Array.from(data)
      return isFloat(dtype) && step ? plain.map((x) => x + step * (2 * random() - 1)) : plain
    })
    problem = problemAt(value, both, at, slope.argument, random)
    if (!problem) return undefined
  }
  return problem
}

/** Ops whose derivative is on purpose another: none of their samples has it checked in full. */
const keepsItsSlopeBack = (op: Op): boolean =>
  op.samples.length > 0 &&
  (op.samples as readonly Sample<Attrs>[]).every(({ inputs, wrt }) =>
    inputs.some((x, i) => isFloat(x.dtype) && wrt && !wrt.includes(i)),
  )

/** A central difference with ε = 1e-6: roundings are about 1e-16/ε of the loss, and curvature counts with ε². */
function problemAt(
  value: Graph,
  both: Graph,
  at: readonly Float64Array[],
  argument: number,
  random: () => number,
): string | undefined {
  const epsilon = 1e-6
  const t = drawDirection(at[argument].length, random)
  const moved = (sign: number): number => {
    const given: Given[] = at.map((x, i) =>
      i === argument ? x.map((v, e) => v + sign * epsilon * t[e]) : x,
    )
    return interpret(value, given)[0][0]
  }
  const [[loss], gradient] = interpret(both, at)
  const slope = (moved(1) - moved(-1)) / (2 * epsilon)
  const parts = gradient.map((g, e) => g * t[e])
  const found = parts.reduce((a, b) => a + b, 0)
  const size = parts.reduce((a, b) => a + Math.abs(b), 0)
  const most = 1e-4 * size + 1e-9 * Math.abs(loss) + 1e-6
  // What is not finite tells nothing, and neither does a loss that rounding alone carries over a jump.
  if (!(Math.abs(found - slope) > most)) return undefined
  if (disturbed(value, at).unsure.has(value.outputs[0])) return undefined
  return `the slope of the loss along argument ${argument} is ${slope} and the gradient says ${found}`
}

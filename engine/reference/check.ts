// Is an op right? On each of its own samples: the device against the float64 interpreter, its derivative against the slope of
// what it computes, and the derivative of the derivative against the slope of that. For ops that users define.

import type { Device } from '../device.ts'
import type { DeviceTensor } from '../device-tensor.ts'
import { isFloat, type TensorType } from '../dtype.ts'
import { grad } from '../grad.ts'
import { type Graph, graphOf } from '../graph.ts'
import { type Attrs, apply, type Op, type Sample } from '../op.ts'
import { add, mul } from '../ops/arithmetic.ts'
import { sum } from '../ops/reduce.ts'
import { inputOp } from '../ops/source.ts'
import type { Tensor } from '../tensor.ts'
import { tracing } from '../trace.ts'
import { drawDirection, drawInput, randomFrom } from './draw.ts'
import { interpret } from './interpret.ts'
import { roundingErrors } from './rounding.ts'
import { largestDifference } from './tolerance.ts'

type Build = (...inputs: Tensor[]) => readonly Tensor[]

/** One sentence for each thing that is wrong with an op on its samples, and for what could not be tried: an op without samples, and
 * samples with f16 among their inputs or outputs. None where all is right. Values are those of the device, derivatives (the first
 * and the second) are tried in the interpreter, and their programs run on the device too.
 * Throws what the op's own functions throw. */
export async function checkOp<A extends Attrs>(device: Device, op: Op<A>): Promise<string[]> {
  const wrong: string[] = []
  if (!op.samples.length) wrong.push(`${op.name}: it has no samples, so nothing was tried`)
  for (const sample of op.samples as readonly Sample<Attrs>[]) {
    const types = sample.inputs.map(({ dtype, shape }) => ({ dtype, shape }))
    const value: Build = (...xs) => apply(op as Op, xs, sample.attrs)
    const { outputs } = traced(value, types)
    const of = (what: string) => `${op.name} ${JSON.stringify(sample.attrs)}: ${what}`
    const tell = (problem: string | undefined) => problem && wrong.push(of(problem))
    // A device may round it at every step or keep f32 in between, so that nothing says how near the interpreter it must be.
    if ([...types, ...outputs].some((t) => t.dtype === 'f16')) {
      tell('samples with f16 are not tried, give one in f32')
      continue
    }
    const random = randomFrom(1)
    const args = sample.inputs.map((x) => drawInput(x, random).data)
    const wrt = (sample.wrt ?? types.map((_, i) => i)).filter((i) => isFloat(types[i].dtype))
    tell(await agrees(device, value, types, args, 'the value'))
    const floats = outputs.some((y) => isFloat(y.dtype))
    if (typeof op.vjp !== 'function' || !wrt.length || !floats) continue
    const first = gradientOf(value, wrt)
    tell(slopes(value, first, types, args, wrt, 'the derivative'))
    tell(await agrees(device, first, types, args, 'the derivative'))
    tell(slopes(first, gradientOf(first, wrt), types, args, wrt, 'the second derivative'))
  }
  return wrong
}

/** Σ weight · output over the floating-point outputs, with weights that tell the outputs' elements apart. */
function weighted(ys: readonly Tensor[]): Tensor {
  const parts = ys
    .filter((y) => isFloat(y.dtype))
    .map((y, i) => sum(mul(y, mul(add(y, 1 + i), 0.5))))
  return parts.reduce((a, b) => add(a, b))
}

const gradientOf =
  (f: Build, wrt: readonly number[]): Build =>
  (...xs) =>
    grad(
      weighted(f(...xs)),
      wrt.map((i) => xs[i]),
    )

function traced(f: Build, types: readonly TensorType[]): Graph {
  const { result } = tracing(() =>
    f(...types.map((type, position) => apply(inputOp, [], { type, position })[0])),
  )
  return graphOf(types, result, [])
}

async function agrees(
  device: Device,
  f: Build,
  types: readonly TensorType[],
  args: readonly ReturnType<typeof drawInput>['data'][],
  what: string,
): Promise<string | undefined> {
  const graph = traced(f, types)
  const expected = interpret(graph, args)
  const allowed = roundingErrors(graph, args)
  const program = device.compile(f)
  let results: readonly DeviceTensor[] = []
  try {
    results = await program.run(...args.map((data, i) => ({ ...types[i], data })))
    for (const [i, t] of results.entries()) {
      const off = largestDifference(await t.read(), expected[i])
      const most = allowed.get(graph.outputs[i])!
      if (off > most)
        return `${what} (output ${i}) is off by ${off.toPrecision(2)} on the device; rounding explains ${most.toPrecision(2)}`
    }
    return undefined
  } finally {
    for (const t of results) t.dispose()
    program.dispose()
  }
}

/** ⟨gradient, t⟩ is the slope of the function along t: a central difference in float64 is good to about 1e-8. */
function slopes(
  f: Build,
  gradient: Build,
  types: readonly TensorType[],
  args: readonly ReturnType<typeof drawInput>['data'][],
  wrt: readonly number[],
  what: string,
): string | undefined {
  const epsilon = 1e-5
  const random = randomFrom(2)
  const directions = wrt.map((i) => drawDirection(args[i].length, random))
  const value = traced((...xs) => [weighted(f(...xs))], types)
  const moved = (sign: number) => {
    const given = args.map((a) => Float64Array.from(a))
    wrt.forEach((i, k) => {
      given[i].forEach((x, e) => {
        given[i][e] = x + sign * epsilon * directions[k][e]
      })
    })
    return interpret(value, given)[0][0]
  }
  const slope = (moved(1) - moved(-1)) / (2 * epsilon)
  const parts = interpret(traced(gradient, types), args)
  const found = parts.reduce((n, g, k) => g.reduce((m, x, e) => m + x * directions[k][e], n), 0)
  const off = Math.abs(found - slope)
  return off <= 1e-6 * (1 + Math.abs(slope))
    ? undefined
    : `${what} along a direction is ${found.toPrecision(6)}, and the slope is ${slope.toPrecision(6)}`
}

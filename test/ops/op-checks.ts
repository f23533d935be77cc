// An op on samples: programs of its values and of its gradients, and whether derivatives are the slopes of what they
// derive.

import { isFloat, type TensorType } from '../../engine/dtype.ts'
import type { Graph } from '../../engine/graph.ts'
import { add, grad, type HostTensor, mul, sum, type Tensor } from '../../engine/index.ts'
import { type Attrs, apply, type Op, type Sample } from '../../engine/op.ts'
import {
  drawDirection,
  drawInput,
  type Given,
  interpret,
  randomFrom,
} from '../../engine/reference/index.ts'
import { close, drawSample, title, traceOf, wrtOf } from '../samples.ts'

type AnySample = Sample<Attrs>

/** Σ ⟨output, cotangent⟩ over the floating-point outputs. */
const pair = (ys: readonly Tensor[], cs: readonly Tensor[]): Tensor =>
  ys.map((y, i) => sum(mul(y, cs[i]))).reduce((a, b) => add(a, b))

export interface Gradient {
  readonly op: Op
  readonly sample: AnySample
  /** Types of the inputs, then of the cotangents. */
  readonly types: readonly TensorType[]
  /** ⟨f(x), c⟩ */
  readonly value: Graph
  /** Its gradient with respect to the inputs that the sample asks for. */
  build(...args: Tensor[]): Tensor[]
}

/** The gradients of an op on those of its samples that have one. */
export function gradientsOf(op: Op, samples: readonly AnySample[]): Gradient[] {
  if (typeof op.vjp !== 'function') return []
  return samples.flatMap((sample) => {
    const wrt = wrtOf(sample)
    const n = sample.inputs.length
    const plain = traceOf((...xs) => apply(op, xs, sample.attrs), sample.inputs)
    const floats = plain.outputs.filter((y) => isFloat(y.dtype))
    if (!wrt.length || !floats.length) return []
    const outputTypes = floats.map(({ dtype, shape }) => ({ dtype, shape }))
    const types = [...sample.inputs.map(({ dtype, shape }) => ({ dtype, shape })), ...outputTypes]
    const loss = (...args: Tensor[]) => {
      const ys = apply(op, args.slice(0, n), sample.attrs).filter((y) => isFloat(y.dtype))
      return pair(ys, args.slice(n))
    }
    const build = (...args: Tensor[]) =>
      grad(
        loss(...args),
        wrt.map((i) => args[i]),
      )
    return [{ op, sample, types, value: traceOf((...a) => [loss(...a)], types), build }]
  })
}

const dot = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Array.from(a).reduce((n, v, i) => n + v * b[i], 0)

export const drawArguments = ({ sample, types }: Gradient, seed: number): HostTensor[] => [
  ...drawSample(sample, seed),
  ...types.slice(sample.inputs.length).map((t) => drawInput(t, randomFrom(seed + 7))),
]

/** ⟨t, vjp(c)⟩ is the slope of ⟨f(x + εt), c⟩: a central difference in float64 with ε = 1e-5 is off by about
 * ε²·f‴/6 ≈ 1e-11 and by roundings of 1e-16/ε ≈ 1e-11, each times the number of terms. */
export function checkSlope(
  value: Graph,
  args: readonly { readonly data: ArrayLike<number> }[],
  wrt: readonly number[],
  got: readonly ArrayLike<number>[],
  seed: number,
  what: string,
): void {
  const random = randomFrom(seed)
  const epsilon = 1e-5
  const t = wrt.map((i) => drawDirection(args[i].data.length, random))
  const moved = (sign: number) => {
    const given: Given[] = args.map((a) => Float64Array.from(a.data))
    wrt.forEach((i, k) => {
      given[i] = (given[i] as Float64Array).map((x, e) => x + sign * epsilon * t[k][e])
    })
    return interpret(value, given)[0][0]
  }
  const slope = (moved(1) - moved(-1)) / (2 * epsilon)
  const found = got.reduce((n, g, k) => n + dot(g, t[k]), 0)
  const terms = wrt.reduce((n, i) => n + args[i].data.length, 0)
  close([found], [slope], 1e-8 * (1 + Math.abs(slope)) * Math.sqrt(terms), what)
}

/** The slope of ⟨gradient, t⟩, with respect to inputs and cotangents. */
export function checkSecond({ op, sample, types, build }: Gradient): void {
  const wrt = [...wrtOf(sample), ...types.keys()]
    .filter((i, k, all) => isFloat(types[i].dtype) && all.indexOf(i) === k)
    .filter((i) => i >= sample.inputs.length || wrtOf(sample).includes(i))
  const directions = wrtOf(sample).map((i) => types[i])
  const full = [...types, ...directions]
  const inner = (...args: Tensor[]) =>
    pair(build(...args.slice(0, types.length)), args.slice(types.length))
  const value = traceOf((...args) => [inner(...args)], full)
  const second = traceOf(
    (...args) =>
      grad(
        inner(...args),
        wrt.map((i) => args[i]),
      ),
    full,
  )
  const random = randomFrom(5)
  // At a tie the gradient itself jumps, so there are none here.
  const args = [
    ...sample.inputs.map(({ steps: _, ...x }) => drawInput(x, random)),
    ...full.slice(sample.inputs.length).map((t) => drawInput(t, random)),
  ]
  checkSlope(value, args, wrt, interpret(second, args), 4, `${title(op, sample)} twice`)
}

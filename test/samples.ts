// What the tests of ops and programs share: samples as programs, and comparison with the interpreter. No Node in here, so that
// pages run them too.

import { type HostArray, isFloat, type TensorType } from '../engine/dtype.ts'
import { type Graph, graphOf } from '../engine/graph.ts'
import type { DeviceTensor, HostTensor, Tensor } from '../engine/index.ts'
import { type Attrs, apply, type Op, type Sample } from '../engine/op.ts'
import { inputOp } from '../engine/ops/source.ts'
import { drawInput, largestDifference, randomFrom } from '../engine/reference/index.ts'
import { tracing } from '../engine/trace.ts'

/** The graph of a function as traced, with the tensors of its arguments. */
export function traceOf(
  fn: (...inputs: Tensor[]) => readonly Tensor[],
  types: readonly TensorType[],
): Graph {
  const { result, trace } = tracing(() =>
    fn(...types.map((type, position) => apply(inputOp, [], { type, position })[0])),
  )
  return graphOf(types, result, trace.assigns)
}

/** Host data for a sample's inputs. */
export const drawSample = (sample: Sample<Attrs>, seed: number): HostTensor[] => {
  const random = randomFrom(seed)
  return sample.inputs.map((x) => drawInput(x, random))
}

/** Inputs whose gradient a sample asks for. */
export const wrtOf = ({ inputs, wrt }: Sample<Attrs>): readonly number[] =>
  wrt ?? inputs.flatMap((x, i) => (isFloat(x.dtype) ? [i] : []))

/** An op with its sample, as it is called in messages: `conv2d f32[1,4,5,16], f32[1,1,16,8] {…}`. */
export function title(op: Op, { inputs, attrs }: Sample<Attrs>): string {
  const types = inputs.map((x) => `${x.dtype}[${x.shape}]`).join(', ')
  return `${op.name} ${types} ${JSON.stringify(attrs)}`
}

/** Cuts a list of arguments for many small functions into the arguments of each. */
export function split<T>(all: readonly T[], counts: readonly number[]): T[][] {
  let at = 0
  return counts.map((n) => {
    at += n
    return all.slice(at - n, at)
  })
}

/** Reads results in order and gives them back. */
export async function readAll(results: readonly DeviceTensor[]) {
  const data = []
  for (const r of results) data.push(await r.read())
  for (const r of results) r.dispose()
  return data
}

/** Elements as bytes: −0 is not 0 then. */
export const bitsOf = ({ buffer, byteOffset, byteLength }: HostArray): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength).slice()

/** Throws unless |a − b| ≤ most everywhere, NaN and infinities at the same places. */
export function close(a: ArrayLike<number>, b: ArrayLike<number>, most: number, what: string) {
  const d = largestDifference(a, b)
  if (d <= most) return
  const at = Array.from(a).findIndex((_, i) => !(largestDifference([a[i]], [b[i]]) <= most))
  throw new Error(
    `${what}: element ${at} is ${a[at]} and should be ${b[at]} (off by ${d}, allowed ${most})`,
  )
}

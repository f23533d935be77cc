// Programs against the interpreter: fused and unfused, twice in a row, outputs and variables.

import * as assert from 'uvu/assert'
import type { Device } from '../engine/device.ts'
import { hostArray, sizeOf } from '../engine/dtype.ts'
import { type HostTensor, type Tensor, type TensorType, Variable } from '../engine/index.ts'
import { interpret, randomFrom, roundingErrors, type State } from '../engine/reference/index.ts'
import type { Stages } from '../engine/stages.ts'
import { close, readAll } from './checks.ts'
import { testDevice } from './device.ts'

export const f32 = (...shape: number[]): TensorType => ({ dtype: 'f32', shape })

/** A variable whose elements are all different at first. */
export const variable = (name: string, ...shape: number[]): Variable =>
  new Variable(
    f32(...shape),
    () => Float32Array.from({ length: sizeOf(shape) }, (_, i) => Math.sin(i + 1)),
    name,
  )

/** Host data in [-1, 1) for floats, below 5 for integers. */
export function drawn(types: readonly TensorType[], seed = 1): HostTensor[] {
  const random = randomFrom(seed)
  return types.map(({ dtype, shape }) => {
    const data = hostArray(dtype, sizeOf(shape))
    for (let i = 0; i < data.length; i++)
      data[i] = dtype === 'f32' ? 2 * random() - 1 : Math.floor(5 * random())
    return { dtype, shape, data }
  })
}

type Fn = (...inputs: Tensor[]) => readonly Tensor[]

/** Asserts that a function gives what the interpreter gives, and leaves the variables as it does, however it is
 * compiled; returns the stages of the fused program. */
export async function agree(
  fn: Fn,
  args: readonly HostTensor[],
  { device, what = '' }: { device?: Device; what?: string } = {},
): Promise<Stages<readonly Tensor[]>> {
  const d = device ?? (await testDevice())
  const types = args.map(({ dtype, shape }) => ({ dtype, shape }))
  let fused: Stages<readonly Tensor[]> | undefined
  for (const fuse of [false, true]) {
    const program = d.compile(fn, { fuse })
    const made = program.stages(...types)
    const { variables } = made.plan
    for (const v of variables) d.write(v, v.initial())
    for (const run of [1, 2]) {
      const title = `${what} ${fuse ? 'fused' : 'unfused'} run ${run}`
      const before = await stateOf(d, variables)
      const results = await program.run(...args)
      checkOutputs(made, args, before, await readAll(results), title)
      await checkVariables(d, made, args, before, title)
    }
    program.dispose()
    fused = made
  }
  return fused!
}

async function stateOf(d: Device, variables: readonly Variable[]): Promise<State> {
  const state: State = new Map()
  for (const v of variables) state.set(v, Float64Array.from(await d.read(v)))
  return state
}

function checkOutputs(
  made: Stages<unknown>,
  args: readonly HostTensor[],
  before: State,
  got: readonly ArrayLike<number>[],
  title: string,
): void {
  const { traced, recomputed } = made
  const errors = roundingErrors(traced, args, before)
  const expected = interpret(traced, args, new Map(before))
  const same = interpret(recomputed, args, new Map(before))
  expected.forEach((y, i) => {
    // Folding of constants rounds them to f32.
    close(same[i], y, errors.get(traced.outputs[i])!, `${title}: pass changed output ${i}`)
    close(got[i], y, errors.get(traced.outputs[i])!, `${title}: output ${i}`)
  })
}

async function checkVariables(
  d: Device,
  { traced }: Stages<unknown>,
  args: readonly HostTensor[],
  before: State,
  title: string,
): Promise<void> {
  const errors = roundingErrors(traced, args, before)
  const after = new Map(before)
  interpret(traced, args, after)
  const last = new Map(traced.assigns.map((t) => [t.node.attrs.variable as Variable, t]))
  for (const [v, x] of after) {
    const most = last.has(v) ? errors.get(last.get(v)!)! : 0
    close(await d.read(v), x, most, `${title}: ${v.name}`)
  }
}

/** The kernels of a fused graph, one line each: its ops, and how many results if not one. */
export function kernelsOf({ recomputed }: Stages<unknown>): string[] {
  return recomputed.nodes.flatMap((node) => {
    if (node.op.kind === 'source' || node.op.kind === 'view') return []
    if (node.op.kind !== 'fused') return [node.op.name]
    const { steps } = (node.attrs as { body: { steps: { op: { name: string } }[] } }).body
    const names = steps.map((s) => s.op.name).filter((n) => n !== 'scalar')
    return [names.join(' ') + (node.types.length > 1 ? ` (${node.types.length} results)` : '')]
  })
}

/** Asserts which kernels a function becomes, and that it computes the same. */
export async function becomes(
  fn: Fn,
  types: readonly TensorType[],
  kernels: readonly string[],
): Promise<void> {
  assert.equal(kernelsOf(await agree(fn, drawn(types))), kernels)
}

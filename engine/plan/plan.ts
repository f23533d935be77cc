// The plan: every dispatch in order, and the place of every value in device memory. It is made without a device, from
// what is known of one, and the device then allocates exactly what it says.

import type { Dispatch, Move, Slot } from '../../shaders/kernel.ts'
import type { Caps } from '../adapters/adapter.ts'
import { storageBytes, storedBytes } from '../dtype.ts'
import { baseOf, type Graph } from '../graph.ts'
import { assignedBy } from '../passes/fused.ts'
import type { HostTensor, Node, Tensor, Variable } from '../tensor.ts'
import { witness } from '../witness.ts'
import { type Arrangement, arranged, checkBytes } from './arrangement.ts'
import { placed, poolBytes, poolsOf, type Span, type TablePlace } from './spans.ts'
import { layoutUniforms } from './uniforms.ts'

/** Where a value lives. */
export type ValuePlace =
  | { readonly kind: 'slab'; readonly offset: number; readonly bytes: number }
  | { readonly kind: 'input'; readonly position: number; readonly bytes: number }
  | { readonly kind: 'output'; readonly position: number; readonly bytes: number }
  | { readonly kind: 'variable'; readonly variable: Variable; readonly bytes: number }
  | { readonly kind: 'constant'; readonly value: HostTensor; readonly bytes: number }

/** What a binding holds. */
export type Place = ValuePlace | Span | TablePlace

export interface PlannedDispatch {
  readonly dispatch: Dispatch
  readonly places: readonly Place[]
}

export interface PlannedMove {
  readonly move: Move
  readonly from: ValuePlace
  readonly to: ValuePlace
}

/** One kernel node and what it runs. */
export interface PlanStep {
  readonly node: Node
  /** Copies from buffer to buffer, before the dispatches. */
  readonly moves: readonly PlannedMove[]
  readonly dispatches: readonly PlannedDispatch[]
  /** Bytes of values alive while it runs, its scratch included. */
  readonly live: number
}

/** What the activation memory holds for a while: a value, or the scratch memory of a kernel. */
export interface PlannedValue {
  /** Undefined for scratch memory. */
  readonly tensor: Tensor | undefined
  readonly offset: number
  /** Aligned as the device wants it. */
  readonly bytes: number
  /** First and last step that needs it, both included. */
  readonly from: number
  readonly to: number
}

export interface Plan {
  readonly graph: Graph
  readonly steps: readonly PlanStep[]
  /** All that shares the activation memory. */
  readonly values: readonly PlannedValue[]
  /** Bytes of the activation memory that the program needs. */
  readonly activationBytes: number
  /** Most bytes alive at one step: what no packing can go below. */
  readonly lowerBound: number
  readonly slabBytes: number
  readonly inputBytes: number
  readonly outputBytes: number
  readonly constantBytes: number
  readonly uniformBytes: number
  /** The largest value: what a device must be able to bind at once. */
  readonly largestBytes: number
  readonly variables: readonly Variable[]
  /** Variables that share a buffer, and the bytes that this takes beyond their own. */
  readonly pools: readonly (readonly Variable[])[]
  readonly paddingBytes: number
  readonly constants: readonly HostTensor[]
  /** Variables that the program overwrites. */
  readonly assigned: readonly Variable[]
  /** Keys of the distinct kernels. */
  readonly kernels: ReadonlySet<string>
}

/** All bytes that the device holds for a program: variables, activation memory, arguments, results, constants and uniforms. */
export const planBytes = (p: Plan): number =>
  storedBytes(p.variables) +
  p.paddingBytes +
  p.activationBytes +
  p.inputBytes +
  p.outputBytes +
  p.constantBytes +
  p.uniformBytes

/** Bytes of variables, arguments and results, which every plan of a graph takes. */
export function fixedBytes(graph: Graph): number {
  const variables = new Set<Variable>()
  for (const { op, attrs } of graph.nodes)
    if (op.name === 'variable') variables.add(attrs.variable as Variable)
  for (const { node, index } of graph.assigns) {
    const step = assignedBy(node, index)
    if (step) variables.add(step.attrs.variable as Variable)
  }
  const returned = new Set(graph.outputs.map(baseOf))
  return storedBytes(variables) + storedBytes(graph.inputs) + storedBytes(returned)
}

/** Orders, lowers and places a fused graph for a device with these capabilities. */
export function plan(graph: Graph, caps: Caps): Plan {
  const arrangement = arranged(graph, caps)
  const { order, homes, values, scratch, live, slabBytes } = arrangement
  const packing = arrangement.packing()
  const all = [...values.values(), ...scratch.flat()]
  const offsetOf = new Map(all.map((v, i) => [v, packing.offsets[i]]))

  const placeOf = (x: Tensor): ValuePlace => {
    const base = baseOf(x)
    const home = homes.get(base)
    if (home) return home
    const value = values.get(base)!
    return { kind: 'slab', offset: offsetOf.get(value)!, bytes: storageBytes(base) }
  }
  const limits = { slabBytes, maxBindingBytes: caps.maxBindingBytes }
  const steps = order.map((node, step): PlanStep => {
    const recipe = arrangement.recipe(node)
    const places = {
      input: (i: number) => placeOf(node.inputs[i]),
      output: (i: number) => placeOf(node.output(i)),
      scratch: (i: number): ValuePlace => {
        const value = scratch[step][i]
        return {
          kind: 'slab',
          offset: offsetOf.get(value)!,
          bytes: Math.max(16, recipe.scratch[i]),
        }
      },
    }
    const at = (slot: Slot): ValuePlace => places[slot.kind](slot.index)
    const dispatches = recipe.dispatches.flatMap((d) => placed(d, at, limits))
    const moves = (recipe.moves ?? []).map((move) => ({
      move,
      from: at(move.from),
      to: at(move.to),
    }))
    for (const d of dispatches)
      for (const p of d.places)
        checkBytes(() => 'one of its values', p.bytes, node, caps.maxBindingBytes, caps)
    return { node, moves, dispatches, live: live[step] }
  })
  const tensors = [...values.keys()]
  const planned = all.map((v, i): PlannedValue => {
    return { ...v, tensor: tensors[i], offset: packing.offsets[i] }
  })
  const made = summarize(arrangement, caps, steps, planned)
  witness.plan?.(made, caps)
  return made
}

function summarize(
  { graph, homes, lowerBound, slabBytes, packing }: Arrangement,
  { alignment }: Caps,
  steps: readonly PlanStep[],
  values: readonly PlannedValue[],
): Plan {
  const constants = new Set<HostTensor>()
  const variables = new Set<Variable>()
  const assigned = new Set<Variable>()
  let outputBytes = 0
  for (const [t, home] of homes) {
    if (home.kind === 'constant') constants.add(home.value)
    if (home.kind === 'output') outputBytes += home.bytes
    if (home.kind === 'variable') {
      variables.add(home.variable)
      if (t.node.op.kind !== 'source') assigned.add(home.variable)
    }
  }
  const dispatches = steps.flatMap((s) => s.dispatches)
  const pools = poolsOf(dispatches)
  return {
    graph,
    steps,
    values,
    pools,
    paddingBytes: pools.reduce((n, p) => n + poolBytes(p, alignment) - storedBytes(p), 0),
    activationBytes: packing().bytes,
    lowerBound,
    slabBytes,
    inputBytes: storedBytes(graph.inputs),
    outputBytes,
    constantBytes: storedBytes(constants),
    uniformBytes: layoutUniforms(dispatches).words.byteLength,
    largestBytes: steps.reduce(
      (most, s) =>
        s.dispatches.reduce((m, d) => d.places.reduce((n, p) => Math.max(n, p.bytes), m), most),
      0,
    ),
    variables: [...variables],
    constants: [...constants],
    assigned: [...assigned],
    kernels: new Set(steps.flatMap((s) => s.dispatches.map((d) => d.dispatch.kernel.key))),
  }
}

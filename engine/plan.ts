// The plan: every dispatch in order, and the place of every value in device memory. It is made without a device, from
// what is known of one, and the device then allocates exactly what it says.

import type { Access, Dispatch, Move, Recipe, Slot } from '../shaders/kernel.ts'
import type { Caps } from './adapter.ts'
import { showType, sizeOf, storageBytes, storedBytes, type TensorType } from './dtype.ts'
import { OutOfMemoryError } from './errors.ts'
import { assignedBy } from './fused.ts'
import { baseOf, type Graph, outputsOf } from './graph.ts'
import { lifetimesOf } from './lifetimes.ts'
import { lower } from './lower.ts'
import { type Lifetime, liveBytes, pack } from './memory.ts'
import { settled } from './neighbours.ts'
import { showBytes } from './print.ts'
import { recipeOf } from './recipes.ts'
import { schedule } from './schedule.ts'
import { placed, poolBytes, poolsOf, type Span, type TablePlace } from './spans.ts'
import type { HostTensor, Node, Tensor, Variable } from './tensor.ts'
import { layoutUniforms } from './uniforms.ts'
import { witness } from './witness.ts'

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
  const kernels = schedule(graph)
  const homes = findHomes(graph, kernels)
  const align = (bytes: number) => Math.ceil(bytes / caps.alignment) * caps.alignment
  // Variables may share a buffer, which a kernel that updates one of them binds for writing.
  const accessBy = (node: Node) => {
    const updates = node.types.some((_, i) => assignedBy(node, i))
    return (x: Tensor): Access => {
      const kind = homes.get(baseOf(x))?.kind ?? 'slab'
      const mayWrite = kind === 'slab' || kind === 'output' || (kind === 'variable' && updates)
      return mayWrite ? 'read_write' : 'read'
    }
  }
  const isActivation = (x: Tensor) => !homes.has(baseOf(x))
  const variableOf = (x: Tensor) => {
    const home = homes.get(baseOf(x))
    return home?.kind === 'variable' ? home.variable : undefined
  }
  for (const [t] of homes) checkSize(t, t.node, caps.maxBufferBytes, caps)
  const recipes = new Map<Node, Recipe>()
  for (const node of kernels) {
    const kinds = [...node.inputs, ...outputsOf(node)].map((x) => homes.get(baseOf(x))?.kind)
    const recipe = recipeOf(node, caps, kinds.join(), () =>
      // What is empty needs no kernel.
      node.types.every((t) => !sizeOf(t.shape))
        ? { scratch: [], dispatches: [] }
        : lower(node, { caps, access: accessBy(node), variableOf, isActivation }),
    )
    recipes.set(node, recipe)
    for (const bytes of recipe.scratch)
      checkBytes('its scratch memory', bytes, node, caps.maxBindingBytes, caps)
  }
  const scratchOf = (node: Node) =>
    recipes.get(node)!.scratch.map((bytes) => align(Math.max(16, bytes)))
  const order = settled(graph, kernels, (node) => scratchOf(node).reduce((a, b) => a + b, 0))
  const scratch = order.map((node, step) =>
    scratchOf(node).map((bytes): Lifetime => ({ bytes, from: step, to: step })),
  )
  const values = lifetimesOf(graph, order, (type) => align(storageBytes(type)))
  for (const t of values.keys()) checkSize(t, t.node, caps.maxBindingBytes, caps)
  const all = [...values.values(), ...scratch.flat()]
  const slabBytes = Math.floor(caps.maxBufferBytes / caps.alignment) * caps.alignment
  const packing = pack(all, slabBytes)
  const live = liveBytes(all, order.length)
  const offsetOf = new Map(all.map((v, i) => [v, packing.offsets[i]]))

  const placeOf = (x: Tensor): ValuePlace => {
    const base = baseOf(x)
    const home = homes.get(base)
    if (home) return home
    const value = values.get(base)!
    return { kind: 'slab', offset: offsetOf.get(value)!, bytes: storageBytes(base) }
  }
  const steps = order.map((node, step): PlanStep => {
    const recipe = recipes.get(node)!
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
    const limits = { slabBytes, maxBindingBytes: caps.maxBindingBytes }
    const dispatches = recipe.dispatches.flatMap((d) => placed(d, at, limits))
    const moves = (recipe.moves ?? []).map((move) => ({
      move,
      from: at(move.from),
      to: at(move.to),
    }))
    for (const p of dispatches.flatMap((d) => d.places))
      checkBytes('one of its values', p.bytes, node, caps.maxBindingBytes, caps)
    return { node, moves, dispatches, live: live[step] }
  })
  const tensors = [...values.keys()]
  const planned = all.map((v, i): PlannedValue => {
    return { ...v, tensor: tensors[i], offset: packing.offsets[i] }
  })
  const lowerBound = Math.max(0, ...live)
  const made = summarize(graph, caps, steps, planned, homes, packing.bytes, lowerBound, slabBytes)
  witness.plan?.(made, caps)
  return made
}

/** Values that do not live in the shared activation memory. */
function findHomes(graph: Graph, order: readonly Node[]): Map<Tensor, ValuePlace> {
  const homes = new Map<Tensor, ValuePlace>()
  for (const node of graph.nodes) {
    if (node.op.kind !== 'source') continue
    const t = node.output()
    const bytes = storageBytes(t)
    const { position, variable, value } = node.attrs as {
      position: number
      variable: Variable
      value: HostTensor
    }
    if (node.op.name === 'input') homes.set(t, { kind: 'input', position, bytes })
    else if (node.op.name === 'variable') homes.set(t, { kind: 'variable', variable, bytes })
    else homes.set(t, { kind: 'constant', value, bytes })
  }
  for (const node of order) {
    node.types.forEach((type, i) => {
      const step = assignedBy(node, i)
      if (!step) return
      const variable = step.attrs.variable as Variable
      homes.set(node.output(i), { kind: 'variable', variable, bytes: storageBytes(type) })
    })
  }
  graph.outputs.forEach((t, position) => {
    homes.set(baseOf(t), { kind: 'output', position, bytes: storageBytes(t) })
  })
  return homes
}

const checkSize = (type: TensorType, node: Node, limit: number, caps: Caps) =>
  checkBytes(showType(type), storageBytes(type), node, limit, caps)

function checkBytes(what: string, bytes: number, node: Node, limit: number, caps: Caps): void {
  if (bytes <= Math.min(limit, caps.maxBufferBytes)) return
  const most =
    limit === caps.maxBindingBytes
      ? `binds at most ${showBytes(limit)} at once`
      : `has buffers of at most ${showBytes(caps.maxBufferBytes)}`
  throw new OutOfMemoryError(
    `${what} takes ${showBytes(bytes)}, and ${caps.name} ${most} (in ${node.path || node.op.name})`,
    'use a smaller batch or crop',
  )
}

function summarize(
  graph: Graph,
  { alignment }: Caps,
  steps: readonly PlanStep[],
  values: readonly PlannedValue[],
  homes: ReadonlyMap<Tensor, ValuePlace>,
  activationBytes: number,
  lowerBound: number,
  slabBytes: number,
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
    activationBytes,
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

// What a plan rests on: the order of the kernels, what each of them runs, and from when to when each value is needed. Whether a way
// to run a graph is worth a plan can be told from it, before any dispatch is placed.

import type { Access, Recipe } from '../../shaders/kernel.ts'
import type { Caps } from '../adapters/adapter.ts'
import { showType, sizeOf, storageBytes, type TensorType } from '../dtype.ts'
import { OutOfMemoryError } from '../errors.ts'
import { baseOf, type Graph } from '../graph.ts'
import { assignedBy } from '../passes/fused.ts'
import { showBytes } from '../print.ts'
import { settled } from '../recompute/neighbours.ts'
import type { HostTensor, Node, Tensor, Variable } from '../tensor.ts'
import { lifetimesOf } from './lifetimes.ts'
import { isWithoutScratch, lower } from './lower.ts'
import { type Lifetime, liveBytes, type Packing, pack } from './memory.ts'
import type { ValuePlace } from './plan.ts'
import { recipeOf } from './recipes.ts'
import { schedule } from './schedule.ts'

export interface Arrangement {
  readonly graph: Graph
  /** The kernels in the order in which they run. */
  readonly order: readonly Node[]
  /** Values that do not live in the activation memory. */
  readonly homes: ReadonlyMap<Tensor, ValuePlace>
  /** Those that do, and the scratch memory of each kernel; sizes are aligned as the device wants them. */
  readonly values: ReadonlyMap<Tensor, Lifetime>
  readonly scratch: readonly (readonly Lifetime[])[]
  /** Bytes of them alive while each kernel runs, and the most: what no packing can go below. */
  readonly live: readonly number[]
  readonly lowerBound: number
  readonly slabBytes: number
  /** What a kernel of it runs. */
  recipe(node: Node): Recipe
  /** Where the values lie, and then the scratch memory, kernel by kernel. Found when it is first asked for. */
  packing(): Packing
}

const known = new WeakMap<Graph, { readonly caps: Caps; readonly arrangement: Arrangement }>()

/** Orders a fused graph for a device with these capabilities; once, however often it is asked for. Throws OutOfMemoryError for a
 * value that such a device cannot bind. */
export function arranged(graph: Graph, caps: Caps): Arrangement {
  const found = known.get(graph)
  if (found?.caps === caps) return found.arrangement
  const arrangement = arrange(graph, caps)
  known.set(graph, { caps, arrangement })
  return arrangement
}

function arrange(graph: Graph, caps: Caps): Arrangement {
  const kernels = schedule(graph)
  const homes = findHomes(graph, kernels)
  const align = (bytes: number) => Math.ceil(bytes / caps.alignment) * caps.alignment
  for (const t of homes.keys()) checkSize(t, t.node, caps.maxBufferBytes, caps)
  const recipe = recipesIn(homes, caps)
  const scratchOf = (node: Node) =>
    isWithoutScratch(node)
      ? []
      : recipe(node).scratch.map((bytes) => {
          checkBytes(() => 'its scratch memory', bytes, node, caps.maxBindingBytes, caps)
          return align(Math.max(16, bytes))
        })
  const order = settled(graph, kernels, (node) => scratchOf(node).reduce((a, b) => a + b, 0))
  const scratch = order.map((node, step) =>
    scratchOf(node).map((bytes): Lifetime => ({ bytes, from: step, to: step })),
  )
  const values = lifetimesOf(graph, order, (type) => align(storageBytes(type)))
  for (const t of values.keys()) checkSize(t, t.node, caps.maxBindingBytes, caps)
  const all = [...values.values(), ...scratch.flat()]
  const live = liveBytes(all, order.length)
  const slabBytes = Math.floor(caps.maxBufferBytes / caps.alignment) * caps.alignment
  let packing: Packing | undefined
  return {
    ...{ graph, order, recipe, homes, values, scratch, live, slabBytes },
    lowerBound: Math.max(0, ...live),
    packing: () => (packing ??= pack(all, slabBytes)),
  }
}

/** Recipes of kernels whose operands and results live in these homes. */
function recipesIn(homes: ReadonlyMap<Tensor, ValuePlace>, caps: Caps): (node: Node) => Recipe {
  const kindOf = (x: Tensor) => homes.get(baseOf(x))?.kind ?? 'slab'
  // Variables may share a buffer, which a kernel that updates one of them binds for writing.
  const accessBy = (node: Node) => {
    const updates = node.types.some((_, i) => assignedBy(node, i))
    return (x: Tensor): Access => {
      const kind = kindOf(x)
      const mayWrite = kind === 'slab' || kind === 'output' || (kind === 'variable' && updates)
      return mayWrite ? 'read_write' : 'read'
    }
  }
  const isActivation = (x: Tensor) => kindOf(x) === 'slab'
  const variableOf = (x: Tensor) => {
    const home = homes.get(baseOf(x))
    return home?.kind === 'variable' ? home.variable : undefined
  }
  const recipeFor = (node: Node) => {
    let kinds = ''
    for (const x of node.inputs) kinds += ` ${kindOf(x)}`
    for (const i of node.types.keys()) kinds += ` ${kindOf(node.output(i))}`
    return recipeOf(node, caps, kinds, () =>
      // What is empty needs no kernel.
      node.types.every((t) => !sizeOf(t.shape))
        ? { scratch: [], dispatches: [] }
        : lower(node, { caps, access: accessBy(node), variableOf, isActivation }),
    )
  }
  const recipes = new Map<Node, Recipe>()
  return (node) => {
    const recipe = recipes.get(node) ?? recipeFor(node)
    recipes.set(node, recipe)
    return recipe
  }
}

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
  for (const node of order)
    for (const [i, type] of node.types.entries()) {
      const step = assignedBy(node, i)
      if (!step) continue
      const variable = step.attrs.variable as Variable
      homes.set(node.output(i), { kind: 'variable', variable, bytes: storageBytes(type) })
    }
  graph.outputs.forEach((t, position) => {
    homes.set(baseOf(t), { kind: 'output', position, bytes: storageBytes(t) })
  })
  return homes
}

const checkSize = (type: TensorType, node: Node, limit: number, caps: Caps) =>
  checkBytes(() => showType(type), storageBytes(type), node, limit, caps)

/** Throws OutOfMemoryError where `bytes` are beyond `limit`, or beyond a buffer; `what` is what takes them. */
export function checkBytes(
  what: () => string,
  bytes: number,
  node: Node,
  limit: number,
  caps: Caps,
): void {
  if (bytes <= Math.min(limit, caps.maxBufferBytes)) return
  const most =
    limit === caps.maxBindingBytes
      ? `binds at most ${showBytes(limit)} at once`
      : `has buffers of at most ${showBytes(caps.maxBufferBytes)}`
  throw new OutOfMemoryError(
    `${what()} takes ${showBytes(bytes)}, and ${caps.name} ${most} (in ${node.path || node.op.name})`,
    'use a smaller batch or crop',
  )
}

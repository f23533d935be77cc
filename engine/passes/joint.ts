// After recomputation: updates that do the same to different variables become one node, so that a step of an optimiser is a few
// dispatches instead of one for each parameter.
//
//   p₁ ← f(p₁, m₁, g₁)   p₂ ← f(p₂, m₂, g₂)   …        →        one kernel over a table of (pᵢ, mᵢ, gᵢ)
//
// An update that waits for others keeps its gradient in memory meanwhile. So those of large tensors stay alone, and of the rest as
// many wait as hardly change the most that is alive at once. Nothing in the program comes after such an update: then any of them
// may run together, and no cycle can arise. How many that are depends on the size of the image; one that is left by itself runs
// in the same kernel as those that are not, so that the kernels do not.

import type { Caps } from '../adapters/adapter.ts'
import { sameShape, sizeOf } from '../dtype.ts'
import { baseOf, type Graph, identity, outputsOf } from '../graph.ts'
import type { Op } from '../op.ts'
import { type Arrangement, arranged } from '../plan/arrangement.ts'
import { pasted } from '../plan/expressions.ts'
import { type Plan, plan, planBytes } from '../plan/plan.ts'
import { Pools, poolBytes } from '../plan/spans.ts'
import { Node, type Tensor, type Variable } from '../tensor.ts'
import { assignedBy, type Body, bodyOf, fusedOp, type Ref } from './fused.ts'

/** Largest update, in bytes of one of its tensors, that waits for others: a larger one fills an adapter by itself. */
const LARGEST = 2 ** 22
/** What waiting updates may bring the most that is alive at once to, tried in this order: fewer wait where the values could not be
 * packed as well, and in the end none. */
const TRIES = [1 + 1 / 128, 15 / 16, 7 / 8, 3 / 4, 0]
/** What the activation memory may take beyond the most that is alive at once without joint updates, unless it took more. */
const SLACK = 1 / 64

/** The plan with equal updates in one kernel, where that takes no more activation memory or at most 1/64 above what must be alive at
 * once without, and at most `budget` bytes in all; else the plan of the graph as it is. */
export function joinUpdates(graph: Graph, caps: Caps, budget = Number.POSITIVE_INFINITY): Plan {
  const found = known.get(graph)
  if (found?.caps === caps && planBytes(found.plan) <= budget) return found.plan
  const made = joined(graph, caps, budget)
  if (budget === Number.POSITIVE_INFINITY) known.set(graph, { caps, plan: made })
  return made
}

const known = new WeakMap<Graph, { readonly caps: Caps; readonly plan: Plan }>()

function joined(graph: Graph, caps: Caps, budget: number): Plan {
  const keys = candidates(graph, caps)
  if (!keys.size) return plan(graph, caps)
  const apart = arranged(graph, caps)
  const { lowerBound } = apart
  for (const share of TRIES) {
    const joint = withGroups(graph, waiting(apart, keys, share * lowerBound, caps))
    const { bytes } = arranged(joint, caps).packing()
    if (bytes > (1 + SLACK) * lowerBound && bytes > apart.packing().bytes) continue
    const made = plan(joint, caps)
    if (planBytes(made) <= budget) return made
  }
  return plan(graph, caps)
}

// ---- which

/** Updates that may wait, with a key that is the same for those that one kernel can run; only keys that several have. */
function candidates(graph: Graph, caps: Caps): Map<Node, string> {
  const outputs = new Set(graph.outputs.map(baseOf))
  const read = new Set(graph.nodes.flatMap((n) => n.inputs.map(baseOf)))
  const overwriter = overwriters(graph)
  const isLast = (node: Node) =>
    outputsOf(node).every((t) => !read.has(t) && !outputs.has(t) && !overwriter.has(t)) &&
    node.inputs.every((x) => [undefined, node].includes(overwriter.get(baseOf(x))))
  const keys = new Map<Node, string>()
  for (const node of graph.nodes) {
    if (!isUpdate(node) || !isLast(node)) continue
    const key = keyOf(node, outputs, caps)
    if (key) keys.set(node, key)
  }
  const count = new Map<string, number>()
  for (const key of keys.values()) count.set(key, (count.get(key) ?? 0) + 1)
  return new Map([...keys].filter(([, key]) => count.get(key)! > 1))
}

/** Which node overwrites each version of a variable. */
export function overwriters({ nodes, assigns }: Graph): Map<Tensor, Node> {
  const current = new Map<Variable, Tensor>()
  for (const node of nodes)
    if (node.op.name === 'variable') current.set(node.attrs.variable as Variable, node.output())
  const overwriter = new Map<Tensor, Node>()
  for (const next of assigns) {
    const variable = assignedBy(next.node, next.index)?.attrs.variable as Variable | undefined
    if (!variable) continue
    const old = current.get(variable)
    if (old) overwriter.set(old, next.node)
    current.set(variable, next)
  }
  return overwriter
}

function isUpdate(node: Node): boolean {
  if (node.op.kind !== 'fused') return false
  const { root, steps } = bodyOf(node)
  const [{ shape }] = node.types
  const size = sizeOf(shape)
  return (
    root < 0 &&
    size > 0 &&
    4 * size <= LARGEST &&
    steps.every(({ op }) => op.kind === 'pointwise' && !op.indexed) &&
    node.types.every(
      (t, i) => t.dtype === 'f32' && sameShape(t.shape, shape) && assignedBy(node, i),
    ) &&
    node.inputs.every((x) => x.dtype === 'f32' && [1, size].includes(sizeOf(x.shape)))
  )
}

/** Where a joint kernel finds an operand: in a binding that it shares with others, or in one of its own. */
export type Space = 'variables' | 'activations' | 'own'

export function spaceOf(x: Tensor, outputs: ReadonlySet<Tensor>): Space {
  const base = baseOf(x)
  if (base.node.op.name === 'variable' || assignedBy(base.node, base.index)) return 'variables'
  return base.node.op.kind === 'source' || outputs.has(base) ? 'own' : 'activations'
}

/** Undefined where a joint kernel cannot run it. */
function keyOf(node: Node, outputs: ReadonlySet<Tensor>, caps: Caps): string | undefined {
  const body = bodyOf(node)
  const size = sizeOf(node.types[0].shape)
  const spaces = node.inputs.map((x) => spaceOf(x, outputs))
  const operands = node.inputs.map((x, j) => {
    const scalar = sizeOf(x.shape) === 1
    // What has a binding of its own is the same for all.
    return spaces[j] === 'own'
      ? (scalar && `own ${identity(x)}`) || ''
      : `${spaces[j]} ${scalar && size > 1}`
  })
  const count = (space: Space) => spaces.filter((s) => s === space).length
  const bindings = count('own') + 1 + count('activations') + 1
  if (operands.includes('') || bindings > caps.maxStorageBuffers) return undefined
  const { key } = pasted(body, node.inputs)
  return [key, operands, inPlace(node), size === 1].join(' | ')
}

/** The input that holds the old value of the variable that each result is stored in; −1 where the node reads none. */
export const inPlace = (node: Node): number[] =>
  node.types.map((_, r) => {
    const { variable } = assignedBy(node, r)!.attrs
    return node.inputs.findIndex((x) => variableOf(x) === variable)
  })

const variableOf = (x: Tensor): Variable | undefined => {
  const { node, index } = baseOf(x)
  return variableIn(node.op.name === 'variable' ? node : assignedBy(node, index))
}

const variableIn = (by: { readonly attrs: object } | undefined): Variable | undefined =>
  (by?.attrs as { variable?: Variable } | undefined)?.variable

// ---- how many

/** Groups such that no more than `limit` bytes are alive where an update waits, and that variables which share a buffer can be bound
 * at once. */
function waiting(
  { order, live, values }: Arrangement,
  keys: ReadonlyMap<Node, string>,
  limit: number,
  { alignment, maxBindingBytes, maxBufferBytes }: Caps,
): Node[][] {
  const now = [...live]
  const most = Math.min(maxBindingBytes, maxBufferBytes)
  const pools = new Pools()
  // What several groups read, such as a number of steps, brings them into one buffer.
  const canShare = (...nodes: Node[]) =>
    pools.join(nodes.flatMap(variablesOf), (all) => poolBytes(all, alignment) <= most)
  const groups: Node[][] = []
  const open = new Map<string, { members: Node[]; held: number; at: number }>()
  order.forEach((node, at) => {
    const key = keys.get(node)
    if (key === undefined) return
    // What nobody needs after it.
    const own = new Set(node.inputs.map(baseOf))
    let held = 0
    for (const x of own) if (values.get(x)?.to === at) held += values.get(x)!.bytes
    const group = open.get(key)
    const fits =
      group &&
      now.slice(group.at + 1, at + 1).every((bytes) => bytes + group.held <= limit) &&
      canShare(group.members[0], node)
    if (!fits) {
      if (!canShare(node)) return
      const members = [node]
      groups.push(members)
      open.set(key, { members, held, at })
      return
    }
    for (let i = group.at + 1; i <= at; i++) now[i] += group.held
    group.members.push(node)
    group.held += held
    group.at = at
  })
  return groups
}

/** The variables that an update reads or overwrites. */
const variablesOf = (node: Node): Variable[] => [
  ...node.inputs.flatMap((x) => variableOf(x) ?? []),
  ...node.types.flatMap((_, r) => variableIn(assignedBy(node, r)) ?? []),
]

function withGroups(graph: Graph, groups: readonly (readonly Node[])[]): Graph {
  const position = new Map(graph.nodes.map((node, i) => [node, i]))
  const last = new Map<Node, Node>()
  const gone = new Map<Tensor, Tensor>()
  for (const members of groups) {
    const node = jointNode(members)
    last.set(
      members.reduce((a, b) => (position.get(a)! > position.get(b)! ? a : b)),
      node,
    )
    members.flatMap(outputsOf).forEach((t, i) => {
      gone.set(t, node.output(i))
    })
  }
  const nodes = graph.nodes.flatMap((node) => {
    const joint = last.get(node)
    if (joint) return [joint]
    return gone.has(node.output()) ? [] : [node]
  })
  return { ...graph, nodes, assigns: graph.assigns.map((t) => gone.get(t) ?? t) }
}

function jointNode(members: readonly Node[]): Node {
  const inputs: Tensor[] = []
  const all: Body['steps'][number][] = []
  const results: Ref[] = []
  const places = members.map((node) => {
    const numbers = node.inputs.map((x) => {
      const known = inputs.indexOf(x)
      return known >= 0 ? known : inputs.push(x) - 1
    })
    const first = all.length
    const at = (ref: Ref): Ref =>
      'input' in ref ? { input: numbers[ref.input] } : { ...ref, step: first + ref.step }
    const body = bodyOf(node)
    for (const step of body.steps) all.push({ ...step, args: step.args.map(at) })
    results.push(...body.results.map(at))
    return numbers
  })
  const attrs = {
    body: { steps: all, results, root: -1 },
    joint: { each: bodyOf(members[0]), members: places },
  }
  const types = members.flatMap((node) => node.types)
  return new Node(fusedOp as Op, inputs, attrs, types, { path: commonPath(members) })
}

/** The part of the module path that all have in common. */
function commonPath(members: readonly Node[]): string {
  const [first, ...rest] = members.map(({ path }) => path.split('.'))
  const end = first.findIndex((name, i) => rest.some((path) => path[i] !== name))
  return first.slice(0, end < 0 ? undefined : end).join('.')
}

// From a failing program to a small one that fails in the same way. Any op can be left out: what it gave becomes an
// argument with the values that it had. So the smallest program is found by leaving out halves, quarters and so on, until
// nothing can be left out any more (Zeller's delta debugging); then the sizes of its arguments are halved.

import { hostArray, type Shape, sizeOf, type TensorType } from '../../engine/dtype.ts'
import { type Graph, graphOf, outputsOf } from '../../engine/graph.ts'
import { printGraph } from '../../engine/index.ts'
import { apply } from '../../engine/op.ts'
import { inputOp } from '../../engine/ops/source.ts'
import { interpretAll } from '../../engine/reference/index.ts'
import { eachCoordinate, indexOf, type Value } from '../../engine/reference/value.ts'
import type { HostTensor, Node, Tensor, Variable } from '../../engine/tensor.ts'
import { tracing } from '../../engine/trace.ts'
import type { Case } from './check.ts'
import { again } from './program.ts'
import { inferred, swapIn } from './resize.ts'

type Fails = (p: Case) => Promise<boolean>

/** The smallest failing case that at most `tries` runs find. */
export async function shrink(p: Case, fails: Fails, tries = 300): Promise<Case> {
  let left = tries
  const test: Fails = async (c) => left-- > 0 && fails(c)
  let best = p
  for (const outputs of p.graph.outputs.map((t) => [t])) {
    const alone = part(p, behind(outputs), outputs)
    if (alone.graph.nodes.length < best.graph.nodes.length && (await test(alone))) best = alone
  }
  best = await fewerOps(best, test)
  return smaller(best, test)
}

const isOp = ({ op }: Node) => op.kind !== 'source' && op.name !== 'scalar'

async function fewerOps(p: Case, fails: Fails): Promise<Case> {
  let best = p
  let kept = best.graph.nodes.filter(isOp)
  let chunk = Math.ceil(kept.length / 2)
  while (kept.length > 1 && chunk >= 1) {
    let shorter: Case | undefined
    for (let from = 0; from < kept.length && !shorter; from += chunk) {
      const rest = kept.filter((_, i) => i < from || i >= from + chunk)
      const next = rest.length ? part(best, new Set(rest)) : undefined
      if (next && (await fails(next))) shorter = next
    }
    if (shorter) {
      best = shorter
      kept = best.graph.nodes.filter(isOp)
      chunk = Math.min(chunk, Math.ceil(kept.length / 2))
    } else if (chunk === 1) break
    else chunk = Math.ceil(chunk / 2)
  }
  return best
}

function behind(ts: readonly Tensor[]): Set<Node> {
  const found = new Set(ts.map((t) => t.node))
  for (const node of found) for (const x of node.inputs) found.add(x.node)
  return found
}

/** The program that is left when only `kept` ops are run. What they read of others is given, and what nobody of them
 * reads is returned. */
function part({ graph, args }: Case, kept: ReadonlySet<Node>, only?: readonly Tensor[]): Case {
  const values = interpretAll(graph, args)
  const updated = new Set(
    graph.assigns.filter((t) => kept.has(t.node)).map((t) => t.node.attrs.variable as Variable),
  )
  const given: HostTensor[] = []
  const now = new Map<Tensor, Tensor>()
  const stays = (n: Node) =>
    kept.has(n) ? isOp(n) : n.op.name === 'scalar' || updated.has(n.attrs.variable as Variable)
  const argument = (t: Tensor): Tensor => {
    const known = now.get(t)
    if (known) return known
    const type = { dtype: t.dtype, shape: t.shape }
    const made = apply(inputOp, [], { type, position: given.length })[0]
    given.push(hostTensorOf(values.get(t)!))
    now.set(t, made)
    return made
  }
  const { result, trace } = tracing(() => {
    for (const node of graph.nodes) {
      if (!(kept.has(node) && isOp(node)) && !stays(node)) continue
      const made = again(node, node.inputs.map(argument), [])
      outputsOf(node).forEach((t, i) => {
        now.set(t, made[i])
      })
    }
    return (only ?? ends(graph, kept)).map(argument)
  })
  const types = given.map(({ dtype, shape }) => ({ dtype, shape }))
  return { graph: graphOf(types, result, trace.assigns), args: given }
}

/** What the program returns of the kept ops, and what of them nobody reads. */
function ends(graph: Graph, kept: ReadonlySet<Node>): Tensor[] {
  const read = new Set(graph.nodes.filter((n) => kept.has(n)).flatMap((n) => n.inputs))
  const own = graph.nodes.filter((n) => kept.has(n) && isOp(n) && n.op.name !== 'assign')
  const unread = own.flatMap(outputsOf).filter((t) => !read.has(t))
  return [...new Set([...graph.outputs.filter((t) => own.includes(t.node)), ...unread])]
}

function hostTensorOf({ dtype, shape, data }: Value): HostTensor {
  const host = hostArray(dtype, data.length)
  host.set(data)
  return { dtype, shape, data: host }
}

// ---- sizes

async function smaller(p: Case, fails: Fails): Promise<Case> {
  const axes = p.args.flatMap(({ shape }, k) => shape.map((n, a) => ({ k, a, n })))
  for (const { k, a, n } of axes)
    for (const size of [Math.ceil(n / 2), n - 1])
      for (const end of ['first', 'last'] as const) {
        const next = size < n && size > 0 && withSize(p, k, a, size, end)
        if (next && (await fails(next))) return smaller(next, fails)
      }
  return p
}

type End = 'first' | 'last'

/** The program with another size on axis `a` of argument `k` and whatever is as long; undefined where an op refuses. */
function withSize(
  { graph, args }: Case,
  k: number,
  a: number,
  size: number,
  end: End,
): Case | undefined {
  const changes = new Map([[args[k].shape[a], size]])
  for (const shapes of [
    args.map(({ shape }, i) => (i === k ? shape.with(a, size) : shape)),
    args.map(({ shape }) => swapIn(shape, changes) as Shape),
  ]) {
    const given = args.map((x, i) => corner(x, shapes[i], end))
    const next = retyped(graph, given, changes)
    if (next) return { graph: next, args: given }
  }
  return undefined
}

function retyped(
  graph: Graph,
  args: readonly HostTensor[],
  changes: ReadonlyMap<number, number>,
): Graph | undefined {
  const types = args.map(({ dtype, shape }): TensorType => ({ dtype, shape }))
  const now = new Map<Tensor, Tensor>()
  if (graph.assigns.length) return undefined
  const { result } = tracing(() => {
    for (const node of graph.nodes) {
      if (node.op.name === 'input') {
        const position = node.attrs.position as number
        now.set(node.output(), apply(inputOp, [], { type: types[position], position })[0])
        continue
      }
      const inputs = node.inputs.map((x) => now.get(x)!)
      const attrs = [node.attrs, swapIn(node.attrs, changes) as Node['attrs']].find((x) =>
        inferred(node.op, inputs, x),
      )
      if (!attrs) return undefined
      apply(node.op, inputs, attrs).forEach((t, i) => {
        now.set(node.output(i), t)
      })
    }
    return graph.outputs.map((t) => now.get(t)!)
  })
  return result && graphOf(types, result, [])
}

/** The first elements along every axis, or the last. */
function corner(x: HostTensor, shape: Shape, end: End): HostTensor {
  const data = hostArray(x.dtype, sizeOf(shape))
  const skip = x.shape.map((n, a) => (end === 'last' ? n - shape[a] : 0))
  eachCoordinate(shape, (at, i) => {
    const from = at.map((c, a) => c + skip[a])
    data[i] = x.data[indexOf(from, x.shape)]
  })
  return { dtype: x.dtype, shape, data }
}

// ---- printing

/** The graph as the engine prints it, and what its arguments are where they are short. */
export function printCase({ graph, args }: Case): string {
  const data = args.flatMap((x, i) => {
    if (x.data.length > 16) return []
    return [`argument ${i}: ${Array.from(x.data, (v) => Number(v.toPrecision(9))).join(' ')}`]
  })
  return [printGraph(graph), ...data].join('\n')
}

// A function taken through all stages, and these as steps to go through one by one: what each did to the nodes of the one before.

import type { Caps } from '../../../engine/adapters/adapter.ts'
import { type Explanation, explain } from '../../../engine/explain.ts'
import type { Graph } from '../../../engine/graph.ts'
import { type Change, changeOf } from '../../../engine/lineage.ts'
import { type Account, account } from '../../../engine/plan/account.ts'
import { plan, planBytes } from '../../../engine/plan/plan.ts'
import { titleOf } from '../../../engine/print.ts'
import { budgetChoices } from '../../../engine/recompute/budget.ts'
import { deviceProfiles } from '../../../engine/recompute/device-profile.ts'
import type { StageOptions } from '../../../engine/stages.ts'
import type { Node } from '../../../engine/tensor.ts'
import { type InputSpec, inputsOf } from './arguments.ts'
import { functionOf, type TensorFunction, withLines } from './evaluate.ts'

/** `least`: as much runs again as brings the memory down. */
export const recomputes = ['none', 'cheap', 'least'] as const
export type Recompute = (typeof recomputes)[number]

export interface Explored {
  readonly code: string
  /** What it is planned for, and how. */
  readonly caps: Caps
  readonly options: StageOptions
  readonly fn: TensorFunction
  readonly inputs: readonly InputSpec[]
  readonly explanation: Explanation<unknown>
  readonly account: Account
  readonly steps: readonly Step[]
}

export interface Step {
  readonly name: string
  /** What it does, for those who see it for the first time. */
  readonly text: string
  readonly graph: Graph
  /** From the step before. */
  readonly change: Change | undefined
}

/** Throws CodeError for what is wrong with the text, and what the engine says of a plan. */
export function explored(...asked: Parameters<typeof exploring>): Explored {
  const work = exploring(...asked)
  for (;;) {
    const { done, value } = work.next()
    if (done) return value
  }
}

/** The same in pieces, so that a page can do something else between them. */
export function* exploring(
  code: string,
  inputs: string,
  caps: Caps,
  recompute: Recompute = 'none',
): Generator<undefined, Explored> {
  const types = inputsOf(inputs)
  const fn = functionOf(code)
  const first = recompute === 'least' ? 'cheap' : recompute
  let options: StageOptions = { recompute: first }
  let explanation = withLines(() => explain(fn, types, caps, options))
  yield
  if (recompute === 'least') {
    options = { memoryBudget: yield* leastBytes(explanation.stages.fused, caps) }
    explanation = explain(fn, types, caps, options)
    yield
  }
  const steps = stepsOf(explanation)
  yield
  const accounted = account(explanation.stages)
  return { code, caps, options, fn, inputs: types, explanation, account: accounted, steps }
}

/** The smallest budget that some plan of the graph keeps. */
function* leastBytes(fused: Graph, caps: Caps): Generator<undefined, number> {
  let least = Number.POSITIVE_INFINITY
  for (const { graph } of budgetChoices(fused, deviceProfiles[caps.kind])) {
    least = Math.min(least, planBytes(plan(graph, caps)))
    yield
  }
  return least
}

const texts: readonly (readonly [name: string, text: string])[] = [
  [
    'Trace',
    'The function is called once, with tensors that stand for its arguments. Each op that it calls leaves a node.',
  ],
  [
    'Differentiate',
    'grad walks back from the loss. At each node the rule of its op appends more nodes of the same kind.',
  ],
  [
    'Simplify',
    'Equal nodes become one, plain numbers are worked out, and what nothing reads is gone.',
  ],
  [
    'Fuse',
    'Ops that pass values on element by element become one kernel, so that what is between them never goes through memory.',
  ],
  [
    'Recompute',
    'Kernels whose results would wait long for the backward pass may run again instead, right before they are needed.',
  ],
  [
    'Plan',
    'Every kernel has its turn and every value its place in memory. Updates that do the same become one kernel.',
  ],
]

function stepsOf({ stages }: Explanation<unknown>): Step[] {
  const { traced, simplified, fused, recomputed, plan, replaced } = stages
  const graphs = [forwardPart(traced), traced, simplified, fused, recomputed, plan.graph]
  return graphs.map((graph, i): Step => {
    const [name, text] = texts[i]
    return { name, text, graph, change: i ? changeOf(graphs[i - 1], graph, replaced) : undefined }
  })
}

/** The graph without derivatives and what depends on them. */
function forwardPart(graph: Graph): Graph {
  const late = new Set<Node>()
  const read = new Set<Node>()
  for (const node of graph.nodes) {
    if (node.source || node.inputs.some((x) => late.has(x.node))) late.add(node)
    else for (const x of node.inputs) read.add(x.node)
  }
  const outputs = graph.outputs.filter((t) => !late.has(t.node))
  const returned = new Set(outputs.map((t) => t.node))
  // What only the derivative reads, such as its seed, belongs to it.
  const stays = (n: Node) => !late.has(n) && (read.has(n) || returned.has(n) || n.inputs.length > 0)
  return {
    ...graph,
    nodes: graph.nodes.filter(stays),
    outputs,
    assigns: graph.assigns.filter((t) => !late.has(t.node)),
  }
}

/** What the step did, in one sentence with its numbers. */
export function summaryOf({ graph, change }: Step): string {
  const nodes = `${graph.nodes.length} nodes`
  if (!change) return `${nodes}.`
  const fates = [...change.fates.values()]
  const sources = [...change.sources.values()]
  const few = (how: string, list: readonly { readonly how: string }[]) =>
    list.filter((x) => x.how === how).length
  const kernels = new Set(fates.flatMap(({ how, into }) => (how === 'fused' ? into : []))).size
  const be = (n: number, one: string, more: string) => (n === 1 ? one : more)
  const unneeded = few('unneeded', fates)
  const again = few('again', sources)
  const added = few('added', sources)
  const parts = [
    [few('equal', fates), 'had the value of another'],
    [unneeded, `${be(unneeded, 'was', 'were')} not needed`],
    [few('folded', sources), 'became a plain number'],
    [few('fused', fates), `went into ${kernels} ${be(kernels, 'kernel', 'kernels')}`],
    [again, `${be(again, 'runs', 'run')} again`],
    [added, `${be(added, 'is', 'are')} new`],
  ] as const
  const said = parts.flatMap(([n, what]) => (n ? `${n} ${what}` : []))
  return `${change.fates.size} nodes became ${graph.nodes.length}${said.length ? `: ${said.join(', ')}` : ', the same ones'}.`
}

/** `%3 relu` in its graph. */
export const nameIn = ({ nodes }: Graph, node: Node): string =>
  `%${nodes.indexOf(node)} ${titleOf(node)}`

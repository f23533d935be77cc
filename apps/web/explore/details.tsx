// What is known of one node: its line, what it is tied to across the passes, the rule that made it, and what it was and becomes
// from stage to stage.

import { useMemo } from 'preact/hooks'
import { bytesOf, showType } from '../../../engine/dtype.ts'
import type { Graph } from '../../../engine/graph.ts'
import { differentiatedBy, originsOf } from '../../../engine/lineage.ts'
import type { Op } from '../../../engine/op.ts'
import { bodyOf } from '../../../engine/passes/fused.ts'
import { printGraph, showBytes, showFlops } from '../../../engine/print.ts'
import type { Node } from '../../../engine/tensor.ts'
import { type Explored, nameIn, type Step } from './explored.ts'
import { labelOf } from './graph-parts.ts'
import { Rule } from './rule.tsx'

export interface DetailsProps {
  readonly explored: Explored
  readonly at: number
  readonly node: Node
  /** Chooses a node of a step. */
  readonly onSelect: (node: Node, step: number) => void
}

export function Details({ explored, at, node, onSelect }: DetailsProps) {
  const { steps, explanation } = explored
  const { graph } = steps[at]
  const { replaced } = explanation.stages
  const of = useMemo(() => differentiatedBy(graph, replaced), [graph])
  const differentiates = of.get(node) ?? []
  const derivatives = graph.nodes.filter((n) => of.get(n)?.includes(node))
  const line = useMemo(() => printGraph(graph).split('\n'), [graph])[graph.nodes.indexOf(node)]
  const choose = (n: Node) => onSelect(n, at)
  return (
    <div class="details" aria-live="polite">
      <h3>
        {nameIn(graph, node).split(' ')[0]} {labelOf(node)}
      </h3>
      <pre class="line">{line?.replace(/ {2,}/g, '  ')}</pre>
      <Facts node={node} />
      <Links text="Derivative of" nodes={differentiates} graph={graph} onSelect={choose} />
      <Links text="Its derivative is" nodes={derivatives} graph={graph} onSelect={choose} />
      <Links text="Reads" nodes={node.inputs.map((x) => x.node)} graph={graph} onSelect={choose} />
      <Links
        text="Is read by"
        nodes={graph.nodes.filter((n) => n.inputs.some((x) => x.node === node))}
        graph={graph}
        onSelect={choose}
      />
      <Rules node={node} />
      <History steps={steps} at={at} node={node} onSelect={onSelect} />
    </div>
  )
}

function Facts({ node }: { node: Node }) {
  const { op, inputs, types, attrs } = node
  const { flops } = op.cost(inputs, types, attrs)
  const bytes = types.reduce((n, t) => n + bytesOf(t), 0)
  const facts = [
    types.slice(0, 3).map(showType).join(' '),
    op.kind === 'view' ? 'a view: no memory of its own' : showBytes(bytes),
    flops ? showFlops(flops).replace('F', 'flop') : '',
    node.path,
    op.kind === 'fused' ? `${bodyOf(node).steps.length} steps in one kernel` : op.kind,
  ]
  return <p class="soft">{facts.filter(Boolean).join(' · ')}</p>
}

function Links(props: {
  readonly text: string
  readonly nodes: readonly Node[]
  readonly graph: Graph
  readonly onSelect: (node: Node) => void
}) {
  const { text, graph, onSelect } = props
  const nodes = [...new Set(props.nodes)].filter((n) => graph.nodes.includes(n))
  if (!nodes.length) return null
  return (
    <p class="links">
      <span>{text}</span>
      {nodes.slice(0, 12).map((n) => (
        <button type="button" key={n.id} onClick={() => onSelect(n)}>
          {nameIn(graph, n)}
        </button>
      ))}
      {nodes.length > 12 && <span>and {nodes.length - 12} more</span>}
    </p>
  )
}

/** The rules that made a node of the backward pass; of others, the rule that their op would follow. */
function Rules({ node }: { node: Node }) {
  const origins = originsOf(node)
  const made = distinct(origins.flatMap((n) => n.source?.op ?? []))
  if (made.length)
    return (
      <section>
        <h4>Made by the {made.length > 1 ? 'rules' : 'rule'}</h4>
        {made.map((op) => (
          <Rule key={op.name} op={op} open={made.length < 3} />
        ))}
      </section>
    )
  const own = distinct(origins.map((n) => n.op)).filter((op) => op.kind !== 'source')
  if (!own.length) return null
  return (
    <section>
      <h4>How {own.length > 1 ? 'they are' : 'it is'} differentiated</h4>
      {own.map((op) => (
        <Rule key={op.name} op={op} open={own.length < 3} />
      ))}
    </section>
  )
}

const distinct = (ops: readonly Op[]): Op[] => [...new Set(ops)]

const came = {
  kept: 'unchanged',
  fused: 'one kernel of',
  folded: 'worked out from',
  again: 'the same kernel as',
  added: 'new in this stage',
} as const

const goes = {
  kept: 'stays',
  fused: 'is computed in',
  folded: 'is worked out',
  equal: 'is equal to',
  unneeded: 'is gone: nothing reads it',
} as const

/** What the node was in the stage before, and what it is in the next. */
function History({
  steps,
  at,
  node,
  onSelect,
}: Omit<DetailsProps, 'explored'> & { steps: readonly Step[] }) {
  const source = steps[at].change?.sources.get(node)
  const next = steps[at + 1]
  const fate = next?.change?.fates.get(node)
  return (
    <section>
      <h4>From stage to stage</h4>
      {source && source.how !== 'kept' && (
        <History1
          text={`${steps[at].name}: ${came[source.how]}`}
          nodes={source.from}
          graph={steps[at - 1].graph}
          onSelect={(n) => onSelect(n, at - 1)}
        />
      )}
      {fate && (
        <History1
          text={`${next.name}: ${goes[fate.how]}`}
          nodes={fate.into}
          graph={next.graph}
          onSelect={(n) => onSelect(n, at + 1)}
        />
      )}
      {!fate && !next && <p class="soft">A kernel of the plan, or a value that it is given.</p>}
    </section>
  )
}

const History1 = (props: Parameters<typeof Links>[0]) =>
  props.nodes.length ? <Links {...props} /> : <p class="links">{props.text}</p>

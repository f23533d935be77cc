// A graph as a drawing and as a list. Both show and choose the same nodes: the drawing by pointer and arrow keys, the list by
// buttons that read as the text printer's lines do.

import type { TargetedKeyboardEvent } from 'preact'
import { useMemo, useRef, useState } from 'preact/hooks'
import type { Graph } from '../../../engine/graph.ts'
import { printGraph } from '../../../engine/print.ts'
import type { Node } from '../../../engine/tensor.ts'
import { Button } from '../ui/parts.tsx'
import { dragging, useCtrlWheel, useFit, useIntoView } from './graph-frame.ts'
import { type Drawn, drawn } from './graph-parts.ts'
import { Box, type Mark, neighbour, tieBetween, type Words } from './node-box.tsx'

export type { Mark, Words } from './node-box.tsx'

export interface GraphViewProps {
  readonly graph: Graph
  /** Of the graph's stages: nodes whose value another one has. */
  readonly replaced?: ReadonlyMap<Node, Node>
  readonly selected?: Node | undefined
  readonly onSelect?: (node: Node) => void
  readonly highlights?: ReadonlyMap<Node, Mark>
  /** Names and values of nodes, for their boxes: short texts in the places of what they are called and of their types. */
  readonly words?: ReadonlyMap<Node, Words>
  /** What the drawing is of, for those who do not see it. */
  readonly label: string
}

export function GraphView(props: GraphViewProps) {
  const { graph, replaced, selected, label } = props
  const view = useMemo(() => drawn(graph, replaced), [graph, replaced])
  const [hovered, setHovered] = useState<Node>()
  const [asList, setAsList] = useState(false)
  const [zoom, setZoom] = useState<number>()
  const frame = useRef<HTMLDivElement>(null)
  const fitted = useFit(frame, view)
  const scale = zoom ?? fitted.first
  const near = hovered ?? selected
  const ties = useMemo(() => new Set(near && view.tied.get(near)), [view, near])
  const zoomBy = (factor: number) => setZoom(Math.min(2, Math.max(0.15, scale * factor)))
  useCtrlWheel(frame, zoomBy)
  useIntoView(frame, view, selected, scale)
  return (
    <figure class="graph" aria-label={label}>
      <div class="tools">
        <Lanes view={view} />
        <span class="row">
          {!asList && (
            <>
              <Button onPress={() => zoomBy(1 / 1.25)} label="Smaller">
                −
              </Button>
              <Button onPress={() => setZoom(fitted.whole)} label="Fit the drawing into its frame">
                Fit
              </Button>
              <Button onPress={() => zoomBy(1.25)} label="Larger">
                +
              </Button>
            </>
          )}
          <Button onPress={() => setAsList(!asList)} pressed={asList}>
            List
          </Button>
        </span>
      </div>
      {asList ? (
        <NodeList {...props} view={view} ties={ties} />
      ) : (
        <div class="drawing" ref={frame} {...dragging(frame)}>
          <Drawing
            {...props}
            view={view}
            scale={scale}
            near={near}
            ties={ties}
            onHover={setHovered}
          />
        </div>
      )}
    </figure>
  )
}

/** The passes that are there, by their colours. */
function Lanes({ view: { parts, orders } }: { view: Drawn }) {
  const passes = [...new Set(parts.map((p) => p.pass))]
  const names = {
    forward: 'forward',
    backward: orders > 1 ? 'derivatives' : 'derivative',
    update: 'updates',
  }
  return (
    <span class="lanes">
      {passes.map((pass) => (
        <span key={pass} class={`lane ${pass}`}>
          {names[pass]}
        </span>
      ))}
    </span>
  )
}

interface Shown extends GraphViewProps {
  readonly view: Drawn
  readonly ties: ReadonlySet<Node>
}

function Drawing(
  props: Shown & {
    readonly scale: number
    readonly near: Node | undefined
    readonly onHover: (node: Node | undefined) => void
  },
) {
  const { view, scale, near, ties, selected, highlights, words, onSelect, onHover, label } = props
  const { layout, parts } = view
  const keys = (event: TargetedKeyboardEvent<SVGSVGElement>) => {
    const next = neighbour(view, selected ?? parts[0]?.node, event.key)
    if (!next) return
    event.preventDefault()
    onSelect?.(next)
    const chosen = event.currentTarget.querySelector<SVGGElement>(
      `[data-key="${view.partOf.get(next)!.key}"]`,
    )
    chosen?.focus({ preventScroll: true })
  }
  const isNear = (i: number) => near !== undefined && parts[i].node === near
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset cannot be in a drawing
    <svg
      class={near && ties.size ? 'tying' : undefined}
      width={layout.width * scale}
      height={layout.height * scale}
      viewBox={`0 0 ${layout.width} ${layout.height}`}
      role="group"
      aria-label={`${label}: ${parts.length} nodes; arrow keys go from one to the next`}
      onKeyDown={keys}
    >
      <defs>
        <marker
          id="tip"
          viewBox="0 0 8 8"
          refX="5"
          refY="4"
          markerWidth="7"
          markerHeight="7"
          orient="auto"
        >
          <path d="M0 1L6 4L0 7z" />
        </marker>
      </defs>
      <g class="lines">
        {layout.lines.map(({ from, to, path, across }) => (
          <path
            key={`${parts[from].key} ${parts[to].key}`}
            d={path}
            marker-end="url(#tip)"
            class={`${across ? 'across' : ''} ${parts[to].pass} ${isNear(from) || isNear(to) ? 'near' : ''}`}
          />
        ))}
      </g>
      {[...ties].map((other) => (
        <path
          key={`tie ${view.partOf.get(other)?.key}`}
          class="tie"
          d={tieBetween(view, near!, other)}
        />
      ))}
      {parts.map((part, i) => (
        <Box
          key={part.key}
          part={part}
          at={layout.at[i]}
          mark={highlights?.get(part.node)}
          words={words?.get(part.node)}
          selected={part.node === selected}
          tied={ties.has(part.node)}
          reachable={selected && view.partOf.has(selected) ? part.node === selected : i === 0}
          onSelect={() => onSelect?.(part.node)}
          onHover={(over) => onHover(over ? part.node : undefined)}
        />
      ))}
    </svg>
  )
}

/** Every node as a line of the text printer, and a button. */
function NodeList({ graph, view, selected, onSelect, ties, highlights }: Shown) {
  const lines = useMemo(() => printGraph(graph).split('\n'), [graph])
  return (
    <ol class="nodes">
      {view.parts.map(({ node, pass, key }, i) => (
        <li key={key}>
          <button
            type="button"
            class={`${pass} ${ties.has(node) ? 'tied' : ''} ${highlights?.has(node) ? `mark-${highlights.get(node)!.kind}` : ''}`}
            aria-pressed={node === selected}
            onClick={() => onSelect?.(node)}
          >
            {lines[i]}
          </button>
        </li>
      ))}
      <li class="soft">{lines.at(-1)}</li>
    </ol>
  )
}

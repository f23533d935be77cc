// A graph as a drawing and as a list. Both show and choose the same nodes: the drawing by pointer and arrow keys, the list by
// buttons that read as the text printer's lines do.

import type { TargetedKeyboardEvent, TargetedMouseEvent, TargetedPointerEvent } from 'preact'
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks'
import type { Graph } from '../../../engine/graph.ts'
import { printGraph } from '../../../engine/print.ts'
import type { Node } from '../../../engine/tensor.ts'
import { Button } from '../ui/parts.tsx'
import { BOX, type Drawn, drawn, type Part } from './graph-parts.ts'

/** What is told of a node beside its name; the first word is its class in the style sheet. */
export interface Mark {
  readonly kind: 'new' | 'fused' | 'folded' | 'again' | 'leaves' | 'live' | 'here'
  readonly text: string
}

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

export interface Words {
  readonly title?: string | undefined
  readonly value?: string | undefined
}

export function GraphView(props: GraphViewProps) {
  const { graph, replaced, selected, label } = props
  const view = useMemo(() => drawn(graph, replaced), [graph, replaced])
  const [hovered, setHovered] = useState<Node>()
  const [asList, setAsList] = useState(false)
  const [zoom, setZoom] = useState<number>()
  const frame = useRef<HTMLDivElement>(null)
  const fitted = useFit(frame, view)
  const scale = zoom ?? fitted
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
              <Button onPress={() => setZoom(undefined)} label="Fit the drawing into its frame">
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

function Box(props: {
  readonly part: Part
  readonly at: { readonly x: number; readonly y: number }
  readonly mark: Mark | undefined
  readonly words: Words | undefined
  readonly selected: boolean
  readonly tied: boolean
  /** By the tabulator; the others by arrow keys. */
  readonly reachable: boolean
  readonly onSelect: () => void
  readonly onHover: (over: boolean) => void
}) {
  const { part, at, mark, words, selected, tied, reachable, onSelect, onHover } = props
  const { type, name, pass, width, node } = part
  const title = words?.title ?? part.title
  const high = type ? BOX : 26
  const kind = node.op.kind === 'source' ? 'source' : node.op.kind === 'fused' ? 'kernel' : ''
  const classes = [
    'node',
    pass,
    kind,
    mark && `mark-${mark.kind}`,
    selected && 'selected',
    tied && 'tied',
  ]
  return (
    // biome-ignore lint/a11y/useSemanticElements: there are no buttons in SVG
    <g
      class={classes.filter(Boolean).join(' ')}
      style={{ transform: `translate(${at.x}px, ${at.y}px)` }}
      role="button"
      tabIndex={reachable ? 0 : -1}
      aria-pressed={selected}
      aria-label={spoken(part, mark, words)}
      data-key={part.key}
      onClick={onSelect}
      onKeyDown={({ key }) => (key === 'Enter' || key === ' ') && onSelect()}
      onPointerEnter={() => onHover(true)}
      onPointerLeave={() => onHover(false)}
      onFocus={() => onHover(true)}
      onBlur={() => onHover(false)}
    >
      <title>{`${name} ${title}${mark ? `: ${mark.text}` : ''}`}</title>
      <rect
        x={-width / 2}
        y={-high / 2}
        width={width}
        height={high}
        rx={kind === 'source' ? high / 2 : 7}
      />
      <text class="title" y={type ? -2 : 5}>
        {title}
      </text>
      {type && (
        <text class={words?.value ? 'value' : 'type'} y={13}>
          {words?.value ?? type}
        </text>
      )}
    </g>
  )
}

const spoken = (
  { name, title, type, pass, node }: Part,
  mark: Mark | undefined,
  words: Words | undefined,
): string =>
  [
    `${name} ${words?.title ?? title}`,
    type,
    words?.value,
    pass,
    node.path && `in ${node.path}`,
    mark?.text,
  ]
    .filter(Boolean)
    .join(', ')

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

// ---- geometry

/** A line between tied nodes, from side to side. */
function tieBetween({ parts, layout }: Drawn, a: Node, b: Node): string {
  const [i, j] = [a, b].map((node) => parts.findIndex((p) => p.node === node))
  if (i < 0 || j < 0) return ''
  const [left, right] = layout.at[i].x < layout.at[j].x ? [i, j] : [j, i]
  const from = { x: layout.at[left].x + parts[left].width / 2, y: layout.at[left].y }
  const to = { x: layout.at[right].x - parts[right].width / 2, y: layout.at[right].y }
  const bend = Math.max(20, (to.x - from.x) / 2)
  return `M${from.x} ${from.y}C${from.x + bend} ${from.y} ${to.x - bend} ${to.y} ${to.x} ${to.y}`
}

const ways: Readonly<Record<string, readonly [x: number, y: number]>> = {
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
}

/** The nearest node in the direction of a key. */
function neighbour(
  { parts, layout }: Drawn,
  from: Node | undefined,
  key: string,
): Node | undefined {
  const way = ways[key]
  const start = parts.findIndex((p) => p.node === from)
  if (!way || start < 0) return undefined
  const [wx, wy] = way
  let best: Node | undefined
  let least = Number.POSITIVE_INFINITY
  parts.forEach(({ node }, i) => {
    const dx = layout.at[i].x - layout.at[start].x
    const dy = layout.at[i].y - layout.at[start].y
    const along = dx * wx + dy * wy
    const off = Math.abs(dx * wy + dy * wx)
    if (along < 8) return
    const far = along + 2 * off
    if (far < least) {
      least = far
      best = node
    }
  })
  return best
}

/** The scale at which a drawing is as wide as its frame, but legible. */
function useFit(frame: { current: HTMLDivElement | null }, { layout }: Drawn): number {
  const [width, setWidth] = useState(800)
  useLayoutEffect(() => {
    const element = frame.current
    if (!element) return
    const observer = new ResizeObserver(() => setWidth(element.clientWidth))
    observer.observe(element)
    return () => observer.disconnect()
  }, [frame.current])
  return Math.max(0.5, Math.min(1, width / layout.width))
}

function useCtrlWheel(frame: { current: HTMLDivElement | null }, zoomBy: (factor: number) => void) {
  useEffect(() => {
    const element = frame.current
    const turn = (event: WheelEvent) => {
      if (!event.ctrlKey) return
      event.preventDefault()
      zoomBy(event.deltaY < 0 ? 1.1 : 1 / 1.1)
    }
    element?.addEventListener('wheel', turn, { passive: false })
    return () => element?.removeEventListener('wheel', turn)
  })
}

/** Scrolls the frame, and nothing around it, to the selected node where it is not seen. */
function useIntoView(
  frame: { current: HTMLDivElement | null },
  { parts, layout }: Drawn,
  selected: Node | undefined,
  scale: number,
) {
  useEffect(() => {
    const element = frame.current
    const i = parts.findIndex((p) => p.node === selected)
    if (!element || i < 0) return
    const [x, y] = [layout.at[i].x * scale, layout.at[i].y * scale]
    const reach = { x: (parts[i].width / 2 + 12) * scale, y: BOX * scale }
    const { scrollLeft, scrollTop, clientWidth, clientHeight } = element
    if (x - reach.x < scrollLeft || x + reach.x > scrollLeft + clientWidth)
      element.scrollLeft = x - clientWidth / 2
    if (y - reach.y < scrollTop || y + reach.y > scrollTop + clientHeight)
      element.scrollTop = y - clientHeight / 2
  }, [selected, layout])
}

/** The frame's contents follow the pointer that is pressed beside the nodes. Fingers scroll it by themselves. */
function dragging(frame: { current: HTMLDivElement | null }) {
  return {
    onPointerDown(event: TargetedPointerEvent<HTMLDivElement>) {
      if (event.pointerType !== 'mouse' || event.button) return
      if ((event.target as Element).closest('.node')) return
      event.currentTarget.setPointerCapture(event.pointerId)
    },
    onPointerMove(event: TargetedMouseEvent<HTMLDivElement>) {
      const { pointerId } = event as unknown as PointerEvent
      if (!frame.current?.hasPointerCapture(pointerId)) return
      frame.current.scrollBy(-event.movementX, -event.movementY)
    },
  }
}

// One node of a drawing: a button that says what it is, and shows what is told of it.

import type { Node } from '../../../engine/tensor.ts'
import type { Drawn, Part } from './graph-parts.ts'
import { BOX } from './layout.ts'

/** What is told of a node beside its name; the first word is its class in the style sheet. */
export interface Mark {
  readonly kind: 'new' | 'fused' | 'folded' | 'again' | 'leaves' | 'live' | 'here'
  readonly text: string
  /** A sign or a number at the corner of its box. */
  readonly badge?: string
}

/** What a box says in place of a node's name and of its type. */
export interface Words {
  readonly title?: string | undefined
  readonly value?: string | undefined
}

export function Box(props: {
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
      {mark?.badge && (
        <g class="badge" style={{ transform: `translate(${width / 2}px, ${-high / 2}px)` }}>
          <rect
            x={-5 - 4 * mark.badge.length}
            y={-9}
            width={10 + 8 * mark.badge.length}
            height={18}
            rx={9}
          />
          <text y={4}>{mark.badge}</text>
        </g>
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

/** A line between tied nodes, from side to side. */
export function tieBetween({ parts, layout }: Drawn, a: Node, b: Node): string {
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
export function neighbour(
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

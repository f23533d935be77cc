// What every step shows of its program: results, a node in words, and claims with their checks.

import { showType } from '../../../../engine/dtype.ts'
import type { HostArray } from '../../../../engine/index.ts'
import { Names, titleOf } from '../../../../engine/print.ts'
import { type Node, Tensor } from '../../../../engine/tensor.ts'
import type { Words as BoxWords } from '../graph-view.tsx'
import { type LiveScene, useMachine } from './live.ts'
import { show } from './measure.ts'

/** Up to eight numbers, and how many more. */
export function showArray(data: HostArray): string {
  const some = Array.from(data.subarray(0, 8), show)
  if (data.length === 1) return some[0]
  return `[${some.join(', ')}${data.length > 8 ? `, … ${data.length} in all` : ''}]`
}

/** The results of the last run, or why there are none. */
export function ResultList({ scene }: { scene: LiveScene }) {
  const { problem: none } = useMachine()
  const { value, problem, busy } = scene.values
  if (none || problem) return <NoValues />
  return (
    <dl class={`results ${busy ? 'busy' : ''}`} aria-busy={busy}>
      {Object.entries(scene.stages.result).map(([name]) => {
        const data = value?.results[name] as HostArray | undefined
        return (
          <div key={name}>
            <dt>{name}</dt>
            <dd data-result={name}>{data ? showArray(data) : '…'}</dd>
          </div>
        )
      })}
    </dl>
  )
}

/** Why values are missing. */
export function NoValues() {
  const { problem } = useMachine()
  return (
    <p class="soft" role="status">
      {problem
        ? `No values: ${problem.what}. The text and the graphs need no device.`
        : 'No values: the run failed.'}
    </p>
  )
}

/** The names of a program's arguments, as its text has them. */
const argumentsOf = (text: string): string[] =>
  (/const f = \((.*?)\) =>/.exec(text)?.[1] ?? '').split(', ')

/** What the boxes of the drawing say: arguments by their names, and every single number. */
export function wordsOf({ stages, values, program }: LiveScene): ReadonlyMap<Node, BoxWords> {
  const names = argumentsOf(program.text)
  return new Map(
    stages.traced.nodes.map((node, i): [Node, BoxWords] => {
      const data = values.value?.nodes[i]?.[0]
      const title = node.op.name === 'input' ? names[Number(node.attrs.position)] : undefined
      return [node, { title, value: data?.length === 1 ? show(data[0]) : undefined }]
    }),
  )
}

/** A node of the traced graph in words: its line, its value, and what it is the derivative of. */
interface NodeLineProps {
  readonly scene: LiveScene
  readonly node: Node | undefined
  readonly words: ReadonlyMap<Node, BoxWords>
}

export function NodeLine({ scene, node, words }: NodeLineProps) {
  const { nodes } = scene.stages.traced
  const i = node ? nodes.indexOf(node) : -1
  if (!node || i < 0)
    return (
      <p class="node-line soft">
        Choose a node to see its type{!scene.program.resultsOnly && ', its value'} and where it
        comes from.
      </p>
    )
  const names = new Names(nodes)
  const data = scene.values.value?.nodes[i]?.[0]
  const returned = Object.entries(scene.stages.result).find(
    ([, t]) => t instanceof Tensor && t.node === node,
  )
  return (
    <p class="node-line" role="status">
      <code>
        {names.node(node)} {words.get(node)?.title ?? titleOf(node)}{' '}
        {node.types.map(showType).join(' ')}
      </code>
      {node.inputs.length > 0 && ` of ${node.inputs.map((t) => names.tensor(t)).join(' and ')}`}
      {data && (
        <>
          {' '}
          is <strong>{showArray(data)}</strong>
        </>
      )}
      {returned && `; it is returned as ${returned[0]}`}
      {node.source &&
        `; it is part of the derivative of ${names.node(node.source)} ${titleOf(node.source)}`}
    </p>
  )
}

/** What a step claims, each with its check. */
export function Claims({ scene }: { scene: LiveScene }) {
  const { value, problem, busy } = scene.claims
  return (
    <section class="card claims" aria-busy={busy}>
      <h3>Checked just now</h3>
      <ul>
        {value?.map(({ text, holds }) => (
          <li key={text.split(':')[0]} data-holds={String(holds)}>
            <span class="mark" role="img" aria-label={wordFor(holds)}>
              {holds === undefined ? '○' : holds ? '✓' : '✗'}
            </span>
            <span>
              {text}
              {holds === undefined && <em class="soft"> (takes a device)</em>}
            </span>
          </li>
        ))}
        {!value && !problem && <li class="soft">…</li>}
        {problem && <li>{problem.what}</li>}
      </ul>
    </section>
  )
}

const wordFor = (holds: boolean | undefined): string =>
  holds === undefined ? 'not checked' : holds ? 'holds' : 'does not hold'

// The walk of grad, one rule after the other: a slider goes from the loss back to the arguments.

import { createContext } from 'preact'
import { useContext, useState } from 'preact/hooks'
import { Names, titleOf } from '../../../../engine/print.ts'
import type { Node } from '../../../../engine/tensor.ts'
import { Slider } from '../../ui/parts.tsx'
import { Rule } from '../rule.tsx'
import type { StepProps } from './step.ts'

/** Rules as the engine's ops have them, of one argument x with result y, and of a product. */
const rules: Readonly<Record<string, string>> = {
  mul: 'dx = dy · w and dw = dy · x',
  square: 'dx = 2 · dy · x',
  sin: 'dx = dy · cos(x)',
  tanh: 'dx = dy · (1 − y²)',
  exp: 'dx = dy · y',
}

/** Which node of the drawing is chosen; shared, so that the walk can point at nodes. */
export const ChosenContext = createContext<{
  readonly chosen: Node | undefined
  readonly choose: (node: Node | undefined) => void
}>({ chosen: undefined, choose: () => {} })

export function Rules({ scene }: StepProps) {
  const { choose } = useContext(ChosenContext)
  const [at, setAt] = useState(0)
  const { nodes } = scene.stages.traced
  const names = new Names(nodes)
  const visited = [...new Set(nodes.flatMap((n) => n.source ?? []))]
  const place = Math.min(at, visited.length)
  const node = visited[place - 1]
  const made = nodes.filter((n) => n.source === node)
  return (
    <div class="walk">
      <Slider
        name="The walk back"
        value={place}
        min={0}
        max={visited.length}
        step={1}
        text={node ? `${place}: ${titleOf(node)}` : 'not begun'}
        onChange={(value) => {
          setAt(value)
          choose(visited[value - 1])
        }}
      />
      <p class="soft" role="status">
        {node ? (
          <>
            {names.node(node)} <code>{titleOf(node)}</code> has the rule{' '}
            <b>{rules[node.op.name] ?? 'of its op'}</b>. It appended{' '}
            {made.map((n) => `${names.node(n)} ${titleOf(n)}`).join(', ')}.
          </>
        ) : (
          'It begins with 1: the loss moves as far as it moves.'
        )}
      </p>
      {node && <Rule key={node.op.name} op={node.op} />}
    </div>
  )
}

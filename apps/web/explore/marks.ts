// What a stage did to its nodes and what the next one will do, as marks on their boxes.

import type { Fate, Source } from '../../../engine/lineage.ts'
import type { Node } from '../../../engine/tensor.ts'
import type { Explored } from './explored.ts'
import type { Mark } from './node-box.tsx'

/** The marks of a step, and of the plan's nodes what is alive at kernel `moment`. */
export function marksOf(
  { steps, explanation }: Explored,
  at: number,
  moment?: number,
): Map<Node, Mark> {
  const { plan } = explanation.stages
  if (moment !== undefined && plan.steps[moment] && steps[at].graph === plan.graph)
    return aliveMarks(explanation.stages.plan, moment)
  const marks = new Map<Node, Mark>()
  const { change, name } = steps[at]
  const next = steps[at + 1]?.change
  for (const node of steps[at].graph.nodes) {
    const source = change?.sources.get(node)
    const came = source && cameMark(source, name)
    const goes = next && goesMark(next.fates.get(node))
    const mark = source?.how === 'again' ? came : (goes ?? came)
    if (mark) marks.set(node, mark)
  }
  return marks
}

function cameMark({ how, from }: Source, stage: string): Mark | undefined {
  switch (how) {
    case 'again':
      return { kind: 'again', text: 'runs again', badge: '↻' }
    case 'added':
      // All of a derivative is new; its colour says so.
      return stage === 'Differentiate'
        ? { kind: 'new', text: 'new in this stage' }
        : { kind: 'new', text: 'new in this stage', badge: '+' }
    case 'fused':
      return { kind: 'fused', text: `made of ${from.length} nodes`, badge: `${from.length}` }
    case 'folded':
      return { kind: 'folded', text: 'worked out', badge: '#' }
    case 'kept':
      return undefined
  }
}

function goesMark(fate: Fate | undefined): Mark | undefined {
  if (fate?.how === 'unneeded')
    return { kind: 'leaves', text: 'gone in the next stage: nothing reads it', badge: '∅' }
  if (fate?.how === 'equal')
    return { kind: 'leaves', text: 'gone in the next stage: another has its value', badge: '=' }
  return undefined
}

function aliveMarks(
  { values, steps }: Explored['explanation']['stages']['plan'],
  moment: number,
): Map<Node, Mark> {
  const marks = new Map<Node, Mark>()
  for (const { tensor, from, to } of values)
    if (tensor && from <= moment && moment <= to)
      marks.set(tensor.node, { kind: 'live', text: `its value is alive at kernel ${moment}` })
  marks.set(steps[moment].node, { kind: 'here', text: `kernel ${moment} runs` })
  return marks
}

const meanings: readonly (readonly [kind: Mark['kind'], badge: string, text: string])[] = [
  ['leaves', '=', 'another has its value: gone in the next stage'],
  ['leaves', '∅', 'nothing reads it: gone in the next stage'],
  ['fused', '3', 'made of so many nodes'],
  ['folded', '#', 'worked out'],
  ['new', '+', 'new in this stage'],
  ['again', '↻', 'runs again'],
]

/** The signs that occur, with what they mean. */
export function signsOf(marks: ReadonlyMap<Node, Mark>): { badge: string; text: string }[] {
  const all = [...marks.values()]
  return meanings.flatMap(([kind, badge, text]) => {
    const there = all.some(
      (m) => m.kind === kind && m.badge && (kind !== 'leaves' || m.badge === badge),
    )
    return there ? [{ badge, text }] : []
  })
}

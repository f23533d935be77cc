// Explore: a function, its graph, its derivative, every stage down to the kernels, and the values that flow through it. All that is
// shown is what `explain` gives; nothing is computed twice in another way.

import type { ComponentType } from 'preact'
import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import { type Caps, type Device, defaultCaps } from '../../../engine/index.ts'
import type { Node } from '../../../engine/tensor.ts'
import { Card } from '../ui/parts.tsx'
import { type Problem, ProblemBox, problemOf } from '../ui/problem.tsx'
import { Details } from './details.tsx'
import { forgetLoss, useDevice } from './device.ts'
import { Editor, type Target, type Written } from './editor.tsx'
import { examples, firstExample } from './examples.ts'
import type { Explored, Recompute } from './explored.ts'
import { GraphView } from './graph-view.tsx'
import { Kernels } from './kernels.tsx'
import { marksOf, signsOf } from './marks.ts'
import { StagesBar } from './stages-bar.tsx'
import { Timeline } from './timeline.tsx'
import { endsWithin } from './trial.ts'
import { useTraced } from './use-traced.ts'
import { Values } from './values.tsx'

export default function Explore() {
  const [part, setPart] = useState(partOfAddress)
  useEffect(() => {
    const changed = () => setPart(partOfAddress())
    addEventListener('hashchange', changed)
    return () => removeEventListener('hashchange', changed)
  }, [])
  return part === 'tour' ? <Tour /> : <Explorer example={part} />
}

/** Seconds that a text may take to be traced and planned. */
const PATIENCE = 20

/** What follows `#explore/`. */
const partOfAddress = () => location.hash.slice(1).split('?')[0].split('/')[1] || firstExample

function Tour() {
  const [Shown, setShown] = useState<ComponentType>()
  const [error, setError] = useState<unknown>()
  useEffect(() => {
    import('./tour.tsx').then((module) => setShown(() => module.default), setError)
  }, [])
  if (error) return <ProblemBox problem={problemOf(error)} />
  return Shown ? <Shown /> : <p role="status">…</p>
}

function Explorer({ example: asked }: { example: string }) {
  const { device, problem: noDevice, lost } = useDevice()
  const here = useCaps(device)
  const example = Object.hasOwn(examples, asked) ? asked : firstExample
  const start = examples[example]
  const [written, setWritten] = useState<Written>(start)
  const [traced, setTraced] = useState<Written>(start)
  const [recompute, setRecompute] = useState<Recompute>('cheap')
  const [target, setTarget] = useState<Target>('this adapter')
  const [trying, setTrying] = useState(false)
  const [endless, setEndless] = useState<Problem>()
  /** What is being tried belongs to what is shown, and not to what was shown before. */
  const turn = useRef(0)
  useEffect(() => {
    turn.current++
    setTrying(false)
    setWritten(start)
    setTraced(start)
    setEndless(undefined)
  }, [start])
  const caps = capsOf(target, here)
  const ready = target !== 'this adapter' || here || noDevice
  const result = useTraced(traced, ready ? caps : undefined, recompute)
  const { now, kept, problem, working } = result
  const traceIt = async () => {
    const mine = ++turn.current
    setTrying(true)
    setEndless(undefined)
    try {
      await endsWithin(written.code, written.inputs, PATIENCE)
      if (mine === turn.current) setTraced({ ...written })
    } catch (error) {
      if (mine === turn.current) setEndless(problemOf(error))
    }
    if (mine === turn.current) setTrying(false)
  }
  return (
    <div class="stack explore" aria-busy={working}>
      <h1>Explore</h1>
      <Editor
        example={written.code === start.code ? example : 'own'}
        onExample={(name) => {
          location.hash = `#explore/${name}`
        }}
        written={written}
        traced={result.written}
        onWrite={setWritten}
        onTrace={traceIt}
        recompute={recompute}
        onRecompute={setRecompute}
        target={target}
        onTarget={setTarget}
        problem={endless ?? problem}
        busy={!ready || trying || working}
      />
      {noDevice && <ProblemBox problem={noDevice} />}
      {lost && <ProblemBox problem={lost} onClose={forgetLoss} />}
      {!ready && <p role="status">Looking for an adapter …</p>}
      {now && kept && <Shown key={now.code} explored={now} kept={kept} device={device} />}
    </div>
  )
}

const others: Readonly<Record<Exclude<Target, 'this adapter'>, Caps>> = {
  'default limits': defaultCaps,
  'a discrete GPU': { ...defaultCaps, kind: 'discrete', name: 'a discrete GPU' },
}

const capsOf = (target: Target, here: Caps | undefined): Caps =>
  target === 'this adapter' ? (here ?? defaultCaps) : others[target]

/** What the device can do. Of another device of the same adapter that is the same, and nothing is planned anew for it. */
function useCaps(device: Device | undefined): Caps | undefined {
  const known = useRef<Caps>(undefined)
  if (device && device.caps.name !== known.current?.name) known.current = device.caps
  return known.current
}

function Shown(props: {
  readonly explored: Explored
  readonly kept: Explored
  readonly device: Device | undefined
}) {
  const { kept, device } = props
  const { steps } = props.explored
  const [at, setAt] = useState(1)
  const [chosen, setChosen] = useState(() => firstChoice(props.explored))
  const [moment, setMoment] = useState<number>()
  const { graph } = steps[at]
  const selected = chosen && graph.nodes.includes(chosen) ? chosen : undefined
  const go = (to: number) => {
    setChosen(followed(props.explored, selected, at, to))
    setAt(to)
  }
  const select = (node: Node, step = at) => {
    setChosen(node)
    setAt(step)
  }
  const plan = steps.length - 1
  // Planned in another way, the nodes are others: what is chosen is chosen anew in the same stage.
  useEffect(() => {
    if (selected) return
    setChosen(followed(props.explored, firstChoice(props.explored), 1, at))
    setMoment(undefined)
  }, [props.explored])
  const marks = useMemo(() => marksOf(props.explored, at, moment), [props.explored, at, moment])
  return (
    <>
      <Card title="Graph, stage by stage">
        <StagesBar steps={steps} at={at} onGo={go} />
        <Signs marks={marks} />
        <div class="beside">
          <GraphView
            graph={graph}
            replaced={props.explored.explanation.stages.replaced}
            selected={selected}
            onSelect={select}
            highlights={marks}
            label={`${steps[at].name}: the graph`}
          />
          <aside aria-label="The chosen node">
            {selected ? (
              <>
                <Details explored={props.explored} at={at} node={selected} onSelect={select} />
                <Values device={device} explored={props.explored} node={selected} />
              </>
            ) : (
              <p class="soft">
                Choose a node: what it is tied to, the rule that made it, what becomes of it, and
                the values that flow through it.
              </p>
            )}
          </aside>
        </div>
      </Card>
      <Timeline
        explored={props.explored}
        kept={kept}
        moment={moment}
        onMoment={(to, show) => {
          setMoment(to)
          if (show) select(props.explored.explanation.stages.plan.steps[to].node, plan)
        }}
        onSelect={(node) => select(node, plan)}
      />
      <Kernels
        explored={props.explored}
        device={device}
        selected={selected}
        onSelect={(node) => select(node, plan)}
      />
    </>
  )
}

function Signs({ marks }: { marks: ReturnType<typeof marksOf> }) {
  const signs = signsOf(marks)
  if (!signs.length) return null
  return (
    <ul class="signs" aria-label="Signs in the drawing">
      {signs.map(({ badge, text }) => (
        <li key={badge}>
          <b>{badge}</b>
          {text}
        </li>
      ))}
    </ul>
  )
}

/** Something to see at once: the derivative of the first op that has a kernel of its own. */
function firstChoice({ steps }: Explored): Node | undefined {
  const backward = steps[1].graph.nodes.filter((n) => n.source && n.inputs.length)
  return backward.findLast((n) => n.source?.op.kind === 'structured') ?? backward.at(-1)
}

/** The node of another stage that a node is, or is part of. */
function followed({ steps }: Explored, node: Node | undefined, from: number, to: number) {
  let found = node
  for (let i = from; i < to && found; i++) found = steps[i + 1].change?.fates.get(found)?.into[0]
  for (let i = from; i > to && found; i--) found = steps[i].change?.sources.get(found)?.from[0]
  return found
}

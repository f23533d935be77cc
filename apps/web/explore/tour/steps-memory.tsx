// Steps 9 and 10 of the tour: the plan, and a residual block.

import { useMemo, useState } from 'preact/hooks'
import { showBytes, summarizePlan, titleOf } from '../../../../engine/print.ts'
import type { Node } from '../../../../engine/tensor.ts'
import { Button, Choice, Figures, Slider } from '../../ui/parts.tsx'
import { problemOf } from '../../ui/problem.tsx'
import { GraphView } from '../graph-view.tsx'
import { dropOf, drops, joins, normsOf, peakOf, peaks, sameBits } from './claims-memory.ts'
import { examples } from './examples.ts'
import { useLive } from './live.ts'
import { show } from './measure.ts'
import { MemoryMap } from './memory-map.tsx'
import { NoValues } from './parts.tsx'
import { Predict } from './predict.tsx'
import { programOf, stagesOf } from './program.ts'
import type { Step, StepProps } from './step.ts'

const planned: Step = {
  title: 'The plan',
  example: 'planned',
  pages: ['5-plan', '6-recompute'],
  graph: false,
  Text: () => (
    <>
      <p>
        Before anything runs, each kernel has its place in a row, and each value its place in
        memory. A value is alive from the kernel that makes it to the last one that reads it; values
        that are never alive together may have the same bytes. In the picture time goes to the
        right, and a bar is a value.
      </p>
      <p>
        In the forward part bars pile up, for they wait for the backward part. What is inside a{' '}
        <code>checkpoint</code> does not wait: it is thrown away, and made again by the same kernels
        when it is needed. That costs arithmetic and gives back memory, and the gradients are the
        same to the bit.
      </p>
    </>
  ),
  Show: Plan,
  Task: ({ scene, onSolved }) => (
    <Predict
      question={
        <>
          Say a block is <code>keep</code>: everything waits. When is the most alive?
        </>
      }
      choices={peaks}
      answer={async () =>
        peakOf(stagesOf(programOf(examples.planned, { ...scene.settings, block: 'keep' })).plan)
      }
      because="All results of the forward part are there, and the first gradients come on top. From then on each kernel is the last reader of something."
      hint="Move through the plan above, and look at how high the bars reach."
      onSolved={onSolved}
    />
  ),
}

function Plan({ scene }: StepProps) {
  const { plan } = scene.stages
  const { runner, settings } = scene
  const [at, setAt] = useState(0)
  const [said, setSaid] = useState<string>()
  const [busy, setBusy] = useState(false)
  const step = Math.min(at, plan.steps.length - 1)
  const summary = summarizePlan(plan)
  const compare = async () => {
    setBusy(true)
    try {
      const { equal, count } = await sameBits(runner!, settings)
      setSaid(
        `${count} numbers of the gradients, with and without checkpoint: ${equal ? 'every bit is the same' : 'they differ'}.`,
      )
    } catch (error) {
      setSaid(problemOf(error).what)
    } finally {
      setBusy(false)
    }
  }
  return (
    <div class="plan">
      <MemoryMap plan={plan} at={step} onMove={setAt} />
      <Slider
        name="Kernel"
        value={step}
        min={0}
        max={plan.steps.length - 1}
        step={1}
        text={`${step}: ${titleOf(plan.steps[step].node)}${plan.steps[step].node.source ? ', backward' : ''}`}
        onChange={setAt}
      />
      <Figures
        figures={[
          ['Alive now', showBytes(plan.steps[step].live)],
          ['Memory', showBytes(summary.activationBytes)],
          ['Kernels', String(summary.kernels)],
          ['Multiply-adds', `${show(summary.macs / 1e6)} M`],
        ]}
      />
      <div class="row">
        <Button disabled={!runner || busy} onPress={compare}>
          Run both ways and compare
        </Button>
        <span role="status">{busy ? 'Running …' : said}</span>
      </div>
    </div>
  )
}

const residual: Step = {
  title: 'A residual block',
  example: 'residual',
  pages: ['9-networks'],
  graph: false,
  Text: () => (
    <>
      <p>
        Now all of it together. A block adds to x what two convolutions make of it. By step 5 the
        gradient comes back on two ways and adds up: through the convolutions, where it is
        multiplied by their weights, and past them, where it is multiplied by nothing.
      </p>
      <p>
        With many blocks in a row the first way shrinks it again and again; the second does not.
        That is why networks of this kind can be deep. The drawing is of one block: as written down,
        and as it runs, where what is cheap is done inside the kernels of the convolutions.
      </p>
    </>
  ),
  Show: Residual,
  Task: ({ scene, onSolved }) => (
    <Predict
      question={
        <>
          Take the skip connection away: a block gives <code>mul(gain, inner)</code>. With 6 blocks
          and a gain of 0.25, how much smaller is the gradient at the first block than at the end?
        </>
      }
      choices={drops}
      answer={
        scene.runner &&
        (async () =>
          dropOf(await normsOf(scene.runner!, { blocks: '6', join: joins[1], gain: '0.25' })))
      }
      because="Each block takes its gain, a quarter, and what its convolutions lose at their ReLUs and borders. With the skip connection little changes from block to block: the bars show both."
      hint="Each block multiplies what comes back by its gain, a quarter, and six blocks do so six times."
      onSolved={onSolved}
    />
  ),
}

function Residual({ scene }: StepProps) {
  const { runner, settings } = scene
  const [stage, setStage] = useState<'traced' | 'fused'>('traced')
  const [chosen, choose] = useState<Node>()
  const one = useMemo(
    () => stagesOf(programOf(examples.residual, { ...settings, blocks: '1' })),
    [settings.join],
  )
  const { value: norms } = useLive(
    runner && (() => Promise.all(joins.map((join) => normsOf(runner, { ...settings, join })))),
    [runner, settings.blocks, settings.gain],
  )
  return (
    <>
      {norms ? <Norms open={norms[0]} shut={norms[1]} /> : runner ? <p>…</p> : <NoValues />}
      <div class="narrow">
        <Choice
          name="The block"
          value={stage}
          options={[
            { value: 'traced', text: `as written down: ${one.traced.nodes.length} nodes` },
            { value: 'fused', text: `as it runs: ${one.plan.steps.length} kernels` },
          ]}
          onChange={setStage}
        />
      </div>
      <GraphView
        graph={one[stage]}
        selected={chosen}
        onSelect={choose}
        label={`One block, its loss and its derivative, ${stage}`}
      />
    </>
  )
}

/** Lengths of the gradient along the blocks, on a scale of tens, with and without skip connections. */
function Norms({ open, shut }: { open: readonly number[]; shut: readonly number[] }) {
  const top = Math.max(...open, ...shut)
  // A bar's height is what is left of 6 tens below the largest.
  const high = (v: number) => (v ? Math.max(1, 100 + (100 / 6) * Math.log10(v / top)) : 0)
  return (
    <figure class="norms">
      <figcaption>
        Length of the gradient at the entrance of each block, and at the end; a line is ten times.
        <span class="with">with the skip connection</span>
        <span class="without">without</span>
      </figcaption>
      <ol>
        {open.map((v, i) => (
          <li key={i}>
            <span class="bars">
              <span class="with" style={{ height: `${high(v)}%` }} />
              <span class="without" style={{ height: `${high(shut[i])}%` }} />
            </span>
            <span class="unseen">
              with {show(v)}, without {show(shut[i])} at
            </span>
            <small>{i < open.length - 1 ? i + 1 : 'end'}</small>
          </li>
        ))}
      </ol>
    </figure>
  )
}

export const memorySteps: readonly Step[] = [planned, residual]

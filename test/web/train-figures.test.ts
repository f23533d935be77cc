// What the Train page says of a run: nothing that is not known yet.

import type { VNode } from 'preact'
import * as assert from 'uvu/assert'
import { noCurves } from '../../apps/web/train/curves.ts'
import { afterLoss, RunFigures, RunStatus } from '../../apps/web/train/figures.tsx'
import type { RunState } from '../../apps/web/train/run.ts'
import { test } from '../harness.ts'

const idle: RunState = {
  ...{ status: 'idle', classes: [], step: 0, looks: [], notes: [], curves: noCurves },
}

const last = { loss: 1.25, lr: 0.01, ms: 40, imagesPerSecond: 50, bytes: 2 ** 20, eta: 600 }
const running: RunState = { ...idle, status: 'running', step: 3, of: 100, last: last as never }

const sentence = (state: RunState): string =>
  (RunStatus({ state }) as VNode<{ text: string }>).props.text

const figures = (state: RunState): Map<string, string> =>
  new Map((RunFigures({ state }) as VNode<{ figures: [string, string][] }>).props.figures)

test('train figures: what a step takes, and what is left, is told once there were enough steps to tell', () => {
  assert.is(RunStatus({ state: idle }), null)
  assert.is(sentence({ ...idle, status: 'running' }), 'The first step …')
  const early = { ...running, pace: { ms: 9000, steps: 1.8 } }
  assert.is(sentence(early), 'Step 3 of 100')
  assert.equal([figures(early).get('A step'), figures(early).get('Images a second')], ['–', '–'])
  const later = { ...running, pace: { ms: 200, steps: 4 } }
  assert.match(sentence(later), /^Step 3 of 100, .+ left$/)
  // 50 images a second were of a step of 40 ms.
  assert.equal(
    [figures(later).get('A step'), figures(later).get('Images a second')],
    ['50 ms', '40'],
  )
})

test('train figures: a run that was stopped claims a snapshot only where there is one', () => {
  const stopped: RunState = { ...running, status: 'stopped' }
  assert.is(sentence(stopped), 'Stopped at step 3 of 100')
  assert.is(sentence({ ...stopped, kept: 3 }), 'Stopped at step 3 of 100; its snapshot is kept')
})

test('train figures: of a lost device no other is claimed before it is open', () => {
  const lost = { what: 'The device was lost', step: 1012, from: 1000, isReplaced: false }
  assert.is(afterLoss(lost), '12 steps were lost since the snapshot of step 1,000.')
  assert.is(
    afterLoss({ ...lost, isReplaced: true }),
    'Another was opened, and training goes on from the snapshot of step 1,000: 12 steps were lost.',
  )
  assert.is(afterLoss({ ...lost, step: 1, from: 0 }), '1 step was lost since the beginning.')
  assert.is(
    afterLoss({ ...lost, step: 0, from: 0, isReplaced: true }),
    'Another was opened, and training goes on from the beginning: no step was lost.',
  )
})

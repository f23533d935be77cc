// What the Train page makes of a person's choices, and of what a run tells; no browser is needed for it.

import * as assert from 'uvu/assert'
import { grown, noCurves, until } from '../../apps/web/train/curves.ts'
import { checkedName, freeName } from '../../apps/web/train/run-store.ts'
import { defaultsFor, goingOn, networks, recipeOf } from '../../apps/web/train/settings.ts'
import { buildModel } from '../../models/index.ts'
import { batchLoss } from '../../train/recipes/loss.ts'
import { test } from '../harness.ts'

test('train page: every network that can be chosen is built, narrow and with classes of its data', () => {
  assert.ok(networks.length > 15)
  for (const model of networks) {
    const recipe = recipeOf({ ...defaultsFor(true), model, width: '4', depth: '0.3' }, undefined)
    const network = buildModel(recipe.model)
    assert.is(network.classes, 8)
    batchLoss(recipe.loss, network)
    const own = { name: 'a folder', classes: 5 }
    const folder = recipeOf({ ...defaultsFor(false), data: 'folder', model, width: '8' }, own)
    assert.is(buildModel(folder.model).classes, 5)
  }
})

test('train page: a finished run goes on for as long as is chosen now, another to its own end', () => {
  const settings = { ...defaultsFor(true), steps: 50 }
  const recipe = recipeOf(settings, undefined)
  assert.is(goingOn(recipe, { step: 20, seconds: 9 }, settings), recipe)
  assert.is(goingOn(recipe, { step: 50, seconds: 9 }, { ...settings, steps: 30 }).steps, 80)
  const timed = recipeOf({ ...settings, limit: 'minutes', minutes: 2 }, undefined)
  assert.is(timed.steps, undefined)
  const longer = goingOn(timed, { step: 50, seconds: 120 }, { ...settings, limit: 'minutes' })
  assert.is(longer.minutes, 7)
})

test('train page: curves keep their shape in fewer points, and lose what a lost device took', () => {
  let curves = noCurves
  const record = { kind: 'step', of: 5000, progress: 0, lr: 0, ms: 1, eta: 0, bytes: 0 } as const
  for (let step = 10; step <= 5000; step += 10) {
    const losses = Array.from({ length: 10 }, (_, i) => ({ step: step - 9 + i, value: 1 / step }))
    const more = { step, loss: 0, losses, imagesPerSecond: 1, outOfRange: 0 }
    curves = grown(curves, { ...record, ...more })
  }
  assert.ok(curves.steps.length <= 1200 && curves.steps.length > 500)
  assert.is(curves.steps.at(-1), 5000)
  assert.ok(curves.steps.every((step, i) => i === 0 || step > curves.steps[i - 1]))
  assert.ok(Math.abs(curves.smooth.at(-1)! - 1 / 5000) < 1e-4)
  const back = until(curves, 1000)
  assert.ok(back.steps.at(-1)! <= 1000 && back.losses.length === back.steps.length)
})

test('train page: a checkpoint has a name that a file can have', () => {
  assert.is(checkedName('  my street 2 '), 'my street 2')
  for (const name of ['', '  ', 'a/b', '.hidden', 'a\\b', 'what?', 'x'.repeat(81)])
    assert.throws(() => checkedName(name), /name|called/)
})

test('train page: what is kept without a name of its own takes no other’s place', () => {
  assert.is(freeName('street', []), 'street-1')
  assert.is(freeName('street', ['street-1', 'street-3', 'my street']), 'street-2')
})

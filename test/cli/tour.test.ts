// The code of the guided tour, run as the page runs it: every example in every wording holds what its step claims, and what
// it computes is right by formulas that stand here.

import * as assert from 'uvu/assert'
import { claims } from '../../apps/web/explore/tour/claims.ts'
import { normsOf, peakOf, plansOf, sameBits } from '../../apps/web/explore/tour/claims-memory.ts'
import { growth, isRepaired } from '../../apps/web/explore/tour/claims-scalars.ts'
import { descend, readsOf, termCount, termsOf } from '../../apps/web/explore/tour/claims-tensors.ts'
import { type ExampleName, examples } from '../../apps/web/explore/tour/examples.ts'
import type { Scene } from '../../apps/web/explore/tour/measure.ts'
import {
  arrayOf,
  filled,
  firstSettings,
  functionOf,
  numberOf,
  programOf,
  Runner,
  type Settings,
  stagesOf,
} from '../../apps/web/explore/tour/program.ts'
import { testDevice } from '../device.ts'
import { test } from '../harness.ts'

/** The settings with each word of each gap in turn, and with each number at its ends. */
function everySetting(name: ExampleName): Settings[] {
  const first = firstSettings(examples[name])
  const others = Object.entries(examples[name].gaps).flatMap(([gap, { options, min, max }]) =>
    (options ?? [min, max]).map((value) => ({ ...first, [gap]: String(value) })),
  )
  return [first, ...others.filter((s) => JSON.stringify(s) !== JSON.stringify(first))]
}

const sceneOf = (name: ExampleName, settings: Settings, runner?: Runner): Scene => ({
  program: programOf(examples[name], settings),
  settings,
  runner,
})

async function withRunner(use: (runner: Runner) => Promise<void>): Promise<void> {
  const runner = new Runner(await testDevice())
  await use(runner)
  runner.dispose()
}

for (const name of Object.keys(examples) as ExampleName[]) {
  test(`tour: what the step '${name}' claims holds in all of its wordings`, () =>
    withRunner(async (runner) => {
      for (const settings of everySetting(name)) {
        // The factor of dw is wrong on purpose, but for one of them.
        const expected = name !== 'byHand' || settings.factor === 'x'
        const found = await claims[name](sceneOf(name, settings, runner))
        assert.ok(found.length > 0)
        const broken = found.filter((claim) => !claim.holds).map((claim) => claim.text)
        assert.is(broken.length === 0, expected, `${JSON.stringify(settings)}: ${broken}`)
      }
    }))
}
const first = (name: ExampleName, changes: Settings = {}) => ({
  ...firstSettings(examples[name]),
  ...changes,
})

test('tour: without a device, what the graph shows is checked, and the rest is open', async () => {
  for (const name of Object.keys(examples) as ExampleName[]) {
    const found = await claims[name](sceneOf(name, first(name)))
    assert.not(found.some((claim) => claim.holds === false))
  }
})

test('tour: what is shown is what runs', () => {
  for (const name of Object.keys(examples) as ExampleName[]) {
    const { code } = examples[name]
    const { text } = programOf(examples[name], first(name))
    assert.is(text, filled(code, first(name)))
    assert.type(functionOf(text), 'function')
  }
  assert.throws(() => functionOf('const g = 1'), /f is not defined/)
})

test('tour: node counts of the scalar examples', () => {
  const count = (name: ExampleName, changes?: Settings) =>
    stagesOf(programOf(examples[name], first(name, changes))).traced.nodes.length
  assert.is(count('product'), 3)
  assert.is(count('recorded'), 6)
  assert.is(count('recorded', { out: 'z' }), 7)
  assert.is(count('recorded', { out: 'a' }), 5)
})

test('tour: values and gradients by hand', () =>
  withRunner(async (runner) => {
    const run = async (name: ExampleName, changes: Settings) =>
      runner.run(programOf(examples[name], first(name, changes)))
    const hand = await run('byHand', { factor: 'x', x: '3', w: '2' })
    assert.equal(
      ['loss', 'dy', 'dx', 'dw'].map((n) => numberOf(hand, n)),
      [36, 12, 24, 36],
    )
    const grads = await run('appended', { outer: 'square', x: '3', w: '2' })
    assert.equal(
      ['loss', 'dx', 'dw'].map((n) => numberOf(grads, n)),
      [36, 24, 36],
    )
    assert.is(numberOf(await run('fanOut', { body: 'mul(mul(x, x), x)', x: '2' }), 'dx'), 12)
    assert.is(numberOf(await run('fanOut', { body: 'sub(x, x)', x: '2' }), 'dx'), 0)
    assert.is(await growth(sceneOf('product', first('product'), runner), [5, -1]), 5)
    const { nodes } = grads
    assert.equal(
      nodes.slice(0, 4).map(([v]) => v[0]),
      [3, 2, 6, 36],
    )
  }))

test('tour: the factor of dw is found wrong also where its value is right', () =>
  withRunner(async (runner) => {
    const repaired = (changes: Settings) =>
      isRepaired(sceneOf('byHand', first('byHand', changes), runner))
    assert.not(await repaired({ factor: 'w', x: '2', w: '2' }))
    assert.not(await repaired({ factor: 'y', x: '2', w: '1' }))
    assert.ok(await repaired({ factor: 'x', x: '2', w: '2' }))
  }))

test('tour: which value a rule reads', () => {
  const of = (op: string) => readsOf(sceneOf('kept', first('kept', { op })))
  assert.is(of('relu'), 'what it gave')
  assert.is(of('exp'), 'what it gave')
  assert.is(of('square'), 'what it was given')
  assert.is(of('sin'), 'what it was given')
  assert.is(of('neg'), 'neither')
})

test('tour: an element of dw is a sum of as many products as the device finds', () =>
  withRunner(async (runner) => {
    for (const product of examples.products.gaps.product.options!) {
      const scene = sceneOf('products', first('products', { product }), runner)
      const dw = arrayOf(await runner.run(scene.program), 'dw')
      for (let i = 0; i < dw.length; i++)
        assert.is(await termCount(scene, i), termsOf(scene, i).length)
    }
  }))

test('tour: sixty steps bring the loss below a twentieth, and a rate that is too large raises it', () =>
  withRunner(async (runner) => {
    const falling = programOf(examples.descent, first('descent'))
    const start = await descend(runner, falling, 0)
    assert.is(start.before, start.after)
    for (let i = 0; i < 60; i++) await descend(runner, falling, 0.05)
    assert.ok((await descend(runner, falling, 0)).after < start.before / 20)
    runner.reset(falling)
    assert.is((await descend(runner, falling, 0)).after, start.before)
    const { before, after } = await descend(
      runner,
      programOf(examples.descent, first('descent', { act: 'relu' })),
      0.5,
    )
    assert.ok(after > before, `${before} to ${after}`)
  }))

test('tour: blocks that run again take less memory and give the same bits', () =>
  withRunner(async (runner) => {
    const settings = first('planned')
    const { keep, checkpoint } = plansOf(settings)
    assert.ok(checkpoint.activationBytes < keep.activationBytes)
    assert.is(peakOf(keep), 'where the forward part ends and the backward part begins')
    const { equal, count } = await sameBits(runner, settings)
    assert.ok(equal)
    assert.is(count, 6 * 3 * 3 * 4 * 4)
  }))

test('tour: the gradient keeps its size through skip connections, and loses it without', () =>
  withRunner(async (runner) => {
    const [add, none] = examples.residual.gaps.join.options!
    const open = await normsOf(runner, first('residual', { join: add }))
    const shut = await normsOf(runner, first('residual', { join: none }))
    assert.is(open.length, 7)
    assert.ok(open[0] > open[6] / 10 && open[0] < open[6] * 10, String(open))
    assert.ok(shut[0] < shut[6] / 1000, String(shut))
  }))

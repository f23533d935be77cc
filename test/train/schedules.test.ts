// Learning rates by the step, at the places that their definitions fix.

import assert from 'node:assert/strict'
import { OptionError } from '../../engine/errors.ts'
import {
  constantRate,
  cosineRate,
  linearRate,
  polyRate,
  type RatePhase,
  rateOf,
  steppedRate,
  stepsOf,
  thenRate,
  warmedRate,
} from '../../train/schedules.ts'
import { test } from '../harness.ts'

const near = (a: number, b: number) =>
  assert.ok(Math.abs(a - b) <= 1e-12 * Math.abs(b), `${a} ${b}`)

test('schedules: stepped falls by its factor at each interval, down to its floor', () => {
  const frrn = steppedRate(1e-3, 5000, { floor: 5e-5 })
  assert.equal(frrn(4999), 1e-3)
  near(frrn(5000), 8e-4)
  near(frrn(14_999), 6.4e-4)
  assert.equal(frrn(1e6), 5e-5)
  assert.equal(steppedRate(1e-5, 10, { floor: 1 })(0), 1e-5)
})

test('schedules: poly and cosine begin at the base and end at the last step', () => {
  const poly = polyRate(0.01, 100)
  assert.equal(poly(0), 0.01)
  near(poly(50), 0.01 * 0.5 ** 0.9)
  assert.deepEqual([poly(100), poly(500)], [0, 0])
  near(polyRate(1, 4, 2)(1), 0.5625)
  const cosine = cosineRate(0.4, 10, 0.1)
  assert.equal(cosine(0), 0.4)
  near(cosine(5), 0.25)
  near(cosine(10), 0.1)
  near(cosine(99), 0.1)
})

test('schedules: one after another and from a warm start', () => {
  const cityscapes = thenRate(constantRate(0.0016), 25_900, linearRate(0.0008, 11_840))
  assert.equal(cityscapes(25_899), 0.0016)
  assert.equal(cityscapes(25_900), 0.0008)
  near(cityscapes(25_900 + 5920), 0.0008 * (1 - 5920 / 11_841))
  const warm = warmedRate(constantRate(2), 4)
  assert.deepEqual([0, 1, 3, 4, 9].map(warm), [0.5, 1, 2, 2, 2])
  for (const bad of [0, 1.5, -3, Number.NaN])
    assert.throws(() => warmedRate(constantRate(1), bad), OptionError)
  assert.throws(() => polyRate(1, 0), OptionError)
})

const wu: readonly RatePhase[] = [
  { lr: 0.0016, steps: 25_900 },
  { lr: 0.0008, steps: 11_840, schedule: 'linear' },
]

test('rate phases: one after the other they are the published schedules', () => {
  const byHand = thenRate(constantRate(0.0016), 25_900, linearRate(0.0008, 11_840))
  const rate = rateOf(wu)
  for (const step of [0, 25_899, 25_900, 30_000, 37_739, 37_740, 99_999])
    assert.equal(rate(step), byHand(step), `step ${step}`)
  const frrn = rateOf([
    { lr: 1e-3, steps: 35_000 },
    { lr: 1e-4, steps: 10_000 },
  ])
  assert.deepEqual([0, 34_999, 35_000, 44_999].map(frrn), [1e-3, 1e-3, 1e-4, 1e-4])
  const code = rateOf([
    { lr: 1e-3, steps: 45_000, schedule: 'step', every: 5000, factor: 0.8, floor: 5e-5 },
  ])
  const released = steppedRate(1e-3, 5000, { floor: 5e-5 })
  for (const step of [0, 4999, 5000, 44_999, 1e6]) near(code(step), released(step))
})

test('rate phases: another number of steps stretches them, and each keeps at least one', () => {
  assert.equal(stepsOf(wu), 37_740)
  const rate = rateOf(wu, 100)
  const turn = Math.round((100 * 25_900) / 37_740)
  assert.equal(rate(turn - 1), 0.0016)
  assert.equal(rate(turn), 0.0008)
  near(rate(99), 0.0008 * (1 - (99 - turn) / (100 - turn + 1)))
  const three = [1000, 1, 1].map((steps, i) => ({ lr: i + 1, steps }))
  assert.deepEqual([0, 1, 2].map(rateOf(three, 3)), [1, 2, 3])
  assert.deepEqual([0, 7, 8, 9].map(rateOf(three, 10)), [1, 1, 2, 3])
  assert.deepEqual([0, 1].map(rateOf(three, 2)), [1, 2])
  assert.deepEqual([0].map(rateOf(three, 1)), [1])
  const steps = rateOf([{ lr: 1, steps: 10, schedule: 'step', every: 5, factor: 0.5 }], 40)
  assert.deepEqual([19, 20, 39].map(steps), [1, 0.5, 0.5])
  const warm = rateOf(
    [
      { lr: 1, steps: 10, warmUp: 2 },
      { lr: 3, steps: 10 },
    ],
    40,
  )
  assert.deepEqual([0, 1, 3, 4, 20].map(warm), [0.25, 0.5, 1, 1, 3])
})

test('rate phases: between two steps the curve is the same, as a time limit asks for it', () => {
  const rate = rateOf([{ lr: 1, steps: 10, schedule: 'poly', power: 1, floor: 0.1 }])
  near(rate(0.25 * 10), 0.75)
  near(rate(9.9), 0.1)
  near(rateOf([{ lr: 2, steps: 4, schedule: 'cosine', floor: 1 }])(0.5 * 4), 1.5)
})

test('rate phases: what is no phase is refused in words', () => {
  const refused: readonly (readonly [unknown, RegExp])[] = [
    [[], /phases are a list/],
    [{ lr: 1, steps: 1 }, /phases are a list/],
    [[3], /phase 1: 3 is no phase/],
    [[{ lr: -1, steps: 5 }], /phase 1: lr -1 is out of range/],
    [[{ lr: 1e99, steps: 5 }], /lr 1e\+99 is out of range.*\n.*f32/],
    [[{ lr: '1e-3', steps: 5 }], /lr '1e-3' is out of range/],
    [[{ lr: 1, steps: 0 }], /steps 0 is no whole number/],
    [[{ lr: 1, steps: 1.5 }], /steps 1.5/],
    [[{ lr: 1, steps: 5, schedule: 'polly' }], /there is no schedule 'polly'/],
    [[{ lr: 1, steps: 5, power: 2 }], /schedule constant has no power/],
    [[{ lr: 1, steps: 5, schedule: 'poly', powr: 2 }], /has no powr\n {2}hint: did you mean power/],
    [[{ lr: 1, steps: 5, schedule: 'step', every: 2 }], /factor undefined/],
    [[{ lr: 1, steps: 5, schedule: 'step', factor: 0.5 }], /every undefined/],
    [[{ lr: 1, steps: 5, schedule: 'linear', floor: 2 }], /floor 2 is out of range/],
    [[{ lr: 1, steps: 5, warmUp: 6 }], /warmUp 6 is longer than the phase, 5/],
    [
      [
        { lr: 1, steps: 5 },
        { lr: 1, steps: 5, warmUp: 2 },
      ],
      /phase 2: only the first/,
    ],
  ]
  for (const [phases, message] of refused)
    assert.throws(
      () => rateOf(phases as RatePhase[]),
      (e: Error) => e instanceof OptionError && message.test(e.message),
      JSON.stringify(phases),
    )
  assert.throws(() => rateOf(wu, 0), OptionError)
})

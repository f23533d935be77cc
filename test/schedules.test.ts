// Learning rates by the step, at the places that their definitions fix.

import assert from 'node:assert/strict'
import { OptionError } from '../engine/errors.ts'
import {
  constantRate,
  cosineRate,
  linearRate,
  polyRate,
  steppedRate,
  thenRate,
  warmedRate,
} from '../train/schedules.ts'
import { test } from './harness.ts'

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

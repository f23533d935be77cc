// Which examples make which step: each once in an epoch, or as often as their weights say, and the same ones whenever a run goes on.

import assert from 'node:assert/strict'
import { OptionError } from '../../engine/errors.ts'
import { LAST_BATCHES, Order } from '../../train/loader/order.ts'
import { rareClassWeights } from '../../train/loader/sampling.ts'
import { Random } from '../../train/random.ts'
import { test } from '../harness.ts'

const order = (size: number, options: ConstructorParameters<typeof Order>[1]) =>
  new Order(size, options, 'the set')

test('order: a thousand steps of a thousand orders are what a fresh order gives there', () => {
  const random = new Random(11)
  for (let i = 0; i < 1000; i++) {
    const size = random.int(1, 60)
    const count = random.int(1, size)
    const seed = random.u32()
    const last = random.pick(LAST_BATCHES)
    const weights = random.chance(0.3)
      ? Float64Array.from({ length: size }, () => random.uniform())
      : undefined
    const options = { count, seed, last, weights }
    const whole = order(size, options)
    const steps = random.int(1, 4 * whole.stepsPerEpoch)
    const all = Array.from({ length: steps }, (_, step) => whole.at(step))
    const from = random.int(0, steps - 1)
    const resumed = order(size, options)
    for (let step = from; step < steps; step++) assert.deepEqual(resumed.at(step), all[step])
    assert.deepEqual(order(size, options).at(from), all[from])
    if (weights) continue
    // Without weights an epoch has each example at most once, and all of them where none is dropped.
    const epoch = Array.from({ length: whole.stepsPerEpoch }, (_, s) => [...whole.at(s).indices])
    const flat = epoch.flat()
    const own = last === 'wrap' ? flat.slice(0, size) : flat
    assert.equal(new Set(own).size, last === 'drop' ? size - (size % count) : size)
    assert.equal(own.length, new Set(own).size)
  }
})

test('order: the last batch is dropped, kept small, or filled up with the first of its epoch', () => {
  const sizes = (last: 'drop' | 'keep' | 'wrap') => {
    const o = order(8, { count: 3, seed: 2, last })
    return Array.from({ length: o.stepsPerEpoch }, (_, s) => o.at(s).indices.length)
  }
  assert.deepEqual(
    [sizes('drop'), sizes('keep'), sizes('wrap')],
    [
      [3, 3],
      [3, 3, 2],
      [3, 3, 3],
    ],
  )
  const wrapped = order(8, { count: 3, seed: 2, last: 'wrap' })
  assert.equal(wrapped.at(2).indices[2], wrapped.at(0).indices[0])
  assert.notDeepEqual(wrapped.at(3).indices, wrapped.at(0).indices)
  assert.equal(order(2, { count: 3, seed: 0, last: 'wrap' }).stepsPerEpoch, 1)
  assert.deepEqual([...order(2, { count: 3, seed: 0, last: 'keep' }).at(5).indices].sort(), [0, 1])
})

test('order: examples come as often as their weights say', () => {
  const weights = [0, 1, 3, 0, 4]
  const o = order(5, { count: 5, seed: 9, weights })
  const counts = new Array(5).fill(0)
  for (let step = 0; step < 4000; step++) for (const i of o.at(step).indices) counts[i]++
  weights.forEach((w, i) => {
    const expected = (20_000 * w) / 8
    // Five deviations of a binomial count.
    assert.ok(Math.abs(counts[i] - expected) <= 5 * Math.sqrt(expected), `${counts}`)
  })
})

test('order: what makes no order is refused', () => {
  const refuses = (size: number, options: object, what: RegExp) =>
    assert.throws(
      () => order(size, { count: 1, seed: 0, ...options }),
      (error: Error) => {
        assert.ok(error instanceof OptionError)
        assert.match(error.message, what)
        return true
      },
    )
  refuses(2, { count: 3 }, /a batch of 3 is larger than the set of 2/)
  refuses(2, { count: 0 }, /at least one example/)
  refuses(0, { last: 'keep' }, /has no example/)
  refuses(2, { last: 'most' }, /the last batch cannot be most/)
  refuses(2, { weights: [1] }, /1 weights for 2 examples/)
  refuses(2, { weights: [1, -1] }, /the weight of example 1 is -1/)
  refuses(2, { weights: [0, 0] }, /add up to 0/)
  assert.throws(() => order(2, { count: 1, seed: 0 }).at(-1), /there is no step -1/)
  assert.throws(() => order(2, { count: 1, seed: 0 }).at(0.5), /there is no step 0.5/)
})

test('rare class sampling: weights are those of the formula, and what nobody knows is never drawn', () => {
  const images = [
    { classes: [0], pixels: [90] },
    { classes: [0, 1], pixels: [60, 30] },
    null,
    { classes: [], pixels: [] },
    { classes: [2, 0], pixels: [20, 0] },
  ]
  const share = [150 / 200, 30 / 200, 20 / 200].map((f) => Math.exp((1 - f) / 0.1))
  const p = share.map((v) => v / share.reduce((a, b) => a + b))
  const expected = [p[0] / 3, p[0] / 3 + p[1], 0, 0, p[0] / 3 + p[2]]
  const got = rareClassWeights(images, { temperature: 0.1 })
  got.forEach((w, i) => {
    assert.ok(Math.abs(w - expected[i]) < 1e-12, `${got}`)
  })
  assert.ok(Math.abs(got.reduce((a, b) => a + b) - 1) < 1e-12)
  assert.throws(() => rareClassWeights([null]), /no image has a labelled pixel/)
  assert.throws(() => rareClassWeights(images, { temperature: 0 }), OptionError)
})

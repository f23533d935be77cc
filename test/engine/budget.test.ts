// Recomputation by budget: the choice of segments against all there are, plans that fit what was asked and no more time than they
// must take, and the same numbers whatever runs again.

import assert from 'node:assert/strict'
import { OptionError, OutOfMemoryError } from '../../engine/errors.ts'
import { defaultCaps } from '../../engine/explain.ts'
import { grad, mul, sum } from '../../engine/index.ts'
import { hostTensor } from '../../engine/ops/source.ts'
import { planBytes } from '../../engine/plan/plan.ts'
import { cheapestSegments, type Segment, type Unit } from '../../engine/recompute/segments.ts'
import { bytesOfBudget } from '../../engine/recompute/within.ts'
import { drawInput, randomFrom } from '../../engine/reference/index.ts'
import { type StageOptions, stages } from '../../engine/stages.ts'
import type { Tensor } from '../../engine/tensor.ts'
import { buildModel } from '../../models/index.ts'
import { labelsOnGrid } from '../../nn/grid.ts'
import { crossEntropy } from '../../nn/losses.ts'
import { Sgd } from '../../train/optimizers.ts'
import { f32 } from '../agree.ts'
import { testDevice } from '../device.ts'
import { slowWanted, test } from '../harness.ts'

const SLOTS = 40

/** All ways to run a chain: every unit kept, or in a segment that ends before the last unit. */
function* allChoices(n: number, from = 0): Generator<Segment[]> {
  if (from === n) {
    yield []
    return
  }
  for (const rest of allChoices(n, from + 1)) yield rest
  for (let to = from + 1; to < n; to++)
    for (const rest of allChoices(n, to)) yield [[from, to], ...rest]
}

/** Time of a choice, or undefined where it takes more than the budget; bytes rounded up as the planner rounds them. */
function timeOf(units: readonly Unit[], segments: readonly Segment[], budget: number) {
  const step = budget / SLOTS
  const up = (bytes: number) => step * Math.ceil(bytes / step - 1e-9)
  let waiting = 0
  let seconds = 0
  for (let u = 0; u < units.length; ) {
    const [from, to] = segments.find(([start]) => start === u) ?? [u, u]
    const part = units.slice(from, Math.max(to, from + 1))
    const work = Math.max(...part.map((x) => x.work))
    const again = to > from
    const held = part.reduce((n, x) => n + (again ? x.inside : x.kept), 0)
    if (waiting + held + work > budget) return undefined
    const left = again
      ? part.flatMap((x) => x.crossing).reduce((n, c) => n + (c.until >= to ? c.bytes : 0), 0)
      : part[0].kept
    waiting += up(left)
    if (waiting > budget * (1 + 1e-9)) return undefined
    if (again) seconds += part.reduce((s, x) => s + x.seconds, 0)
    u = Math.max(to, u + 1)
  }
  return seconds
}

test('budget: the segments are the best of all, for every chain of up to 9 units', () => {
  const random = randomFrom(5)
  const whole = (most: number) => Math.floor(random() * most)
  let found = 0
  for (let trial = 0; trial < 150; trial++) {
    const n = 1 + whole(9)
    const units = Array.from({ length: n }, (_, u): Unit => {
      const kept = whole(100)
      const until = Math.min(n - 1, u + 1 + whole(3))
      const crossing = until > u ? [{ bytes: whole(30), until }] : []
      return { kept, inside: kept + whole(20), crossing, work: whole(40), seconds: 1 + whole(50) }
    })
    const all = units.reduce((s, u) => s + u.kept, 0) + 40
    for (const share of [1, 0.7, 0.5, 0.35, 0.2]) {
      const times = [...allChoices(n)].map((segments) => timeOf(units, segments, share * all))
      const possible = times.filter((t) => t !== undefined)
      const choice = cheapestSegments(units, share * all, SLOTS)
      assert.equal(choice?.seconds, possible.length ? Math.min(...possible) : undefined)
      if (!choice) continue
      found++
      assert.equal(timeOf(units, choice.segments, share * all), choice.seconds)
    }
  }
  assert.ok(found > 200, `${found} budgets that something fits`)
})

/** A training step of a narrow network. */
function stepOf(name: string, options: object, size: readonly [n: number, h: number, w: number]) {
  const model = buildModel({ name, options: { classes: 4, seed: 3, ...options } })
  const optimizer = new Sgd(model.parameters(), { momentum: 0.9 })
  const stride = model.scoreStride
  const fn = (image: Tensor, labels: Tensor, lr: Tensor, seed: Tensor, step: Tensor) => {
    const scores = model.apply(image, { train: true, random: { seed, step } })
    const { loss } = crossEntropy(scores, stride > 1 ? labelsOnGrid(labels, stride) : labels)
    return optimizer.minimize(loss, lr)
  }
  const [n, h, w] = size
  const types = [
    { dtype: 'f32', shape: [n, h, w, 3] },
    { dtype: 'u8', shape: [n, h, w] },
    { dtype: 'f32', shape: [] },
    { dtype: 'u32', shape: [] },
    { dtype: 'u32', shape: [] },
  ] as const
  return { model, optimizer, fn, types }
}

const word = (n: number) => hostTensor(Uint32Array.of(n), [])

const planned = (s: ReturnType<typeof stepOf>, options: StageOptions) =>
  stages(s.fn, s.types, defaultCaps, options)

/** Narrow, with maps that outweigh the variables: two streams, one with strides, one with skips, and a wide one. */
const networks = [
  ['frrn-a', { base: 4, lanes: 4, depthMultiplier: 0.5 }, [1, 96, 128]],
  ['fcrn-18', { width: 4, frozen: 'none' }, [2, 161, 193]],
  ['gcn-18', { width: 4, kernel: 5 }, [1, 192, 256]],
  ['model-16', { width: 2, frozen: 'none' }, [1, 160, 136]],
] as const
/** Of the default's activation memory: more than all of it, down to what nothing fits. */
const shares = slowWanted ? [1.1, 0.9, 0.8, 0.7, 0.6, 0.5, 0.2] : [1.1, 0.8, 0.6, 0.2]

for (const [i, [name, options, size]] of networks.entries())
  test(
    `budget: plans of ${name} fit it, take less for less, and the smallest is named`,
    () => {
      const step = stepOf(name, options, size)
      const usual = planned(step, { fuse: 'apart' }).plan
      const fixed = planBytes(usual) - usual.activationBytes
      let [peak, kernels] = [Number.POSITIVE_INFINITY, 0]
      let tooSmall = 0
      for (const share of shares)
        try {
          const budget = fixed + share * usual.activationBytes
          const { plan } = planned(step, { memoryBudget: budget, fuse: 'apart' })
          const bytes = planBytes(plan)
          assert.ok(bytes <= budget, `${bytes} of ${budget}`)
          assert.ok(bytes <= peak, 'a smaller budget has no larger peak')
          assert.ok(plan.steps.length >= kernels, 'and no fewer kernels')
          if (share >= 1) assert.equal(plan.steps.length, usual.steps.length)
          ;[peak, kernels] = [bytes, plan.steps.length]
        } catch (error) {
          if (!(error instanceof OutOfMemoryError)) throw error
          const [, named] = /smallest that would do is (\d+) bytes/.exec(error.message) ?? []
          if (!tooSmall++) {
            assert.equal(planBytes(planned(step, { memoryBudget: Number(named) }).plan), +named)
            assert.throws(() => planned(step, { memoryBudget: +named - 1 }), OutOfMemoryError)
          }
          assert.doesNotMatch(error.message, /[^0-9][01]×/, 'a crop of nothing')
        }
      assert.ok(tooSmall > 0)
      const least = (peak - fixed) / usual.activationBytes
      assert.ok(least < 0.75, `activations down to ${least} of the default's`)
    },
    { slow: i !== 1 },
  )

test('budget: what has no forward pass is planned too', () => {
  const { plan } = stages((x: Tensor) => [mul(x, 2)], [f32(4, 4)], defaultCaps, {
    memoryBudget: '1MB',
  })
  assert.equal(plan.steps.length, 1)
  for (const fn of [() => [], (x: Tensor) => grad(sum(x), [x])])
    assert.throws(() => stages(fn, [f32(4, 4)], defaultCaps, { memoryBudget: 1 }), OutOfMemoryError)
})

test('budget: texts and numbers that are sizes, and those that are not', () => {
  assert.equal(bytesOfBudget('8GiB'), 8 * 2 ** 30)
  assert.equal(bytesOfBudget(' 1.5 gb '), 1.5e9)
  assert.equal(bytesOfBudget('750M'), 750e6)
  assert.equal(bytesOfBudget(123), 123)
  assert.equal(bytesOfBudget('123 bytes'), 123)
  assert.throws(() => bytesOfBudget(8n as never), OptionError)
  for (const bad of [
    '8 apples',
    '',
    '-1GiB',
    Number.NaN,
    0,
    -5,
    'GiB',
    '1 ib',
    '1 toString',
    Number.POSITIVE_INFINITY,
  ])
    assert.throws(() => bytesOfBudget(bad), OptionError, String(bad))
})

test('budget: where none fits, a batch and a crop are named, and what is said to fit does', () => {
  const at = (size: readonly [number, number, number]) => () =>
    planned(stepOf('fcrn-18', { width: 4, frozen: 'none' }, size), { memoryBudget: 1.3e6 })
  const { hint = '' } = thrown(at([4, 97, 97]))
  assert.match(hint, /within this one (fits|about) a batch of [123] at 97×97/)
  for (const [, ...size] of hint.matchAll(/fits a batch of (\d+) at (\d+)×(\d+)/g))
    at(size.map(Number) as [number, number, number])()
})

test('budget: figures that look the same are told apart', () => {
  const twice = (memoryBudget: number) => () =>
    stages((x: Tensor) => [mul(x, 2)], [f32(512, 512)], defaultCaps, { memoryBudget })
  const { plan } = twice(1e9)()
  const { message } = thrown(twice(planBytes(plan) - 1))
  assert.match(message, /a budget of (\d+) bytes is less than the (\d+) bytes of variables/)
})

function thrown(build: () => unknown): OutOfMemoryError {
  try {
    build()
  } catch (error) {
    if (error instanceof OutOfMemoryError) return error
    throw error
  }
  throw new Error('nothing was thrown')
}

test('budget: less than the variables alone, and together with another way to recompute, is refused', () => {
  const step = stepOf('fcrn-18', { width: 8 }, [1, 65, 65])
  assert.throws(
    () => planned(step, { memoryBudget: 1000 }),
    /less than the .* of variables[\s\S]*smallest/,
  )
  assert.throws(() => planned(step, { memoryBudget: 'much' }), /'much' is no size[\s\S]*8GiB/)
  assert.throws(
    () => planned(step, { memoryBudget: '1GiB', recompute: 'none' }),
    /leave recompute out/,
  )
})

for (const [i, [name, options, size]] of networks.entries())
  test(
    `budget: ${name} learns the same to the bit at any budget`,
    async () => {
      const device = await testDevice()
      const results: unknown[] = []
      let [all, fixed] = [0, 0]
      for (const share of [undefined, 0.8]) {
        const { model, optimizer, fn, types } = stepOf(name, options, size)
        const random = randomFrom(7)
        const [image, labels] = types.slice(0, 2).map((type) => drawInput(type, random))
        const seen = hostTensor(
          (labels.data as Uint8Array).map((l) => l % 4),
          labels.shape,
        )
        const budget = share && { memoryBudget: fixed + share * (all - fixed) }
        const program = device.compile(fn, budget || {})
        const { plan } = program.stages(...types)
        all ||= planBytes(plan)
        fixed ||= all - plan.activationBytes
        const losses: unknown[] = []
        for (let i = 0; i < 2; i++)
          losses.push(await (await program.run(image, seen, 0.01, word(5), word(i))).value())
        const state = [...model.stateDict(), ...optimizer.stateDict()]
        for (const [path, v] of state) losses.push(path, await device.read(v))
        results.push(losses)
        program.dispose()
      }
      for (const other of results.slice(1)) assert.deepEqual(other, results[0])
    },
    { slow: i > 1 },
  )

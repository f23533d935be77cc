// Everything that a recipe may ask of an optimiser at once, over several steps, against plain arithmetic in float64.

import assert from 'node:assert/strict'
import { sizeOf } from '../../engine/dtype.ts'
import { mul, square, sub } from '../../engine/ops/arithmetic.ts'
import { sum } from '../../engine/ops/reduce.ts'
import { hostTensor } from '../../engine/ops/source.ts'
import { randomFrom } from '../../engine/reference/index.ts'
import { type Tensor, Variable } from '../../engine/tensor.ts'
import { accumulated } from '../../train/loop/accumulate.ts'
import {
  Adam,
  type AdamOptions,
  AdamW,
  type Optimizer,
  type OptimizerOptions,
  Sgd,
  type SgdOptions,
} from '../../train/optimizers.ts'
import { testDevice } from '../device.ts'
import { close } from '../goldens/check.ts'
import { test } from '../harness.ts'

const shapes: Readonly<Record<string, readonly number[]>> = {
  'backbone.conv.weight': [3, 3, 2, 4],
  'backbone.conv.bias': [4],
  'head.weight': [6, 7],
  'head.bias': [7],
  'old.weight': [9],
}
const names = Object.keys(shapes)

const rules = [
  { match: 'backbone.**', lr: 0.5 },
  { match: 'bias', lr: 2, weightDecay: 0 },
  { match: 'old.**', frozen: true },
]
const lrOf = (name: string) => (/bias$/.test(name) ? 2 : /^backbone/.test(name) ? 0.5 : 1)
const decays = (name: string) => !/bias$/.test(name)
const trained = names.filter((name) => !/^old/.test(name))

const CLIP = 0.7
const EMA = 0.8
const STEPS = 7
const lrAt = (step: number) => 0.05 / (1 + step)

const drawn = (n: number, seed: number): number[] => {
  const random = randomFrom(seed)
  return Array.from({ length: n }, () => Math.fround(2 * random() - 1))
}
type Values = ReadonlyMap<string, readonly number[]>
const draw = (seed: number): Values =>
  new Map(names.map((name, i) => [name, drawn(sizeOf(shapes[name]), 10 * seed + i)]))

/** What each step pulls the parameters towards: two halves of a batch. */
const goals = Array.from({ length: STEPS }, (_, step) => [draw(100 + step), draw(200 + step)])

type Rule = (p: number[], g: number[], lr: number, decay: number, state: number[][]) => void

/** Parameters and their averages after all steps, in float64, by `rule`, which changes p and its state. */
function byHand(rule: Rule, weightDecay: number): { readonly p: Values; readonly ema: Values } {
  const p = new Map([...draw(1)].map(([name, xs]) => [name, [...xs]]))
  const state = new Map(names.map((name) => [name, [0, 0].map(() => p.get(name)!.map(() => 0))]))
  const ema = new Map<string, number[]>()
  for (let step = 0; step < STEPS; step++) {
    // Of ½ Σ (p − c)², the mean over the halves.
    const gradients = new Map(
      trained.map((name) => {
        const [a, b] = goals[step].map((half) => half.get(name)!)
        return [name, p.get(name)!.map((x, i) => x - (a[i] + b[i]) / 2)]
      }),
    )
    const norm = Math.sqrt([...gradients.values()].flat().reduce((s, g) => s + g * g, 0))
    for (const name of trained) {
      const g = gradients.get(name)!.map((x) => (x * CLIP) / Math.max(CLIP, norm))
      const decay = decays(name) ? weightDecay : 0
      rule(p.get(name)!, g, lrAt(step) * lrOf(name), decay, [...state.get(name)!, [step + 1]])
      const share = step ? Math.max(1 - EMA, 9 / (10 + step)) : 1
      const before = ema.get(name) ?? p.get(name)!
      ema.set(
        name,
        before.map((e, i) => e + share * (p.get(name)![i] - e)),
      )
    }
  }
  return { p, ema }
}

const caffe: Rule = (p, g, lr, decay, [v]) => {
  for (const i of p.keys()) {
    v[i] = 0.9 * v[i] + lr * (g[i] + decay * p[i])
    p[i] -= v[i]
  }
}
const torch: Rule = (p, g, lr, decay, [v]) => {
  for (const i of p.keys()) {
    const d = g[i] + decay * p[i]
    v[i] = 0.9 * v[i] + d
    p[i] -= lr * (d + 0.9 * v[i])
  }
}
const adam =
  (apart: boolean): Rule =>
  (p, g, lr, decay, [m, v, [t]]) => {
    for (const i of p.keys()) {
      if (apart) p[i] -= lr * decay * p[i]
      const d = g[i] + (apart ? 0 : decay * p[i])
      m[i] = 0.9 * m[i] + 0.1 * d
      v[i] = 0.95 * v[i] + 0.05 * d * d
      const mean = m[i] / (1 - 0.9 ** t)
      p[i] -= (lr * mean) / (Math.sqrt(v[i] / (1 - 0.95 ** t)) + 1e-3)
    }
  }

const weightDecay = 0.02
type Make = (ps: readonly Variable[], common: OptimizerOptions) => Optimizer
const sgd = (own: SgdOptions): Make => {
  return (ps, common) => new Sgd(ps, { momentum: 0.9, weightDecay, ...own, ...common })
}
const moments = { betas: [0.9, 0.95], eps: 1e-3, weightDecay } satisfies AdamOptions

const cases: readonly (readonly [name: string, make: Make, rule: Rule])[] = [
  ['SGD as in Caffe', sgd({ rate: 'inside' }), caffe],
  ["Nesterov's SGD", sgd({ nesterov: true }), torch],
  ['Adam', (ps, common) => new Adam(ps, { ...moments, ...common }), adam(false)],
  ['AdamW', (ps, common) => new AdamW(ps, { ...moments, ...common }), adam(true)],
]

for (const [name, make, rule] of cases)
  for (const lossScale of [false, true])
    test(`optimisers: ${name} with rules, a bound, an average and a batch in parts${lossScale ? ' under a loss scale' : ''} is float64's`, async () => {
      const device = await testDevice()
      const start = draw(1)
      const ps = names.map(
        (path) =>
          new Variable(
            { dtype: 'f32', shape: shapes[path] },
            () => Float32Array.from(start.get(path)!),
            path,
          ),
      )
      const optimizer = make(ps, { rules, clip: CLIP, ema: EMA, lossScale })
      const program = device.compile((lr: Tensor, ...halves: Tensor[]) => {
        const lossOf = (part: number) =>
          ps
            .map((p, i) => mul(sum(square(sub(p, halves[part * ps.length + i]))), 0.5))
            .reduce((a, b) => sub(a, mul(b, -1)))
        return accumulated(optimizer, 2, lossOf, lr)
      })
      for (let step = 0; step < STEPS; step++) {
        const halves = goals[step].flatMap((half) =>
          names.map((path) => hostTensor(Float32Array.from(half.get(path)!), shapes[path])),
        )
        ;(await program.run(lrAt(step), ...halves)).dispose()
      }
      const want = byHand(rule, weightDecay)
      const check = async (values: Values, what: string, paths: readonly string[]) => {
        for (const p of ps)
          if (paths.includes(p.name))
            close(await device.read(p), values.get(p.name)!, 3e-6, `${what} of ${p.name}`)
      }
      await check(want.p, 'values', trained)
      const old = ps.find((p) => p.name.startsWith('old'))!
      assert.deepEqual([...(await device.read(old))], start.get(old.name))
      await optimizer.ema!.withAveraged(device, () => check(want.ema, 'averages', trained))
      await check(want.p, 'values afterwards', trained)
      program.dispose()
    })

// Optimisers on cases of our own, computed in float64 from the published rules: parameters that start away from the
// minimum. (Those beside the repository start at it, so that most of their gradients are zero.)

import assert from 'node:assert/strict'
import type { SafeTensor } from '../../train/weights/safetensors.ts'
import { testDevice } from '../device.ts'
import { test } from '../harness.ts'
import { type Draft, writeFolder } from './drafts.ts'
import { readIndex } from './format.ts'
import { objective, rules } from './optim.ts'
import { recipeValues } from './recipe.ts'
import { runCases } from './runner.ts'

interface Settings {
  readonly lr: number
  readonly lr_per_step?: readonly number[]
  readonly weight_decay: number
  readonly momentum?: number
  readonly nesterov?: boolean
  readonly betas?: readonly [number, number]
  readonly eps?: number
}
type Rule = (s: Settings, lr: number, t: number, p: number, g: number, state: number[]) => number

const adam: Rule = ({ betas: [b1, b2] = [0, 0], eps = 0 }, lr, t, p, g, state) => {
  state[0] = b1 * (state[0] ?? 0) + (1 - b1) * g
  state[1] = b2 * (state[1] ?? 0) + (1 - b2) * g * g
  return p - (lr * (state[0] / (1 - b1 ** t))) / (Math.sqrt(state[1] / (1 - b2 ** t)) + eps)
}
const steps = 4
const size = 13
const published: Record<string, { moments: readonly string[]; rule: Rule }> = {
  sgd: {
    moments: ['momentum_buffer'],
    rule: ({ momentum: m = 0, weight_decay, nesterov }, lr, _, p, gradient, state) => {
      const g = gradient + weight_decay * p
      state[0] = m * (state[0] ?? 0) + g
      return p - lr * (nesterov ? g + m * state[0] : state[0])
    },
  },
  adam: {
    moments: ['exp_avg', 'exp_avg_sq'],
    rule: (s, lr, t, p, g, state) => adam(s, lr, t, p, g + s.weight_decay * p, state),
  },
  adamw: {
    moments: ['exp_avg', 'exp_avg_sq'],
    rule: (s, lr, t, p, g, state) => adam(s, lr, t, p * (1 - lr * s.weight_decay), g, state),
  },
}

function draft(id: string, op: string, settings: Settings): Draft {
  const draw = (ordinal: number) =>
    Float32Array.from(recipeValues(5, { ordinal, shape: [size], offset: 0, scale: 1 }).data)
  const [start, c] = [draw(1), draw(2)]
  const a = draw(3).map((v) => 1.5 + v)
  const { moments, rule } = published[op]
  const kept = op === 'sgd' && !settings.momentum ? [] : moments
  const rows = Object.fromEntries(
    ['g', 'p', ...kept].map((name) => [name, new Float32Array(steps * size)]),
  )
  for (let i = 0; i < size; i++) {
    const state: number[] = []
    let p = start[i]
    for (let t = 0; t < steps; t++) {
      const g = a[i] * (p - c[i])
      rows['g'][t * size + i] = g
      p = rule(settings, settings.lr_per_step?.[t] ?? settings.lr, t + 1, p, g, state)
      rows['p'][t * size + i] = p
      for (const [k, name] of kept.entries()) rows[name][t * size + i] = state[k]
    }
  }
  const roles: Record<string, string> = { p: 'output', g: 'expected' }
  const tensors = new Map<string, SafeTensor>()
  for (const [name, data] of Object.entries({ p0: start, a, c }))
    tensors.set(name, { dtype: 'F32', shape: [size], data })
  for (const [name, data] of Object.entries(rows))
    tensors.set(name, { dtype: 'F32', shape: [steps, size], data })
  const role = (name: string) => roles[name] ?? (moments.includes(name) ? 'state_out' : 'input')
  return {
    entry: {
      ...{ id, op, file: `${id}.safetensors`, layout: 'ND' },
      attributes: { ...settings, steps, objective, rule: rules[op] },
      tensors: [...tensors].map(([name, { dtype, shape }]) => {
        return { name, role: role(name), dtype, shape }
      }),
      tolerance: { metric: 'rel_l2', default: 1e-5 },
    },
    tensors,
  }
}

test('goldens: optimisers that move follow their rules', async () => {
  const sgd = { lr: 0.1, weight_decay: 0, momentum: 0, nesterov: false }
  const adam = { lr: 0.05, weight_decay: 0, betas: [0.9, 0.999] as const, eps: 1e-8 }
  const falling = [0.1, 0.08, 0.02, 0.001]
  const drafts = [
    draft('sgd', 'sgd', sgd),
    draft('sgd.momentum', 'sgd', { ...sgd, momentum: 0.9, weight_decay: 5e-4 }),
    draft('sgd.nesterov', 'sgd', { ...sgd, momentum: 0.9, nesterov: true }),
    draft('sgd.falling', 'sgd', { ...sgd, momentum: 0.9, lr_per_step: falling }),
    draft('adam', 'adam', adam),
    draft('adam.decay', 'adam', { ...adam, weight_decay: 0.01, betas: [0.8, 0.99], eps: 1e-6 }),
    draft('adam.falling', 'adam', { ...adam, lr_per_step: falling }),
    draft('adamw', 'adamw', { ...adam, weight_decay: 0.1, lr_per_step: falling }),
  ]
  for (const { tensors } of drafts)
    assert.notDeepEqual(tensors.get('p')!.data.slice(0, size), tensors.get('p0')!.data)
  const results = await runCases(readIndex(writeFolder(drafts)), await testDevice())
  assert.deepEqual(
    results.flatMap(({ id, problems }) => problems.map((p) => `${id}: ${p}`)),
    [],
  )
  // The numbers can tell the rules apart.
  const other = draft('other', 'adam', { ...adam, weight_decay: 0.1 })
  other.entry['op'] = 'adamw'
  other.entry['attributes'].rule = rules['adamw']
  const [{ problems }] = await runCases(readIndex(writeFolder([other])), await testDevice())
  assert.match(problems.join('\n'), /^p is off/)
})

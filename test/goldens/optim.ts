// Optimisers, step by step on the objective of the cases: parameters, gradients and moments after each step.

import { sizeOf } from '../../engine/dtype.ts'
import { grad } from '../../engine/grad.ts'
import { mul, square, sub, sum } from '../../engine/index.ts'
import { hostTensor } from '../../engine/ops/source.ts'
import { type HostTensor, type Tensor, Variable } from '../../engine/tensor.ts'
import { Adam, AdamW, type Optimizer, Sgd } from '../../train/optimizers.ts'
import type { Attributes } from './attributes.ts'
import type { Operator, Trial } from './trial.ts'

export const objective = '0.5*sum(a*(p-c)^2), gradient g=a*(p-c), row t of g/p = step t+1'

/** What a case must state of its optimiser. */
export const rules: Readonly<Record<string, string>> = {
  sgd: 'g+=wd*p; v=mu*v+g (first step v=g); p-=lr*(nesterov? g+mu*v : v)',
  adam: 'g+=wd*p; m,v moments; p-=lr*(m/(1-b1^t))/(sqrt(v/(1-b2^t))+eps)',
  adamw: 'p*=1-lr*wd; then the adam update with the raw gradient',
}

interface Kind {
  readonly make: (p: Variable, a: Attributes) => Optimizer
  /** The case's name of each moment, by ours. */
  readonly moments: Readonly<Record<string, string>>
}

const descent =
  ({ make, moments }: Kind): Operator =>
  async (t) => {
    const { golden, attributes: a, device } = t
    a.rule('objective', objective)
    a.rule('rule', rules[golden.op])
    const steps = a.number('steps')
    const lr = a.number('lr')
    const rates = a.has('lr_per_step') ? a.numbers('lr_per_step') : undefined
    const start = t.input('p0')
    const gradients = t.reference('g')
    for (const [what, n] of [
      ['learning rates', rates?.length ?? steps],
      ['gradients', gradients.shape[0]],
    ])
      if (n !== steps) throw new Error(`it has ${n} ${what} for ${steps} steps`)
    const p = new Variable({ dtype: 'f32', shape: start.shape }, () => start.data, 'p')
    const optimizer = make(p, a)
    a.finish()
    const state = optimizer.stateDict()
    const rows: Record<string, number[]> = { p: [] }
    const program = device.compile((lr: Tensor, g: Tensor) => optimizer.step([p], [g], lr))
    try {
      for (let step = 0; step < steps; step++) {
        await program.run(rates?.[step] ?? lr, row(gradients, step))
        rows['p'].push(...(await device.read(p)))
        for (const [ours, theirs] of Object.entries(moments)) {
          const moment = state.get(`${ours}.p`)
          if (!moment || !golden.has(theirs)) continue
          rows[theirs] ??= []
          rows[theirs].push(...(await device.read(moment)))
        }
      }
    } finally {
      program.dispose()
      for (const variable of [p, ...state.values()]) device.release(variable)
    }
    for (const [name, values] of Object.entries(rows)) t.compareValues(name, values)
    await compareGradients(t, start)
  }

/** The steps above take the gradients that the case lists, since one near the minimum is a small difference of large
 * numbers, which a parameter in f32 does not hold. For the same reason they are compared at the parameters that the
 * case lists, and may be those of any number that rounds to the one listed. */
async function compareGradients(t: Trial, start: HostTensor): Promise<void> {
  const listed = t.reference('p')
  const size = start.data.length
  const before = listed.data.slice()
  before.copyWithin(size, 0)
  before.set(start.data)
  const inputs = { p: hostTensor(before, listed.shape), a: t.input('a'), c: t.input('c') }
  const { g } = await t.run(inputs, ({ p, a, c }) => {
    const [g] = grad(mul(sum(mul(a, square(sub(p, c)))), 0.5), [p])
    return { g }
  })
  const want = t.reference('g').data
  const nearest = g.data.map((v, i) => {
    if (i < size) return v
    const rounding = Math.abs(inputs.a.data[i % size] * before[i]) * 2 ** -24
    return v + Math.max(-rounding, Math.min(want[i] - v, rounding))
  })
  t.compare('g', hostTensor(nearest, g.shape))
}

/** One of the tensors that are stacked along the first axis. */
function row({ data, shape: [, ...shape] }: HostTensor, i: number): HostTensor {
  const size = sizeOf(shape)
  return hostTensor(data.slice(i * size, (i + 1) * size), shape)
}

const adamOptions = (a: Attributes) => ({
  betas: a.pair('betas'),
  eps: a.number('eps'),
  weightDecay: a.number('weight_decay'),
})
const adamMoments = { mean: 'exp_avg', square: 'exp_avg_sq' }

export const optim: Record<string, Operator> = {
  sgd: descent({
    make: (p, a) =>
      new Sgd([p], {
        momentum: a.number('momentum'),
        weightDecay: a.number('weight_decay'),
        nesterov: a.flag('nesterov'),
      }),
    moments: { velocity: 'momentum_buffer' },
  }),
  adam: descent({
    make: (p, a) => new Adam([p], adamOptions(a)),
    moments: adamMoments,
  }),
  adamw: descent({
    make: (p, a) => new AdamW([p], adamOptions(a)),
    moments: adamMoments,
  }),
}

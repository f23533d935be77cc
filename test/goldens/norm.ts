// Batch normalisation: the module of nn, in training and frozen, with its running statistics.

import { grad } from '../../engine/grad.ts'
import { moments } from '../../engine/ops/norm.ts'
import { BatchNorm2d } from '../../nn/norm.ts'
import type { Operator } from './trial.ts'

export const norm: Record<string, Operator> = {
  batch_norm: async (t) => {
    const { attributes: a, device } = t
    const train = a.flag('training')
    const [eps, momentum] = [a.number('eps'), a.number('momentum')]
    a.rule('momentum_rule', 'new = (1-momentum)*old + momentum*batch')
    a.rule('normalise_with', train ? 'biased variance' : 'running statistics')
    a.rule('running_var_update', 'unbiased variance (n/(n-1))')
    a.finish()
    const bn = new BatchNorm2d(t.shape('gamma')[0], { eps, momentum })
    const state = {
      gamma: bn.weight,
      beta: bn.bias,
      running_mean: bn.running_mean,
      running_var: bn.running_var!,
    }
    try {
      for (const [name, variable] of Object.entries(state))
        device.write(variable, t.input(name).data)
      const results = await t.run({ x: t.input('x'), gy: t.input('gy') }, ({ x, gy }) => {
        const y = bn.apply(x, { train })
        const [d_x, d_gamma, d_beta] = grad(y, [x, bn.weight, bn.bias], gy)
        const gradients = { d_x, d_gamma, d_beta }
        if (!train) return { y, ...gradients }
        const { mean: batch_mean, variance: batch_var_biased } = moments(x)
        return { y, ...gradients, batch_mean, batch_var_biased }
      })
      for (const [name, got] of Object.entries(results)) t.compare(name, got)
      for (const name of ['running_mean', 'running_var'] as const) {
        const after = await device.read(state[name])
        if (train) t.compareValues(`new_${name}`, after)
        else if (after.some((v, i) => v !== t.input(name).data[i]))
          throw new Error(`${name} changed, which nothing asked for`)
      }
    } finally {
      for (const variable of Object.values(state)) device.release(variable)
    }
  },
}

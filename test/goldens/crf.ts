// The fully connected CRF, all messages from every pixel to every other.

import { argmax, concat, expandDims } from '../../engine/index.ts'
import { exactCrf } from '../../train/crf/exact.ts'
import type { Operator } from './trial.ts'

export const crf: Record<string, Operator> = {
  dense_crf: async (t) => {
    const { attributes: a } = t
    a.rule('compatibility', "Potts [l != l']")
    a.rule(
      'kernels',
      'appearance w_appearance*exp(-|p_i-p_j|^2/(2 theta_alpha^2)-|I_i-I_j|^2/(2 theta_beta^2)), smoothness w_smoothness*exp(-|p_i-p_j|^2/(2 theta_gamma^2)), p=(row,column) pixels, I=RGB 0..255',
    )
    a.rule(
      'update',
      "Q0=softmax(-U); Q_i(l) ~ exp(-U_i(l) - sum_m sum_{l'!=l} sum_{j!=i} k_m(i,j) Q_j(l')), all pixels in parallel; j=i is excluded",
    )
    a.rule('labels', 'argmax of the last q')
    a.rule('normalisation_rule', 'kernels as written', /D\^-1\/2 K D\^-1\/2/)
    const options = {
      appearance: a.number('w_appearance'),
      thetaAlpha: a.number('theta_alpha'),
      thetaBeta: a.number('theta_beta'),
      smoothness: a.number('w_smoothness'),
      thetaGamma: a.number('theta_gamma'),
      iterations: a.number('iterations'),
      normalisation: a.text<'none' | 'symmetric'>('normalisation', ['none', 'symmetric']),
    }
    const inputs = { unary: t.input('unary'), image: t.input('image') }
    const { q, labels } = await t.run(inputs, ({ unary, image }) => {
      const steps = exactCrf(unary, image, options)
      return {
        q: concat(
          steps.map((step) => expandDims(step, 0)),
          0,
        ),
        labels: argmax(steps[steps.length - 1], 2),
      }
    })
    t.compare('q', q)
    t.compare('labels', labels)
  },
}

// FRRN's cases.

import { frrnA, frrnB } from '../../../models/frrn.ts'
import { choice, ending, type Topology } from './topology.ts'

export const frrn: Topology = {
  build: (a, norm) =>
    choice(a, 'variant', { A: frrnA, B: frrnB })({
      ...norm,
      input: 'none',
      classes: a.number('classes'),
      base: a.number('base'),
      lanes: a.number('lanes'),
      splitBatchNorm: a.flag('split_bn'),
      upsample: choice(a, 'upsample', { half_pixel: 'half-pixel', asymmetric: 'asymmetric' }),
    }),

  parameter: (name) =>
    ending(name)
      .replace(/^split\.bn\./, 'splitBn.')
      .replace(/^split\.conv\./, 'split.')
      .replace(/^(pre|post)\.ru(\d+)/, (_, where, i) => `${sides[where as Side]}.${i - 1}`)
      .replace(/^(enc|dec)(\d+)/, stage)
      .replace(/\.u(\d+)/, (_, i) => `.units.${i - 1}`)
      .replace(/\.c(\d)\.(conv|bn)/, '.$2$1')
      .replace(/\.proj\./, '.shortcut.')
      .replace(/\.res\./, '.residual.'),

  activation: (name, last) => ({
    module: name
      .replace(/^(pre|post)$/, (where) => last(sides[where as Side]))
      .replace(/^(enc|dec)(\d+)/, stage),
  }),
}

type Side = keyof typeof sides
const sides = { pre: 'before', post: 'after' }
const stage = (_: string, way: string, i: string) => `${way}oder.${Number(i) - 1}`

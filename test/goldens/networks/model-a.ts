// Cases of Model A and of those that differ from it in numbers alone.

import { Wider } from '../../../models/wider.ts'
import { outputStrideOf } from './resnet.ts'
import { choice, ending, type Topology } from './topology.ts'

const heads = { '1conv': '1conv', '2conv': '2conv', classify: 'classify' } as const
const downsamples = { strided: 'strided', pool: 'pool' } as const

export const modelA: Topology = {
  build: (a, norm) =>
    new Wider('a', {
      ...norm,
      input: 'none',
      dropout: [0, 0],
      kernel: 3,
      dilation: 12,
      classes: a.number('classes'),
      head: choice(a, 'head', heads),
      width: 64 / a.number('divide'),
      units: [0, ...a.numbers('units')],
      downsample: choice(a, 'downsample', downsamples),
      outputStride: outputStrideOf(a),
    }),
  parameter: (name) =>
    ending(name)
      .replace(/^stem\./, 'conv1.')
      .replace(/^top\./, '')
      .replace(/^l(\d)\.u(\d+)\./, (_, level, unit) => `levels.${level - 1}.${unit - 1}.`)
      .replace(/\.proj\./, '.project.')
      .replace(/^head\./, 'head.hidden.')
      .replace(/^classifier\./, 'head.classifier.'),
  activation: (name, last) => ({
    module: name
      .replace(/^stem$/, 'conv1')
      .replace(/^l(\d)$/, (_, level) => last(`levels.${level - 1}`)),
  }),
}

// GCN's cases. The format counts stages from 1 and doublings downwards, from that to stage 3 to that to the full size.

import { Gcn } from '../../../models/gcn.ts'
import { backboneActivation, backboneOptions, backboneParameter, depthOf } from './resnet.ts'
import type { Topology } from './topology.ts'

const fullDeconvolution = 'k4 s2 p1, all channels, no bias'
const scores = (stage: number) => `scores.${stage - 1}`
/** Of the doubling to stage 3, 2, 1, to half and to full size. */
const doubling = (to: number) => `doublings.${3 - to}`

export const gcn: Topology = {
  build: (a, norm) => {
    a.text('deconv', [fullDeconvolution])
    return new Gcn(depthOf(a), {
      ...backboneOptions(a, norm),
      classes: a.number('classes'),
      kernel: a.number('k'),
      headBias: a.flag('head_bias'),
      deconvolution: 'full',
      boundaryRefinement: true,
    })
  },
  parameter: (name) =>
    backboneParameter(name)
      .replace(/^out\./, 'up-1.')
      .replace(/^final\./, 'merge-1.')
      .replace(/^gcn(\d)\.(l|r)(\d)\./, (_, stage, side, i) => {
        return `${scores(Number(stage))}.block.${side === 'l' ? 'left' : 'right'}.${i - 1}.`
      })
      .replace(/^br(\d)\.c(\d)\./, (_, stage, i) => `${scores(Number(stage))}.refine.conv${i}.`)
      .replace(/^up(-?\d)\./, (_, to) => `${doubling(Number(to))}.deconv.`)
      .replace(/^merge(-?\d)\.c(\d)\./, (_, to, i) => `${doubling(Number(to))}.refine.conv${i}.`),
  activation: (name, last) => {
    const [, stage] = /^score(\d)$/.exec(name) ?? []
    if (!stage) return backboneActivation(name, last)
    return { module: stage === '4' ? scores(4) : doubling(Number(stage)) }
  },
}

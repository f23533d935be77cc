// FCRN's cases.

import { Fcrn } from '../../../models/fcrn.ts'
import {
  backboneActivation,
  backboneOptions,
  backboneParameter,
  depthOf,
  outputStrideOf,
} from './resnet.ts'
import { choice, type Topology } from './topology.ts'

export const fcrn: Topology = {
  build: (a, norm) =>
    new Fcrn(depthOf(a), {
      ...backboneOptions(a, norm),
      classes: a.number('classes'),
      outputStride: outputStrideOf(a),
      kernel: a.number('classifier_kernel'),
      dilation: a.number('classifier_dilation'),
      layers: a.has('head') ? choice(a, 'head', { '1conv': 1, '2conv': 2 }) : 1,
    }),
  parameter: (name) =>
    backboneParameter(name)
      .replace(/^head\./, 'head.hidden.')
      .replace(/^classifier\./, 'head.classifier.'),
  activation: backboneActivation,
}

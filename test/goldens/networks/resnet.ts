// ResNet's cases, and what the networks that stand on one have in common with them.

import type { NormOptions } from '../../../models/options.ts'
import {
  type BackboneOptions,
  ResNet,
  type ResNetDepth,
  resNetDepths,
} from '../../../models/resnet.ts'
import type { Attributes } from '../attributes.ts'
import { choice, ending, type Topology } from './topology.ts'

/** What the attributes say of a backbone. Its stem has no bias, and its pool is padded. */
export const backboneOptions = (a: Attributes, norm: NormOptions): BackboneOptions => ({
  ...norm,
  input: 'none',
  pool: 'padded',
  stemBias: false,
  dropout: 0,
  width: a.number('width'),
  stride: choice(a, 'variant', { v1: '1x1', 'v1.5': '3x3' }),
})

export const depthOf = (a: Attributes): ResNetDepth => a.among('depth', resNetDepths)
export const outputStrideOf = (a: Attributes) => a.among('output_stride', [4, 8, 16, 32])

/** Our name of a backbone's parameter. */
export const backboneParameter = (name: string): string =>
  ending(name)
    .replace(/^stem\.(conv|bn)/, 'backbone.$11')
    .replace(/^s(\d)\.b(\d+)/, (_, s, b) => `backbone.layer${s}.${b - 1}`)
    .replace(/\.c(\d)\.(conv|bn)/, '.$2$1')
    .replace(/\.proj\.conv/, '.downsample.0')
    .replace(/\.proj\.bn/, '.downsample.1')

/** What returns a backbone's activation. */
export const backboneActivation: Topology['activation'] = (name, last) =>
  name === 'stem'
    ? { module: 'backbone.bn1', relu: true }
    : { module: name.replace(/^s(\d)$/, (_, s) => last(`backbone.layer${s}`)) }

export const resnet: Topology = {
  build: (a, norm) =>
    new ResNet(depthOf(a), { ...backboneOptions(a, norm), classes: a.number('classes') }),
  parameter: backboneParameter,
  activation: backboneActivation,
}

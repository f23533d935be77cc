// mapillary's WiderResNet38, which is Model A. Its weights were trained with in-place activated batch norm, whose scale is
// |weight| + eps and whose activation leaks: a network for them is built with `mapillaryOptions`.

import type { WiderOptions } from '../wider.ts'
import { type KeyMap, mapped, type Source, torchSource } from './keys.ts'

/** What its weights mean something with. */
const form = {
  activation: 'leaky-relu',
  eps: 1e-5,
  firstUnitDilation: 'whole',
  input: 'imagenet',
} as const satisfies WiderOptions

/** What Model A is built with for mapillary's weights, and for training on as they were. To segment; its dilated network has
 * `downsample: 'mixed'`, its plain one 'pool'. */
export const mapillaryOptions = {
  ...form,
  dropoutKind: 'channel',
} as const satisfies WiderOptions

const numbers: Readonly<Record<string, string>> = {
  conv1: 'convs.conv1',
  bn1: 'bn1',
  project: 'proj_conv',
}

function nameOf(path: string): string | undefined {
  const [, level, unit, part, kind] = /^levels\.(\d)\.(\d+)\.(\w+)\.(\w+)$/.exec(path) ?? []
  if (level)
    return `mod${Number(level) + 1}.block${Number(unit) + 1}.${numbers[part] ?? `convs.${part}`}.${kind}`
  if (path === 'conv1.weight') return 'mod1.conv1.weight'
  if (path.startsWith('bn.')) return path.replace('bn.', 'bn_out.')
  return path.startsWith('fc.') ? `classifier.${path}` : undefined
}

const isScale = (path: string): boolean => /(^|\.)bn\d?\.weight$/.test(path)

export const mapillary: KeyMap = {
  name: 'mapillary',
  summary: 'WiderResNet38 of mapillary: Model A with leaky activations',
  recognizes: (file) => file.has('mod2.block1.convs.conv1.weight'),
  sources: (state) => {
    const sources = new Map<string, Source>()
    for (const [path, variable] of state) {
      const name = nameOf(path)
      if (name === undefined) continue
      const plain = torchSource(name, variable)
      sources.set(
        path,
        isScale(path)
          ? {
              names: [name],
              convert: (t) => mapped(plain.convert(t), (v) => Math.abs(v) + form.eps),
            }
          : plain,
      )
    }
    return sources
  },
  ignores: (name) => name.endsWith('.num_batches_tracked'),
  isHead: (name) => name.startsWith('classifier.'),
  expects: { ...form, downsample: ['mixed', 'pool'], statistic: 'variance' },
}

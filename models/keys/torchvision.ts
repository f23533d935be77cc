// ResNets as torchvision and timm write them (`resnet50-….pth`, `model.safetensors`). Our fields have the same names, so a map
// is hardly needed; what needs care are the files that look alike and are not.

import { DataError } from '../../engine/errors.ts'
import { byName, type KeyMap } from './keys.ts'

export const torchvision: KeyMap = {
  name: 'torchvision',
  summary: 'ResNet-18 … 152 of torchvision and timm',
  recognizes: (file) => file.has('layer1.0.conv1.weight'),
  refuse: (file, name) => {
    const deep = ['conv1.0.weight', 'conv1.6.weight'].some((n) => file.has(n))
    const averaged =
      file.has('layer1.0.downsample.1.weight') && file.has('layer1.0.downsample.2.weight')
    const other = [...file.keys()].find((n) => /^layer\d\.\d+\.(se|cbam|attn|conv2\.conv)/.test(n))
    const what = deep
      ? 'a deep stem (a ResNet-C, -D, -S or -T)'
      : averaged
        ? 'average-pooled shortcuts'
        : other
    if (what)
      throw new DataError(
        name,
        `is a ResNet with ${what}, which no network here has`,
        'take a plain ResNet: resnet50 of torchvision, or resnet50.tv_in1k, .a1_in1k … of timm',
      )
  },
  sources: (state) =>
    byName(state, (path) => {
      const name = path.replace(/^backbone\./, '')
      return /^(conv1|bn1|layer[1-4]|fc)\./.test(name) ? name : undefined
    }),
  ignores: (name) => name.endsWith('.num_batches_tracked'),
  isHead: (name) => name.startsWith('fc.'),
  expects: {
    stride: '3x3',
    pool: 'padded',
    stemBias: false,
    input: 'imagenet',
    eps: 1e-5,
    statistic: 'variance',
  },
}

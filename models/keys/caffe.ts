// The original ResNets of He et al., as Caffe stores them: a batch norm is a layer of sums and a layer of scale and shift, the
// stride sits on the first 1×1, images are BGR. Names are `layer/blob` or, where somebody has named the blobs,
// `layer.weight`, `layer.bias` … as converters write them.

import {
  asStored,
  type Converted,
  type File,
  fromTorch,
  type KeyMap,
  mapped,
  type Source,
  type State,
} from './keys.ts'

/** `res3b2` for block 2 of stage 3: letters where a stage has few blocks, numbers where it has many. */
function blockName(stage: number, block: number, file: File): string {
  if (block === 0) return `${stage}a`
  const numbered = `${stage}b${block}`
  const lettered = `${stage}${String.fromCharCode(97 + block)}`
  return block > 7 || has(file, `res${numbered}_branch2a`) ? numbered : lettered
}

/** Blob `i` of a layer under one of the names that converters give it. */
const blobNames = (layer: string, i: number): string[] => [
  `${layer}/${i}`,
  `${layer}.${['weight', 'bias'][i] ?? i}`,
]

const has = (file: Pick<File, 'has'>, layer: string): boolean =>
  blobNames(layer, 0).some((n) => file.has(n))

function blob(layer: string, i: number, file: File): string {
  const all = blobNames(layer, i)
  return all.find((name) => file.has(name)) ?? all[0]
}

/** A blob without the axes of 1 before its last `rank`; old files give every blob four. */
function flat({ shape, data }: Converted, rank: number): Converted {
  const isPadded = shape.slice(0, -rank).every((n) => n === 1)
  return { shape: isPadded ? shape.slice(-rank) : shape, data }
}

/** The Caffe layer of a path, without its kind: `_conv1` for `conv1`, `3b_branch2c` for `layer2.1.conv3`. */
function layerOf(path: string, file: File): string | undefined {
  if (/^(conv1|bn1)\./.test(path)) return '_conv1'
  const [, stage, block, part] =
    /^layer(\d)\.(\d+)\.(conv\d|bn\d|downsample\.\d)\./.exec(path) ?? []
  if (!stage) return undefined
  const branch = part.startsWith('downsample') ? '1' : `2${'abc'[Number(part.slice(-1)) - 1]}`
  return `${blockName(Number(stage) + 1, Number(block), file)}_branch${branch}`
}

/** Blob `i` of a layer, as a vector. */
const vector = (layer: string, i: number, file: File): Source => ({
  names: [blob(layer, i, file)],
  convert: (t) => flat(asStored(t), 1),
})

function sourceOf(path: string, file: File): Source | undefined {
  const kind = path.slice(path.lastIndexOf('.') + 1)
  const second = kind === 'bias' ? 1 : 0
  if (path === 'fc.bias') return vector('fc1000', 1, file)
  if (path === 'fc.weight')
    return {
      names: [blob('fc1000', 0, file)],
      convert: (t) => fromTorch(flat(asStored(t), 2)),
    }
  const layer = layerOf(path, file)
  if (!layer) return undefined
  if (/(^|\.)(conv\d|downsample\.0)\./.test(path)) {
    const name = layer === '_conv1' ? 'conv1' : `res${layer}`
    if (kind === 'bias') return vector(name, 1, file)
    return { names: [blob(name, 0, file)], convert: (t) => fromTorch(asStored(t)) }
  }
  if (kind === 'weight' || kind === 'bias') return vector(`scale${layer}`, second, file)
  const index = ['running_mean', 'running_var'].indexOf(kind)
  if (index < 0) return undefined
  return {
    names: [blob(`bn${layer}`, index, file), blob(`bn${layer}`, 2, file)],
    // Caffe keeps moving sums, and in a third blob what to divide them by.
    convert: (sums, factor) => {
      const [s] = factor.values()
      return mapped(flat(asStored(sums), 1), (v) => (s === 0 ? 0 : v / s))
    },
  }
}

export const caffe: KeyMap = {
  name: 'caffe',
  summary: 'the original ResNet-50, 101 and 152 (Caffe)',
  recognizes: (file) => has(file, 'res2a_branch2a'),
  sources: (state: State, file) => {
    const sources = new Map<string, Source>()
    for (const path of state.keys()) {
      const source = sourceOf(path.replace(/^backbone\./, ''), file)
      if (source) sources.set(path, source)
    }
    return sources
  },
  ignores: () => false,
  isHead: (name) => name.startsWith('fc1000'),
  expects: { stride: '1x1', pool: 'ceil', input: 'caffe', eps: 1e-5, statistic: 'variance' },
}

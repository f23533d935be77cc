// Files as other projects write them, without their numbers: the names and shapes of each kind, as its authors' code makes
// them, independent of the key maps that are tested with them.

import type { Weights, WeightTensor } from '../../train/weights/tensor.ts'

/** Names and shapes, in the order and layout of the file. */
export type Listing = readonly (readonly [name: string, shape: readonly number[]])[]

type Pairs = [string, number[]][]

const torchNorm = (name: string, c: number, counted: boolean): Pairs => [
  [`${name}.weight`, [c]],
  [`${name}.bias`, [c]],
  [`${name}.running_mean`, [c]],
  [`${name}.running_var`, [c]],
  ...(counted ? ([[`${name}.num_batches_tracked`, []]] as Pairs) : []),
]

/** torchvision's and timm's ResNets with bottlenecks; `counted` since num_batches_tracked is written. */
export function torchvisionListing(
  blocks: readonly number[],
  { width = 64, classes = 1000, counted = true } = {},
): Listing {
  const norm = (name: string, c: number) => torchNorm(name, c, counted)
  const list: Pairs = [['conv1.weight', [width, 3, 7, 7]], ...norm('bn1', width)]
  let inputs = width
  blocks.forEach((n, stage) => {
    const m = width * 2 ** stage
    for (let b = 0; b < n; b++) {
      const at = `layer${stage + 1}.${b}`
      list.push([`${at}.conv1.weight`, [m, inputs, 1, 1]], ...norm(`${at}.bn1`, m))
      list.push([`${at}.conv2.weight`, [m, m, 3, 3]], ...norm(`${at}.bn2`, m))
      list.push([`${at}.conv3.weight`, [4 * m, m, 1, 1]], ...norm(`${at}.bn3`, 4 * m))
      if (b === 0) {
        list.push([`${at}.downsample.0.weight`, [4 * m, inputs, 1, 1]])
        list.push(...norm(`${at}.downsample.1`, 4 * m))
      }
      inputs = 4 * m
    }
  })
  list.push(['fc.weight', [classes, inputs]], ['fc.bias', [classes]])
  return list
}

/** The original ResNets in Caffe: layers, and how many blobs of which shape each has. */
export function caffeListing(
  blocks: readonly number[],
  { width = 64, classes = 1000, stemBias = false, numbered = [] as readonly number[] } = {},
): Listing {
  const list: Pairs = []
  const conv = (name: string, shape: number[], bias = false) => {
    list.push([`${name}/0`, shape])
    if (bias) list.push([`${name}/1`, [shape[0]]])
  }
  const norm = (name: string, c: number) => {
    list.push([`bn${name}/0`, [c]], [`bn${name}/1`, [c]], [`bn${name}/2`, [1]])
    list.push([`scale${name}/0`, [c]], [`scale${name}/1`, [c]])
  }
  conv('conv1', [width, 3, 7, 7], stemBias)
  norm('_conv1', width)
  let inputs = width
  blocks.forEach((n, stage) => {
    const m = width * 2 ** stage
    for (let b = 0; b < n; b++) {
      const letter = numbered.includes(stage + 2) && b > 0 ? `b${b}` : 'abcdef'[b]
      const at = `${stage + 2}${letter}_branch`
      const steps: [string, number, number, number][] = [
        ['2a', inputs, m, 1],
        ['2b', m, m, 3],
        ['2c', m, 4 * m, 1],
      ]
      if (b === 0) steps.unshift(['1', inputs, 4 * m, 1])
      for (const [branch, from, to, k] of steps) {
        conv(`res${at}${branch}`, [to, from, k, k])
        norm(`${at}${branch}`, to)
      }
      inputs = 4 * m
    }
  })
  list.push(['fc1000/0', [classes, inputs]], ['fc1000/1', [classes]])
  return list
}

/** Channels of the convolutions of a unit of B2 … B7, at a width of 64. */
const wideSteps = [
  [128, 128],
  [256, 256],
  [512, 512],
  [512, 1024],
  [512, 1024, 2048],
  [1024, 2048, 4096],
]

interface WideUnit {
  readonly level: number
  readonly unit: number
  readonly convs: readonly (readonly [out: number, inputs: number, kernel: number])[]
}

function wideUnits(units: readonly number[], width: number): WideUnit[] {
  let inputs = width
  return wideSteps.flatMap((steps, i) =>
    Array.from({ length: units[i] }, (_, unit) => {
      const convs = steps.map((channels, step) => {
        const out = (channels / 64) * width
        const from = inputs
        inputs = out
        return [out, from, steps.length === 3 && step !== 1 ? 1 : 3] as const
      })
      return { level: i + 2, unit, convs }
    }),
  )
}

/** mapillary's WiderResNet38 and its like. */
export function mapillaryListing(
  units: readonly number[],
  { width = 64, classes = 1000, prefix = 'module.' } = {},
): Listing {
  const list: Pairs = [['mod1.conv1.weight', [width, 3, 3, 3]]]
  for (const { level, unit, convs } of wideUnits(units, width)) {
    const at = `mod${level}.block${unit + 1}`
    convs.forEach(([out, inputs, k], i) => {
      list.push(...torchNorm(i ? `${at}.convs.bn${i + 1}` : `${at}.bn1`, inputs, false))
      list.push([`${at}.convs.conv${i + 1}.weight`, [out, inputs, k, k]])
    })
    if (unit === 0)
      list.push([`${at}.proj_conv.weight`, [convs[convs.length - 1][0], convs[0][1], 1, 1]])
  }
  const top = 64 * width
  list.push(...torchNorm('bn_out', top, false))
  list.push(['classifier.fc.weight', [classes, top]], ['classifier.fc.bias', [classes]])
  return list.map(([name, shape]) => [prefix + name, shape])
}

/** The released Model A and its like; `hidden` for the one that segments. */
export function ademxappListing(
  units: readonly number[],
  { width = 64, classes = 1000, hidden = 0 } = {},
): Listing {
  const list: Pairs = [['arg:conv1a_weight', [width, 3, 3, 3]]]
  const norm = (name: string, c: number) =>
    list.push(
      [`arg:bn${name}_gamma`, [c]],
      [`arg:bn${name}_beta`, [c]],
      [`aux:bn${name}_moving_mean`, [c]],
      [`aux:bn${name}_moving_var`, [c]],
    )
  for (const { level, unit, convs } of wideUnits(units, width)) {
    const at = `${level}${unit ? `b${unit}` : 'a'}_branch`
    convs.forEach(([out, inputs, k], i) => {
      const branch = ['2a', '2b1', '2b2'][i]
      norm(at + branch, inputs)
      list.push([`arg:res${at}${branch}_weight`, [out, inputs, k, k]])
    })
    if (unit === 0)
      list.push([`arg:res${at}1_weight`, [convs[convs.length - 1][0], convs[0][1], 1, 1]])
  }
  const top = 64 * width
  norm('7', top)
  if (hidden) {
    list.push(['arg:conv6a_weight', [hidden, top, 3, 3]], ['arg:conv6a_bias', [hidden]])
    list.push([`arg:linear${classes}_weight`, [classes, hidden, 3, 3]])
  } else list.push([`arg:linear${classes}_weight`, [classes, top]])
  list.push([`arg:linear${classes}_bias`, [classes]])
  return list
}

/** FRRN A as Lasagne lists its layers; where the first unit behind the concatenation has its projection is not known for
 * sure, so both orders must load. */
export function frrnListing({
  base = 48,
  lanes = 32,
  classes = 19,
  projection = 'after' as 'before' | 'after',
} = {}): Listing {
  const shapes: number[][] = []
  const conv = (out: number, inputs: number, k: number) => shapes.push([out, inputs, k, k])
  const norm = (c: number) => shapes.push([c], [c], [c], [c])
  const residualUnit = (inputs: number, c: number) => {
    const project = () => inputs !== c && conv(c, inputs, 1)
    if (projection === 'before') project()
    conv(c, inputs, 3)
    norm(c)
    conv(c, c, 3)
    norm(c)
    if (projection === 'after') project()
  }
  conv(base, 3, 5)
  norm(base)
  for (let i = 0; i < 3; i++) residualUnit(base, base)
  conv(lanes, base, 1)
  norm(lanes)
  let inputs = base
  const stages = [
    [3, 2],
    [4, 4],
    [2, 8],
    [2, 8],
    [2, 4],
    [2, 4],
    [2, 2],
  ]
  for (const [units, times] of stages)
    for (let u = 0; u < units; u++) {
      const c = base * times
      conv(c, inputs + lanes, 3)
      norm(c)
      conv(c, c, 3)
      norm(c)
      conv(lanes, c, 1)
      shapes.push([lanes])
      inputs = c
    }
  residualUnit(inputs + lanes, base)
  for (let i = 0; i < 2; i++) residualUnit(base, base)
  conv(classes, base, 1)
  shapes.push([classes])
  return shapes.map((shape, i) => [`arr_${i}`, shape])
}

/** Numbers for a listing: those of tensor i are small, positive and its own. */
export function filledFile(
  listing: Listing,
  value: (name: string, index: number) => number = (name, i) =>
    0.5 + (((name.length * 31 + i * 7) % 97) + 1) / 200,
): Weights {
  const tensors = new Map<string, WeightTensor>()
  for (const [name, shape] of listing) {
    const count = shape.reduce((n, d) => n * d, 1)
    const data = Float32Array.from({ length: count }, (_, i) => value(name, i))
    tensors.set(name, { dtype: 'f32', shape, values: () => data })
  }
  return { file: 'weights.bin', format: 'torch', tensors, metadata: new Map(), wrappers: [] }
}

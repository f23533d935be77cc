// Residual networks (He et al. 2016, as in torchvision) in the terms that every engine has: one description, read by each
// engine's builder, so that all of them compute the same.

import type { Input } from './inputs.ts'
import type { Map4 } from './rows.ts'

/** A convolution without bias, the batch norm that follows it, and perhaps a ReLU. */
export interface Layer {
  /** Names of the parameters, as our own models have them. */
  readonly conv: string
  readonly norm: string
  readonly kernel: number
  readonly inputs: number
  readonly outputs: number
  readonly stride: number
  readonly relu: boolean
  /** Last of a branch: its scales are small, as in trained networks, so that the sums stay in bounds. */
  readonly last: boolean
}

/** How an engine makes a network. */
export interface Builder<T> {
  conv(x: T, layer: Layer): T
  /** 3×3, stride 2, padding 1. */
  maxPool(x: T): T
  /** relu(x + y) */
  join(x: T, y: T): T
  /** The mean over pixels, then a linear layer with the parameters `fc`. */
  head(x: T): T
}

export type Depth = 18 | 50
const blocks = { 18: [2, 2, 2, 2], 50: [3, 4, 6, 3] } as const
const expansion = { 18: 1, 50: 4 } as const

export function resnet<T>(depth: Depth, b: Builder<T>, image: T): T {
  const from = { conv: 'backbone.conv1', norm: 'backbone.bn1' }
  let inputs = 64
  let x = b.conv(image, { ...from, ...shape(7, 3, 64), stride: 2, relu: true, last: false })
  x = b.maxPool(x)
  blocks[depth].forEach((count, stage) => {
    for (let i = 0; i < count; i++) {
      const outputs = 64 * 2 ** stage * expansion[depth]
      const stride = i === 0 && stage > 0 ? 2 : 1
      const path = `backbone.layer${stage + 1}.${i}`
      const short = stride > 1 || inputs !== outputs ? b.conv(x, projection(path)) : x
      x = b.join(short, branchLayers(depth, path, inputs, outputs, stride).reduce(b.conv, x))
      function projection(at: string): Layer {
        const names = { conv: `${at}.downsample.0`, norm: `${at}.downsample.1` }
        return { ...names, ...shape(1, inputs, outputs), stride, relu: false, last: false }
      }
      inputs = outputs
    }
  })
  return b.head(x)
}

const shape = (kernel: number, inputs: number, outputs: number) => ({ kernel, inputs, outputs })

function branchLayers(
  depth: Depth,
  path: string,
  inputs: number,
  outputs: number,
  stride: number,
): Layer[] {
  const width = outputs / expansion[depth]
  const shapes =
    depth === 18
      ? [shape(3, inputs, width), shape(3, width, width)]
      : [shape(1, inputs, width), shape(3, width, width), shape(1, width, outputs)]
  return shapes.map((s, i) => {
    const last = i === shapes.length - 1
    const names = { conv: `${path}.conv${i + 1}`, norm: `${path}.bn${i + 1}` }
    return { ...names, ...s, stride: i === (depth === 18 ? 0 : 1) ? stride : 1, relu: !last, last }
  })
}

/** The layers in the order in which they run, each with the height of its result for an image of height `h`. */
export function layersOf(depth: Depth, h: number): { layer: Layer; h: number }[] {
  const layers: { layer: Layer; h: number }[] = []
  const builder: Builder<number> = {
    conv: (x, layer) => {
      const to = Math.ceil(x / layer.stride)
      layers.push({ layer, h: to })
      return to
    },
    maxPool: (x) => Math.ceil(x / 2),
    join: (_, y) => y,
    head: (x) => x,
  }
  resnet(depth, builder, h)
  return layers
}

/** Of one forward pass over square images, multiply-adds counted as two. */
export function flopsOf(depth: Depth, [n, h]: Map4, classes: number): number {
  const macs = layersOf(depth, h).reduce(
    (sum, { layer: { kernel, inputs, outputs }, h: to }) =>
      sum + to ** 2 * kernel ** 2 * inputs * outputs,
    512 * expansion[depth] * classes,
  )
  return 2 * n * macs
}

/** Everything that a checkpoint would hold, by the names of our own models: `….weight`, `….bias`, `….running_mean`,
 * `….running_var`, with `draw` for the numbers. */
export function parametersOf(
  depth: Depth,
  classes: number,
  draw: (shape: readonly number[], scale: number, around: number) => Input,
): Map<string, Input> {
  const all = new Map<string, Input>()
  for (const { layer } of layersOf(depth, 224)) {
    const { conv, norm, kernel, inputs, outputs, last } = layer
    const fan = kernel ** 2 * inputs
    all.set(`${conv}.weight`, draw([kernel, kernel, inputs, outputs], Math.sqrt(6 / fan), 0))
    all.set(`${norm}.weight`, draw([outputs], 0.1, last ? 0.3 : 1))
    all.set(`${norm}.bias`, draw([outputs], 0.1, 0))
    all.set(`${norm}.running_mean`, draw([outputs], 0.1, 0))
    all.set(`${norm}.running_var`, draw([outputs], 0.1, 1))
  }
  const features = 512 * expansion[depth]
  all.set('fc.weight', draw([features, classes], 1 / Math.sqrt(features), 0))
  all.set('fc.bias', draw([classes], 0.1, 0))
  return all
}

export const epsilon = 1e-5

/** A layer's convolution with its batch norm folded in, as inference has it: weight [kh, kw, in, out] and bias. */
export function folded(
  parameters: ReadonlyMap<string, Input>,
  { conv, norm, outputs }: Layer,
): { weight: Input; bias: Input } {
  const of = (name: string) => parameters.get(name)!.values
  const weight = parameters.get(`${conv}.weight`)!
  const [gamma, beta] = [of(`${norm}.weight`), of(`${norm}.bias`)]
  const [mean, variance] = [of(`${norm}.running_mean`), of(`${norm}.running_var`)]
  const scale = gamma.map((g, o) => g / Math.sqrt(variance[o] + epsilon))
  return {
    weight: { ...weight, values: weight.values.map((w, i) => w * scale[i % outputs]) },
    bias: { shape: [outputs], values: beta.map((b, o) => b - mean[o] * scale[o]) },
  }
}

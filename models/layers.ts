// A network layer by layer: what each module returns, holds, computes and keeps, in the order of its fields.

import { bytesOf, type Shape, sizeOf } from '../engine/dtype.ts'
import type { Pair } from '../engine/ops/options.ts'
import { Conv2d, ConvTranspose2d } from '../nn/conv.ts'
import { type AnyModule, Module } from '../nn/module.ts'
import { isBuffer } from '../nn/parameter.ts'
import { macsOf, type Traced } from './measure.ts'
import type { Network } from './network.ts'

/** A module, or a list of modules, with all that is in it. */
export interface Layer {
  /** As `backbone.layer1.0.conv1`. */
  readonly path: string
  /** The module's class, and what a convolution is; a list has none. */
  readonly kind: string
  /** What it returned, if it ran; several tensors have several. A list is what its last module is. */
  readonly outputs: readonly Shape[]
  /** Trainable values. */
  readonly parameters: number
  readonly macs: number
  /** Bytes of what is computed in it and kept for the backward pass. */
  readonly activationBytes: number
}

/** Every module of a network that was traced, each before its parts. */
export function layersOf(network: Network, { nodes, kept, values }: Traced): Layer[] {
  const zero = { parameters: 0, macs: 0, activationBytes: 0 }
  const sums = new Map<string, typeof zero>()
  const sumsAt = (path: string) => sums.get(path) ?? zero
  const add = (path: string, what: keyof typeof zero, amount: number) => {
    for (let end = path.length; end > 0; end = path.lastIndexOf('.', end - 1)) {
      const at = path.slice(0, end)
      const sum = sumsAt(at)
      sums.set(at, { ...sum, [what]: sum[what] + amount })
    }
  }
  for (const [path, variable] of network.stateDict())
    if (!isBuffer(variable)) add(path, 'parameters', sizeOf(variable.shape))
  for (const node of nodes) add(node.path, 'macs', macsOf(node))
  for (const value of kept) add(value.node.path, 'activationBytes', bytesOf(value))

  const layers: Layer[] = []
  const visit = (item: Part, path: string): readonly Shape[] => {
    const at = layers.length
    const parts = partsOf(item)
    const inside = parts.map(([name, part]) => visit(part, path ? `${path}.${name}` : name))
    const own = Array.isArray(item) ? inside.at(-1)! : outputsAt(path, parts, values)
    if (path) layers.splice(at, 0, { path, kind: kindOf(item), outputs: own, ...sumsAt(path) })
    return own
  }
  visit(network, '')
  return layers
}

type Part = AnyModule | readonly Part[]

const isPart = (value: unknown): value is Part =>
  value instanceof Module || (Array.isArray(value) && value.some(isPart))

const partsOf = (item: Part): [name: string, part: Part][] =>
  Object.entries(item).filter((entry): entry is [string, Part] => isPart(entry[1]))

/** Of the module at `path`: a tensor by its path, several by the names that they were returned under. */
function outputsAt(
  path: string,
  parts: readonly (readonly [string, Part])[],
  values: Traced['values'],
): readonly Shape[] {
  const one = values.get(path)
  if (one) return [one.shape]
  const names = new Set(parts.map(([name]) => `${path}.${name}`))
  return [...values].flatMap(([key, { shape }]) =>
    key.slice(0, key.lastIndexOf('.')) === path && !names.has(key) ? [shape] : [],
  )
}

/** `Conv2d 3×3 /2 d4`: kernel, stride and dilation where they are not 1. */
function kindOf(item: Part): string {
  if (!(item instanceof Module)) return ''
  const name = item.constructor.name
  if (!(item instanceof Conv2d || item instanceof ConvTranspose2d)) return name
  const [kh, kw] = item.weight.shape
  const { stride = 1, dilation = 1 } = item.options
  const written = (sign: string, n: number | Pair) => {
    const [a, b] = typeof n === 'number' ? [n, n] : n
    return a === 1 && b === 1 ? '' : ` ${sign}${a === b ? a : `${a}×${b}`}`
  }
  return `${name} ${kh}×${kw}${written('/', stride)}${written('d', dilation)}`
}

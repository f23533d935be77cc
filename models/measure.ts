// What a network costs, found by tracing a training step on one argument type: no device, and no weights drawn.

import { bytesOf, type Shape, sizeOf } from '../engine/dtype.ts'
import { graphOf } from '../engine/graph.ts'
import { apply } from '../engine/op.ts'
import { inputOp, scalar } from '../engine/ops/source.ts'
import { keptValues } from '../engine/recompute/kept.ts'
import type { Node, Tensor } from '../engine/tensor.ts'
import { collect, tracing } from '../engine/trace.ts'
import type { AnyModule } from '../nn/module.ts'
import { isBuffer } from '../nn/parameter.ts'
import { type FieldOfView, fieldOfViewOf } from './field-of-view.ts'
import type { Network } from './network.ts'
import { type ReceptiveField, receptiveField } from './receptive-field.ts'

/** Images, height, width. */
export type ImageSize = readonly [n: number, h: number, w: number]

/** How many values the variables of a module have. */
export interface ParameterCounts {
  /** All that training changes through gradients: the sum of the next three. */
  readonly trainable: number
  /** Of convolutions and linear layers. */
  readonly weights: number
  readonly biases: number
  /** Scales and shifts of batch norm. */
  readonly batchNorm: number
  /** All other state: running statistics, and whatever is frozen. */
  readonly buffers: number
}

export function countByKind(module: AnyModule): ParameterCounts {
  const state = module.stateDict()
  const counts = { weights: 0, biases: 0, batchNorm: 0, buffers: 0 }
  for (const [path, variable] of state) {
    const normalises = state.has(`${path.slice(0, path.lastIndexOf('.') + 1)}running_mean`)
    const trainable = normalises ? 'batchNorm' : path.endsWith('bias') ? 'biases' : 'weights'
    counts[isBuffer(variable) ? 'buffers' : trainable] += sizeOf(variable.shape)
  }
  return { trainable: counts.weights + counts.biases + counts.batchNorm, ...counts }
}

/** The forward pass of a training step. */
export interface Traced {
  readonly image: Tensor
  readonly output: Tensor
  /** What is computed from the image, in order, the backward pass left out. */
  readonly nodes: readonly Node[]
  /** The values among them that the backward pass reads, each once. */
  readonly kept: readonly Tensor[]
  /** What each module returned, by path. */
  readonly values: ReadonlyMap<string, Tensor>
}

/** Traces the forward pass of a training step. Throws ShapeError for sizes that the network refuses. */
export function traceStep(network: Network, [n, h, w]: ImageSize): Traced {
  const type = { dtype: 'f32', shape: [n, h, w, 3] } as const
  const { image, output, values } = tracing(() => {
    const [image] = apply(inputOp, [], { type, position: 0 })
    const mode = { train: true, random: { seed: scalar(0, 'u32'), step: scalar(0, 'u32') } }
    const { result, values } = collect(() => network.apply(image, mode))
    return { image, output: result, values }
  }).result
  const reached = new Set([image.node])
  for (const node of graphOf([], [output], []).nodes)
    if (node.inputs.some((x) => reached.has(x.node))) reached.add(node)
  const nodes = [...reached]
  const kept = new Set(keptValues(nodes, (variable) => !isBuffer(variable)))
  // Any loss reads the scores again in its own backward pass.
  kept.add(output)
  return { image, output, nodes, kept: [...kept], values }
}

export const macsOf = ({ op, inputs, types, attrs }: Node): number =>
  op.cost(inputs, types, attrs).macs

const total = <T>(items: readonly T[], of: (item: T) => number): number =>
  items.reduce((sum, item) => sum + of(item), 0)

export interface Measurement {
  readonly parameters: ParameterCounts
  /** Multiply-adds of the forward pass: of convolutions, transposed convolutions and linear layers, taps on padding
   * included. */
  readonly macs: number
  /** [n, ⌈h/s⌉, ⌈w/s⌉, classes], or [n, classes]. */
  readonly output: Shape
  /** Image pixels from one score to the next; undefined where whole images are scored. */
  readonly outputStride: number | undefined
  /** Of the dilated classifier on its features; undefined where there is none. */
  readonly fieldOfView: FieldOfView | undefined
  /** Of a score in the middle of the image; undefined where whole images are scored. */
  readonly receptiveField: ReceptiveField | undefined
  /** What training reads again: bytes, in f32, of the values that the forward pass computes from the images and the backward
   * pass reads. Normalisation, activations and sums are counted as fused, that is, not unless a gradient reads them. With
   * `recompute: 'none'` all of it is held from the one pass to the other; by default the engine makes a third or so of it
   * again (docs/6-recompute.md). Parameters, their gradients, the optimiser's state and the gradients of activations,
   * which come and go, are on top: `explain` and `atrous plan` count all of it. */
  readonly activationBytes: number
}

/** Measures a network on images of a size, without a device. Throws ShapeError for sizes that it refuses. */
export function measure(network: Network, size: ImageSize, step = traceStep(network, size)) {
  const { output, nodes, kept } = step
  return {
    parameters: countByKind(network),
    macs: total(nodes, macsOf),
    output: output.shape,
    outputStride: network.scoreStride || undefined,
    fieldOfView: fieldOfViewOf(network),
    receptiveField: receptiveField(step),
    activationBytes: total(kept, bytesOf),
  } satisfies Measurement
}

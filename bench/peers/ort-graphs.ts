// The rows as ONNX graphs, planes first.

import { axes, permuted, Unsupported } from './engine.ts'
import { type Input, inputsOf, startOf } from './inputs.ts'
import { type Builder, folded, resnet } from './network.ts'
import type { OnnxGraph, OnnxNode } from './onnx.ts'
import { outputSize, type Spec, type SpecOf } from './rows.ts'

export interface Task {
  readonly graph: OnnxGraph
  /** In their order of axes. */
  readonly feeds: readonly Input[]
  /** Of each result: the axes that bring it to our order. */
  readonly results?: readonly (readonly number[])[]
  /** The results are values and indices into the only feed. */
  readonly select?: boolean
}

export function taskOf(spec: Spec): Task {
  if (('grads' in spec && spec.grads) || gradients.includes(spec.kind))
    throw new Unsupported('has no gradients')
  switch (spec.kind) {
    case 'conv':
      return convTask(spec)
    case 'matmul': {
      const [a, b] = inputsOf(spec)
      return {
        graph: {
          inputs: [{ name: 'a', shape: a.shape }],
          constants: [{ name: 'b', shape: b.shape, data: b.values }],
          outputs: [{ name: 'y', shape: a.shape }],
          nodes: [{ op: 'MatMul', inputs: ['a', 'b'], outputs: ['y'] }],
        },
        feeds: [a],
      }
    }
    case 'maxPool':
      return onPlanes(spec, outputSize(spec), poolNode('x', 'y', spec.kernel, spec.padding))
    case 'repeat':
      return resizeTask(spec, { mode: 'nearest', nearest_mode: 'floor' })
    case 'bilinear':
      return resizeTask(spec, { mode: 'linear' })
    case 'topK':
      return topTask(spec)
    case 'forward':
      return forwardTask(spec)
    default:
      throw new Unsupported('has no such row')
  }
}

const gradients: readonly Spec['kind'][] = ['batchNorm', 'crossEntropy', 'step']

const planes = ({ shape, values }: Input): Input => ({
  shape: axes.toPlanes.map((a) => shape[a]),
  values: permuted(values, shape, axes.toPlanes),
})
const weightPlanes = ({ shape, values }: Input): Input => ({
  shape: axes.weightToPlanes.map((a) => shape[a]),
  values: permuted(values, shape, axes.weightToPlanes),
})
const constant = (name: string, { shape, values }: Input) => ({ name, shape, data: values })

/** A graph of one node from planes to planes. */
function onPlanes(
  spec: Extract<Spec, { x: readonly number[] }>,
  [h, w]: readonly number[],
  node: OnnxNode,
  constants: OnnxGraph['constants'] = [],
  channels = spec.x[3],
): Task {
  const x = planes(inputsOf(spec)[0])
  return {
    graph: {
      inputs: [{ name: 'x', shape: x.shape }],
      constants,
      outputs: [{ name: 'y', shape: [spec.x[0], channels, h, w] }],
      nodes: [node],
    },
    feeds: [x],
    results: [axes.fromPlanes],
  }
}

const convNode = (
  inputs: readonly string[],
  output: string,
  {
    kernel: k,
    stride: s,
    padding: p,
    dilation: d,
  }: Record<'kernel' | 'stride' | 'padding' | 'dilation', number>,
): OnnxNode => ({
  op: 'Conv',
  inputs,
  outputs: [output],
  attributes: { kernel_shape: [k, k], strides: [s, s], pads: [p, p, p, p], dilations: [d, d] },
})

const poolNode = (input: string, output: string, k: number, p: number): OnnxNode => ({
  op: 'MaxPool',
  inputs: [input],
  outputs: [output],
  attributes: { kernel_shape: [k, k], strides: [2, 2], pads: [p, p, p, p] },
})

function convTask(spec: SpecOf<'conv'>): Task {
  const w = constant('w', weightPlanes(inputsOf(spec)[1]))
  const node = convNode(['x', 'w'], 'y', spec)
  return onPlanes(spec, outputSize(spec), node, [w], spec.outputs)
}

function resizeTask(
  spec: SpecOf<'repeat' | 'bilinear'>,
  attributes: Readonly<Record<string, string>>,
): Task {
  const { x, factor: f } = spec
  const scales = { name: 'scales', shape: [4], data: Float32Array.of(1, 1, f, f) }
  const mode = spec.kind === 'repeat' ? 'asymmetric' : 'half_pixel'
  return onPlanes(
    spec,
    [x[1] * f, x[2] * f],
    {
      op: 'Resize',
      inputs: ['x', '', 'scales'],
      outputs: ['y'],
      attributes: { ...attributes, coordinate_transformation_mode: mode },
    },
    [scales],
  )
}

function topTask(spec: SpecOf<'topK'>): Task {
  const feeds = inputsOf(spec)
  return {
    graph: {
      inputs: [{ name: 'x', shape: [spec.size] }],
      constants: [{ name: 'k', shape: [1], data: BigInt64Array.of(BigInt(spec.k)) }],
      outputs: [
        { name: 'values', shape: [spec.k] },
        { name: 'indices', shape: [spec.k], type: 'int64' },
      ],
      nodes: [{ op: 'TopK', inputs: ['x', 'k'], outputs: ['values', 'indices'] }],
    },
    feeds,
    select: true,
  }
}

function forwardTask(spec: SpecOf<'forward'>): Task {
  const start = startOf(50, spec.classes)
  const nodes: OnnxNode[] = []
  const constants: NonNullable<OnnxGraph['constants']>[number][] = [
    constant('fc.weight', start.get('fc.weight')!),
    constant('fc.bias', start.get('fc.bias')!),
  ]
  let made = 0
  const add = (op: string, ...inputs: string[]): string => {
    const output = `t${made++}`
    nodes.push({ op, inputs, outputs: [output] })
    return output
  }
  const builder: Builder<string> = {
    conv: (x, layer) => {
      const { weight, bias } = folded(start, layer)
      const [w, b] = [`${layer.conv}.weight`, `${layer.conv}.bias`]
      constants.push(constant(w, weightPlanes(weight)), constant(b, bias))
      const y = `t${made++}`
      const padding = (layer.kernel - 1) / 2
      nodes.push(convNode([x, w, b], y, { ...layer, padding, dilation: 1 }))
      return layer.relu ? add('Relu', y) : y
    },
    maxPool: (x) => {
      const y = `t${made++}`
      nodes.push(poolNode(x, y, 3, 1))
      return y
    },
    join: (x, y) => add('Relu', add('Add', x, y)),
    head: (x) => add('Gemm', add('Flatten', add('GlobalAveragePool', x)), 'fc.weight', 'fc.bias'),
  }
  const x = planes(inputsOf(spec)[0])
  const y = resnet(50, builder, 'x')
  return {
    graph: {
      inputs: [{ name: 'x', shape: x.shape }],
      constants,
      outputs: [{ name: y, shape: [spec.x[0], spec.classes] }],
      nodes,
    },
    feeds: [x],
  }
}

// onnxruntime-web with its WebGPU provider: each row is an ONNX graph (planes first, as ONNX has it; the provider turns
// convolutions to NHWC by itself), inputs and results stay on the device. It has no gradients.

import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { nodePlatform } from '../../engine/platform-node.ts'
import {
  axes,
  type Engine,
  type Prepared,
  permuted,
  product,
  Unsupported,
  type Values,
} from './engine.ts'
import { type Input, inputsOf } from './inputs.ts'
import { type OnnxGraph, onnxModel } from './onnx.ts'
import type { Spec, SpecOf } from './rows.ts'

interface Tensor {
  getData(): Promise<Values>
  dispose(): void
}
interface Session {
  readonly outputNames: readonly string[]
  run(feeds: Record<string, Tensor>): Promise<Record<string, Tensor>>
  release(): Promise<void>
}
/** What is used of onnxruntime-web. */
interface Ort {
  env: { wasm: { numThreads: number }; webgpu: { device: GPUDevice | Promise<GPUDevice> } }
  Tensor: {
    fromGpuBuffer(
      buffer: GPUBuffer,
      options: { dataType: 'float32'; dims: readonly number[] },
    ): Tensor
  }
  InferenceSession: { create(model: Uint8Array, options: object): Promise<Session> }
}

export async function openOrt(folder: string, version: string): Promise<Engine> {
  const entry = join(folder, 'node_modules/onnxruntime-web/dist/ort.webgpu.mjs')
  const ort = (await import(pathToFileURL(entry).href)) as Ort
  ort.env.wasm.numThreads = 1
  // The first session makes the device, and takes it away when it is released.
  await create(ort, identity)
  const device = await ort.env.webgpu.device
  return {
    name: `onnxruntime-web ${version}`,
    device,
    prepare: async (spec) => prepare(ort, device, taskOf(spec)),
  }
}

const identity: OnnxGraph = {
  inputs: [{ name: 'x', shape: [4] }],
  outputs: [{ name: 'y', shape: [4] }],
  nodes: [{ op: 'Relu', inputs: ['x'], outputs: ['y'] }],
}

const create = (ort: Ort, graph: OnnxGraph): Promise<Session> =>
  ort.InferenceSession.create(onnxModel(graph), {
    executionProviders: ['webgpu'],
    preferredOutputLocation: 'gpu-buffer',
    logSeverityLevel: 3,
  })

interface Task {
  readonly graph: OnnxGraph
  /** In their order of axes. */
  readonly feeds: readonly Input[]
  /** Of each result: the axes that bring it to our order. */
  readonly results?: readonly (readonly number[])[]
}

const noGradients = 'has no gradients'

function taskOf(spec: Spec): Task {
  switch (spec.kind) {
    case 'conv':
      return convTask(spec)
    case 'matmul': {
      if (spec.grads) throw new Unsupported(noGradients)
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
  }
}

const planes = ({ shape, values }: Input): Input => ({
  shape: axes.toPlanes.map((a) => shape[a]),
  values: permuted(values, shape, axes.toPlanes),
})

function convTask(spec: SpecOf<'conv'>): Task {
  if (spec.grads) throw new Unsupported(noGradients)
  const { stride: s, padding: p, dilation: d, kernel: k } = spec
  const [x, w, dy] = inputsOf(spec)
  const feed = planes(x)
  const attributes = {
    kernel_shape: [k, k],
    strides: [s, s],
    pads: [p, p, p, p],
    dilations: [d, d],
  }
  return {
    graph: {
      inputs: [{ name: 'x', shape: feed.shape }],
      constants: [
        {
          name: 'w',
          shape: axes.weightToPlanes.map((a) => w.shape[a]),
          data: permuted(w.values, w.shape, axes.weightToPlanes),
        },
      ],
      outputs: [{ name: 'y', shape: planes(dy).shape }],
      nodes: [{ op: 'Conv', inputs: ['x', 'w'], outputs: ['y'], attributes }],
    },
    feeds: [feed],
    results: [axes.fromPlanes],
  }
}

async function prepare(
  ort: Ort,
  device: GPUDevice,
  { graph, feeds, results }: Task,
): Promise<Prepared> {
  const session = await create(ort, graph)
  const buffers = feeds.map(({ values }) => {
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST | GPUBufferUsage.COPY_SRC
    const buffer = device.createBuffer({ size: Math.ceil(values.byteLength / 16) * 16, usage })
    device.queue.writeBuffer(buffer, 0, values)
    return buffer
  })
  const named = Object.fromEntries(
    feeds.map(({ shape: dims }, i) => [
      graph.inputs[i].name,
      ort.Tensor.fromGpuBuffer(buffers[i], { dataType: 'float32', dims }),
    ]),
  )
  const run = async () => {
    const outputs = await session.run(named)
    return graph.outputs.map(({ name }) => outputs[name])
  }
  return {
    run: async () => {
      for (const t of await run()) t.dispose()
    },
    done: () => nodePlatform.settle(device.queue.onSubmittedWorkDone()),
    read: async () => {
      const values: Values[] = []
      for (const [i, t] of (await run()).entries()) {
        const v = (await nodePlatform.settle(t.getData())).slice()
        const order = results?.[i]
        const { shape } = graph.outputs[i]
        if (v.length !== product(shape)) throw new Error(`${v.length} values for [${shape}]`)
        values.push(order ? permuted(v, shape, order) : v)
        t.dispose()
      }
      return values
    },
    free: () => {
      void session.release()
      for (const b of buffers) b.destroy()
    },
  }
}

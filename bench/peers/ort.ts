// onnxruntime-web with its WebGPU provider: each row is an ONNX graph (planes first, as ONNX has it; the provider turns
// convolutions to NHWC by itself), inputs and results stay on the device. It has no gradients.

import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { nodePlatform } from '../../engine/adapters/platform-node.ts'
import { type Engine, type Prepared, permuted, picked, product, type Values } from './engine.ts'
import { type OnnxGraph, onnxModel } from './onnx.ts'
import { type Task, taskOf } from './ort-graphs.ts'

interface Tensor {
  getData(): Promise<Values | BigInt64Array>
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
    prepare: (spec) => prepare(ort, device, taskOf(spec)),
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

async function prepare(
  ort: Ort,
  device: GPUDevice,
  { graph, feeds, results, select }: Task,
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
        const data = await nodePlatform.settle(t.getData())
        // Indices are int64.
        const v = data instanceof BigInt64Array ? Int32Array.from(data, Number) : data.slice()
        const order = results?.[i]
        const { shape } = graph.outputs[i]
        if (v.length !== product(shape)) throw new Error(`${v.length} values for [${shape}]`)
        values.push(order ? permuted(v, shape, order) : v)
        t.dispose()
      }
      return select ? picked(feeds[0].values, values) : values
    },
    free: () => {
      void session.release()
      for (const b of buffers) b.destroy()
    },
  }
}

// Dawn as a browser's `navigator.gpu`, on the adapter that our engine would take, with the few shims that the peers need
// in Node, and counters of what they ask for.

import { globals } from 'webgpu'
import type { AdapterChoice } from '../../engine/adapters/platform.ts'
import { nodePlatform } from '../../engine/adapters/platform-node.ts'

/** Counted since the process began. */
export const counts = { dispatches: 0, pipelines: 0 }

/** Defines `navigator.gpu`. Call it before a peer is loaded. */
export function installGpu(choice: AdapterChoice | undefined): void {
  Object.assign(globalThis, globals)
  const requestAdapter = async () => {
    const say = (sentence: string) => console.error(sentence)
    const { adapter } = await nodePlatform.requestAdapter({ choice, say })
    return shimmed(adapter)
  }
  const gpu = { requestAdapter, wgslLanguageFeatures: new Set() }
  const { navigator = { userAgent: 'node', language: 'en', hardwareConcurrency: 2 } } = globalThis
  Object.defineProperty(globalThis, 'navigator', { value: navigator, configurable: true })
  Object.defineProperty(navigator, 'gpu', { value: gpu, configurable: true })
}

function shimmed(adapter: GPUAdapter): GPUAdapter {
  const request = adapter.requestDevice.bind(adapter)
  // tfjs asks for a list inside the list of features.
  adapter.requestDevice = async (descriptor = {}) => {
    const requiredFeatures = [...(descriptor.requiredFeatures ?? [])].flat()
    const device = await request({ ...descriptor, requiredFeatures })
    nodePlatform.opened(device)
    copyShared(device.queue)
    return device
  }
  return adapter
}

/** onnxruntime-web uploads from the shared memory of its WebAssembly, which the binding does not take. */
function copyShared(queue: GPUQueue): void {
  const write = queue.writeBuffer.bind(queue)
  queue.writeBuffer = (buffer, offset, data, from = 0, size) => {
    const view = ArrayBuffer.isView(data)
    const memory: ArrayBufferLike = view ? data.buffer : data
    if (!(memory instanceof SharedArrayBuffer)) {
      write(buffer, offset, data, from, size)
      return undefined
    }
    const unit = view ? ((data as Uint8Array).BYTES_PER_ELEMENT ?? 1) : 1
    const start = (view ? data.byteOffset : 0) + from * unit
    const bytes = size === undefined ? data.byteLength - from * unit : size * unit
    write(buffer, offset, new Uint8Array(memory, start, bytes).slice())
    return undefined
  }
}

/** Counts what every device is asked for from now on. */
export function countCalls(): void {
  const pass = GPUComputePassEncoder.prototype
  const { dispatchWorkgroups } = pass
  pass.dispatchWorkgroups = function (this: GPUComputePassEncoder, ...grid) {
    counts.dispatches++
    return dispatchWorkgroups.apply(this, grid)
  }
  const device = GPUDevice.prototype
  const { createComputePipeline, createComputePipelineAsync } = device
  device.createComputePipeline = function (this: GPUDevice, descriptor) {
    counts.pipelines++
    return createComputePipeline.call(this, descriptor)
  }
  device.createComputePipelineAsync = function (this: GPUDevice, descriptor) {
    counts.pipelines++
    return createComputePipelineAsync.call(this, descriptor)
  }
}

// Device memory, counted: every buffer of the engine is made and destroyed here.

import type { Kernel } from '../../shaders/kernel.ts'
import type { Caps } from '../adapters/adapter.ts'
import { DeviceError, OutOfMemoryError } from '../errors.ts'
import type { HostTensor } from '../tensor.ts'

// WebGPU's flags as numbers: Node has no such globals, and the library puts nothing on the global object.
export const usage = {
  mapRead: 1,
  copySrc: 4,
  copyDst: 8,
  uniform: 64,
  storage: 128,
  queryResolve: 512,
} as const
const compute = 4

let nextId = 1

/** A device buffer, or a part of one, with an identity that caches of bind groups can use. */
export interface Buffer {
  readonly id: number
  readonly gpu: GPUBuffer
  /** Where it begins in `gpu`. */
  readonly offset: number
  readonly bytes: number
}

/** Part of a buffer; it goes when the whole does. */
export const partOf = ({ gpu }: Buffer, offset: number, bytes: number): Buffer => ({
  id: nextId++,
  gpu,
  offset,
  bytes,
})

export class Buffers {
  /** Bytes allocated now, and the most so far. */
  bytes = 0
  peak = 0
  /** Buffers made since the start; a training step makes none after the first. */
  made = 0
  readonly #device: GPUDevice
  readonly #caps: Caps
  constructor(device: GPUDevice, caps: Caps) {
    this.#device = device
    this.#caps = caps
  }

  /** A buffer of at least `bytes`. Throws OutOfMemoryError when the device cannot have one so large. */
  make(
    bytes: number,
    label: string,
    flags: number = usage.storage | usage.copyDst | usage.copySrc,
  ): Buffer {
    const size = Math.max(16, Math.ceil(bytes / 16) * 16)
    if (size > this.#caps.maxBufferBytes)
      throw new OutOfMemoryError(
        `${label} needs ${size} bytes and ${this.#caps.name} has buffers of at most ${this.#caps.maxBufferBytes}`,
        'use a smaller batch or crop',
      )
    const gpu = this.#device.createBuffer({ size, usage: flags, label })
    this.bytes += size
    this.peak = Math.max(this.peak, this.bytes)
    this.made++
    return { id: nextId++, gpu, offset: 0, bytes: size }
  }

  free(buffer: Buffer): void {
    buffer.gpu.destroy()
    this.bytes -= buffer.bytes
  }
}

/** Kernels by key, each once. Throws DeviceError where two of one key have different code. */
export function kernelsByKey(kernels: Iterable<Kernel>): Map<string, Kernel> {
  const known = new Map<string, Kernel>()
  for (const kernel of kernels) {
    const other = known.get(kernel.key)
    if (!other) known.set(kernel.key, kernel)
    else if (other !== kernel) checkSame(kernel, codeOf(other))
  }
  return known
}

/** Throws DeviceError where a kernel has not the code of the one before it with its key, whose code the device would run. */
function checkSame(kernel: Kernel, before: string | undefined): void {
  const code = codeOf(kernel)
  if (code !== undefined && before !== undefined && code !== before)
    throw new DeviceError(
      `two kernels are called ${kernel.key}`,
      'the key must name everything that changes the text; what changes from call to call belongs in params',
    )
}

/** The code of a kernel that has it already; one that writes it on demand is not asked. */
const codeOf = (kernel: Kernel): string | undefined =>
  Object.getOwnPropertyDescriptor(kernel, 'code')?.value

interface Made {
  readonly pipeline: Promise<GPUComputePipeline>
  readonly code: string | undefined
}

/** Compute pipelines by kernel key, shared by all programs of a device: a new image size compiles nothing. */
export class Pipelines {
  readonly #device: GPUDevice
  readonly #made = new Map<string, Made>()
  readonly #layouts = new Map<string, GPUBindGroupLayout>()
  constructor(device: GPUDevice) {
    this.#device = device
  }

  get count(): number {
    return this.#made.size
  }

  /** The pipeline of a kernel. Throws DeviceError where another with its key has different code. */
  get(kernel: Kernel): Promise<GPUComputePipeline> {
    const known = this.#made.get(kernel.key)
    if (known) {
      checkSame(kernel, known.code)
      return known.pipeline
    }
    const pipeline = this.#make(kernel)
    this.#made.set(kernel.key, { pipeline, code: codeOf(kernel) })
    pipeline.catch(() => this.#made.delete(kernel.key))
    return pipeline
  }

  layout(kernel: Kernel): GPUBindGroupLayout {
    const key = kernel.access.join()
    let layout = this.#layouts.get(key)
    if (!layout) {
      const storage = kernel.access.map((access, i) => ({
        binding: i + 1,
        visibility: compute,
        buffer: { type: access === 'read' ? ('read-only-storage' as const) : ('storage' as const) },
      }))
      layout = this.#device.createBindGroupLayout({
        label: key,
        entries: [{ binding: 0, visibility: compute, buffer: { type: 'uniform' } }, ...storage],
      })
      this.#layouts.set(key, layout)
    }
    return layout
  }

  async #make(kernel: Kernel): Promise<GPUComputePipeline> {
    // What is wrong with the code is told here, and to nobody else.
    this.#device.pushErrorScope('validation')
    const module = this.#device.createShaderModule({ code: kernel.code, label: kernel.key })
    const told = this.#device.popErrorScope()
    const layout = this.#device.createPipelineLayout({ bindGroupLayouts: [this.layout(kernel)] })
    const made = this.#device.createComputePipelineAsync({
      label: kernel.key,
      layout,
      compute: { module, entryPoint: 'main' },
    })
    made.catch(() => {})
    const problem = await told
    if (problem) throw new DeviceError(`${kernel.key} does not compile: ${problem.message}`)
    return made
  }
}

/** Writes host data; device buffers are whole vec4s, and writes must be whole words. */
export function writePadded(gpu: GPUDevice, to: Buffer, from: HostTensor): void {
  const { data } = from
  if (data.byteLength % 4 === 0) {
    gpu.queue.writeBuffer(to.gpu, to.offset, data as Uint8Array<ArrayBuffer>)
    return
  }
  const padded = new Uint8Array(Math.ceil(data.byteLength / 4) * 4)
  padded.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
  gpu.queue.writeBuffer(to.gpu, to.offset, padded)
}

// A device: memory, pipelines, the values of variables, and the door through which graphs come to run.

import { type AdapterOptions, type Caps, openAdapter } from './adapter.ts'
import { type Buffer, Buffers, Pipelines, usage } from './buffers.ts'
import { type CompileOptions, compileProgram, type Program } from './compile.ts'
import { DeviceTensor } from './device-tensor.ts'
import {
  bytesOf,
  type HostArray,
  hostArray,
  sizeOf,
  storageBytes,
  type TensorType,
} from './dtype.ts'
import {
  DeviceError,
  DeviceLostError,
  OutOfMemoryError,
  ShapeError,
  StaleTensorError,
} from './errors.ts'
import { baseOf, graphOf } from './graph.ts'
import type { TensorLike } from './op.ts'
import { hostTensor } from './ops/source.ts'
import { platform } from './platform.ts'
import { showBytes } from './print.ts'
import { writePadded } from './program.ts'
import { type Tensor, Variable } from './tensor.ts'

export interface DeviceOptions extends Omit<AdapterOptions, 'onError'> {}

/** Opens the fastest adapter that is here (GPU, else a software driver). Throws DeviceError with what to do. */
export async function openDevice(options: DeviceOptions = {}): Promise<Device> {
  const problems: string[] = []
  const { device, caps, line, warnings } = await openAdapter({
    ...options,
    onError: (message) => problems.push(message),
  })
  return new Device(device, caps, line, warnings, problems)
}

const owners = new WeakMap<Variable, Device>()

/** Memory in use, by kind, in bytes. */
export interface DeviceStats {
  /** All that the engine has allocated, pools included. */
  readonly allocatedBytes: number
  readonly peakBytes: number
  readonly variableBytes: number
  /** The activation memory that all programs share. */
  readonly arenaBytes: number
  readonly pipelines: number
  /** Buffers made since the device was opened. */
  readonly buffersMade: number
}

export class Device {
  readonly gpu: GPUDevice
  readonly caps: Caps
  /** What was opened, in one line. */
  readonly line: string
  /** What the person should know, such as a faster choice. */
  readonly warnings: readonly string[]
  readonly buffers: Buffers
  readonly pipelines: Pipelines
  readonly #problems: string[]
  readonly #variables = new Map<Variable, Buffer>()
  #arena: Buffer[] = []
  /** Read-back buffers at rest. */
  readonly #spare: Buffer[] = []
  #lost: string | undefined
  #closed = false

  constructor(
    gpu: GPUDevice,
    caps: Caps,
    line: string,
    warnings: readonly string[],
    problems: string[],
  ) {
    this.gpu = gpu
    this.caps = caps
    this.line = line
    this.warnings = warnings
    this.#problems = problems
    this.buffers = new Buffers(gpu, caps)
    this.pipelines = new Pipelines(gpu)
    gpu.lost.then((info) => {
      if (!this.#closed) this.#lost = info.message || info.reason
    })
  }

  /** Compiles a function of tensors. Shapes are taken from the arguments of each run; each new set of shapes is
   * traced and planned once. */
  compile<R>(fn: (...inputs: Tensor[]) => R, options: CompileOptions = {}): Program<R> {
    return compileProgram(this, fn, options)
  }

  /** The elements of a tensor: whatever it needs is computed now. Throws StaleTensorError when it reads a value of a
   * variable that has been overwritten. */
  async read(t: TensorLike | DeviceTensor): Promise<HostArray> {
    if (t instanceof DeviceTensor) return t.read()
    if (t instanceof Variable) return this.readBuffer(this.place(t), t)
    checkFresh(t)
    const program = this.compile(() => t)
    const result = (await program.run()) as DeviceTensor
    const data = await result.read()
    result.dispose()
    program.dispose()
    return data
  }

  /** The only element of a scalar tensor. */
  async value(t: TensorLike | DeviceTensor): Promise<number> {
    return (await this.read(t))[0]
  }

  /** Overwrites a variable's value. Throws ShapeError when the number of elements differs. */
  write(variable: Variable, data: HostArray): void {
    const buffer = this.place(variable)
    const host = hostTensor(data, variable.shape, variable.dtype)
    if (bytesOf(host) !== data.byteLength)
      throw new ShapeError('write', `the data is not ${variable.dtype}`, [variable.name], '')
    writePadded(this.gpu, buffer, host)
    variable.version++
  }

  /** Device memory of a variable, filled with its initial value at first use. */
  place(variable: Variable): Buffer {
    const known = this.#variables.get(variable)
    if (known) return known
    const owner = owners.get(variable)
    if (owner && owner !== this && !owner.#closed)
      throw new DeviceError(
        `${variable.name} lives on another device`,
        'a model belongs to the device that first ran it: read its state there and load it into a new model',
      )
    owners.set(variable, this)
    const buffer = this.buffers.make(storageBytes(variable), variable.name)
    writePadded(this.gpu, buffer, hostTensor(variable.initial(), variable.shape, variable.dtype))
    this.#variables.set(variable, buffer)
    return buffer
  }

  /** The shared activation memory, grown to at least `bytes`, in slabs of `slabBytes`. */
  arena(bytes: number, slabBytes: number): readonly Buffer[] {
    const have = this.#arena.reduce((n, b) => n + b.bytes, 0)
    if (bytes <= have) return this.#arena
    for (const b of this.#arena) this.buffers.free(b)
    this.#arena = []
    for (let left = bytes; left > 0; left -= slabBytes)
      this.#arena.push(this.buffers.make(Math.min(left, slabBytes), 'activations'))
    return this.#arena
  }

  /** Copies a buffer to the host. */
  async readBuffer(from: Buffer, type: TensorType): Promise<HostArray> {
    this.check()
    const out = hostArray(type.dtype, sizeOf(type.shape))
    if (!out.byteLength) return out
    const size = Math.ceil(out.byteLength / 4) * 4
    const staging = this.#staging(size)
    try {
      const encoder = this.gpu.createCommandEncoder()
      encoder.copyBufferToBuffer(from.gpu, 0, staging.gpu, 0, size)
      this.gpu.queue.submit([encoder.finish()])
      await this.settle(staging.gpu.mapAsync(usage.mapRead, 0, size))
      const bytes = new Uint8Array(staging.gpu.getMappedRange(0, size))
      new Uint8Array(out.buffer).set(bytes.subarray(0, out.byteLength))
      staging.gpu.unmap()
    } catch (error) {
      this.check()
      throw error
    } finally {
      this.#spare.push(staging)
    }
    this.check()
    return out
  }

  /** A read-back buffer of at least `size` bytes; few are ever made, since reads of one size follow each other. */
  #staging(size: number): Buffer {
    const at = this.#spare.findIndex((b) => b.bytes >= size && b.bytes <= 4 * size + 256)
    if (at >= 0) return this.#spare.splice(at, 1)[0]
    while (this.#spare.length >= 8) this.buffers.free(this.#spare.shift()!)
    return this.buffers.make(size, 'read-back', usage.mapRead | usage.copyDst)
  }

  /** Waits for everything submitted so far. */
  async idle(): Promise<void> {
    await this.settle(this.gpu.queue.onSubmittedWorkDone())
    this.check()
  }

  /** Waits for a promise of the GPU, in the way that leaves a software driver most of the processor. */
  settle<T>(promise: Promise<T>): Promise<T> {
    return this.caps.software ? platform().settle(promise) : promise
  }

  /** Throws what went wrong on the device since the last call, if anything did. */
  check(): void {
    if (this.#closed)
      throw new DeviceError('the device is closed', 'open another with openDevice()')
    if (this.#lost !== undefined)
      throw new DeviceLostError(
        `the device was lost: ${this.#lost}`,
        'open it again and resume from the last checkpoint; smaller batches make shorter dispatches',
      )
    const [problem] = this.#problems.splice(0)
    if (problem) throw new DeviceError(`WebGPU refused a command: ${problem}`)
  }

  /** Catches what WebGPU says about the commands up to `popScopes`. */
  pushScopes(): void {
    this.gpu.pushErrorScope('validation')
    this.gpu.pushErrorScope('out-of-memory')
  }

  /** Throws what was caught since `pushScopes`. `needs` says what was asked of the device. */
  async popScopes(needs: () => string): Promise<void> {
    const [memory, validation] = await Promise.all([
      this.gpu.popErrorScope(),
      this.gpu.popErrorScope(),
    ])
    if (memory)
      throw new OutOfMemoryError(
        `${this.caps.name} has not enough memory: ${needs()}, ${showBytes(this.buffers.bytes)} are allocated in all (${memory.message})`,
        'use a smaller batch or crop',
      )
    if (validation) throw new DeviceError(`WebGPU refused a command: ${validation.message}`)
  }

  stats(): DeviceStats {
    const total = (bs: Iterable<Buffer>) => [...bs].reduce((n, b) => n + b.bytes, 0)
    return {
      allocatedBytes: this.buffers.bytes,
      peakBytes: this.buffers.peak,
      variableBytes: total(this.#variables.values()),
      arenaBytes: total(this.#arena),
      pipelines: this.pipelines.count,
      buffersMade: this.buffers.made,
    }
  }

  /** Ends the device; whatever it held is gone. May be called twice. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.gpu.destroy()
  }

  [Symbol.dispose](): void {
    this.close()
  }
}

function checkFresh(t: Tensor): void {
  for (const node of graphOf([], [baseOf(t)], []).nodes) {
    if (node.op.name !== 'variable') continue
    const { variable, version } = node.attrs as { variable: Variable; version: number }
    if (variable.version !== version)
      throw new StaleTensorError(
        `a tensor reads ${variable.name} as it was before it was overwritten`,
        'build the tensor again after the update, or read it before',
      )
  }
}

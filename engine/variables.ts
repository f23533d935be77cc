// The values of variables on a device. Each is made when it is first used, and goes when it is released or when nobody
// holds its variable any more.

import { type Buffer, writePadded } from './buffers.ts'
import type { Device } from './device.ts'
import { storageBytes } from './dtype.ts'
import { DeviceError } from './errors.ts'
import { hostTensor } from './ops/source.ts'
import type { Variable } from './tensor.ts'
import { partOf } from './trace.ts'

const owners = new WeakMap<Variable, Device>()

export class Variables {
  readonly #device: Device
  readonly #buffers = new WeakMap<Variable, Buffer>()
  /** Buffers of the variables that live, for the count; a buffer does not know its variable. */
  readonly #live = new Set<Buffer>()
  readonly #collected = new FinalizationRegistry<Buffer>((buffer) => this.#free(buffer))

  constructor(device: Device) {
    this.#device = device
  }

  get bytes(): number {
    let bytes = 0
    for (const b of this.#live) bytes += b.bytes
    return bytes
  }

  has(variable: Variable): boolean {
    return this.#buffers.has(variable)
  }

  /** Memory of a variable, filled with its initial value at first use. */
  place(variable: Variable): Buffer {
    const known = this.#buffers.get(variable)
    if (known) return known
    const owner = owners.get(variable)
    if (owner && owner !== this.#device && !owner.closed)
      throw new DeviceError(
        `${variable.name} lives on another device`,
        'a model belongs to the device that first ran it: read its state there and load it into a new model',
      )
    const { buffers, gpu } = this.#device
    const data = variable.initial()
    const value = partOf(`variable ${variable.name}`, () =>
      hostTensor(data, variable.shape, variable.dtype),
    )
    const buffer = buffers.make(storageBytes(variable), variable.name)
    writePadded(gpu, buffer, value)
    owners.set(variable, this.#device)
    this.#buffers.set(variable, buffer)
    this.#live.add(buffer)
    this.#collected.register(variable, buffer, buffer)
    return buffer
  }

  /** Gives the memory of a variable back. */
  release(variable: Variable): void {
    const buffer = this.#buffers.get(variable)
    if (!buffer) return
    this.#buffers.delete(variable)
    this.#collected.unregister(buffer)
    owners.delete(variable)
    // Tensors that read what was here are stale; what was never overwritten comes back as it was.
    if (variable.version) variable.version++
    this.#free(buffer)
  }

  #free(buffer: Buffer): void {
    this.#live.delete(buffer)
    this.#device.buffers.free(buffer)
  }
}

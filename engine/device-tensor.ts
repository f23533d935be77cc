// A result that stays on its device until somebody asks for the numbers.

import type { Device } from './device.ts'
import type { HostArray, Shape, TensorType } from './dtype.ts'
import { DeviceError } from './errors.ts'
import type { Buffer } from './run/buffers.ts'
import { asPrimitive, checkSingle } from './tensor.ts'

/** Returns the memory of results that were dropped without `dispose`. What it holds must not lead to the tensor. */
const dropped = new FinalizationRegistry<{ device: Device; release: () => void }>(
  ({ device, release }) => {
    release()
    device.warnOnce(
      'a result of a program was dropped without dispose(): its memory came back only when the garbage collector ran; call dispose(), or declare it with `using`',
    )
  },
)

export class DeviceTensor implements TensorType {
  readonly device: Device
  readonly dtype: TensorType['dtype']
  readonly shape: Shape
  readonly #buffer: Buffer
  #release: () => void
  #alive = true
  #donated = false

  /** `release` is called once, and must not hold the tensor. */
  constructor(device: Device, type: TensorType, buffer: Buffer, release: () => void) {
    this.device = device
    this.dtype = type.dtype
    this.shape = type.shape
    this.#buffer = buffer
    this.#release = release
    dropped.register(this, { device, release }, this)
  }

  /** The memory that holds it. Throws DeviceError after `dispose`. */
  get buffer(): Buffer {
    this.checkAlive()
    return this.#buffer
  }

  /** Throws DeviceError after `dispose`. */
  checkAlive(): void {
    if (!this.#alive)
      throw new DeviceError('a disposed device tensor was used', 'read it before disposing it')
  }

  /** Whether `donate` was called. */
  get donated(): boolean {
    return this.#donated
  }

  /** Gives the tensor to the next run that takes it as an argument, `program.run(x.donate())`, which disposes it: a result of the
   * same size may then take its memory, if it is written after the last kernel that reads x. A run that throws may have taken
   * it. */
  donate(): this {
    this.#donated = true
    return this
  }

  /** Another handle on the same memory, which is given back when both are disposed. What is donated goes over to it. */
  share(): DeviceTensor {
    const { device, buffer } = this
    const release = this.#release
    let holders = 2
    this.#release = () => {
      holders--
      if (!holders) release()
    }
    dropped.unregister(this)
    dropped.register(this, { device, release: this.#release }, this)
    const other = new DeviceTensor(device, this, buffer, this.#release)
    if (this.#donated) {
      other.donate()
      this.dispose()
    }
    return other
  }

  /** Takes the memory from the tensor, which is disposed, for whoever frees it instead. */
  take(): Buffer {
    const { buffer } = this
    this.#alive = false
    dropped.unregister(this)
    return buffer
  }

  /** The elements in row-major order. Waits for the device. */
  read(): Promise<HostArray> {
    return this.device.readBuffer(this.buffer, this)
  }

  /** The only element, read, and the tensor disposed. Throws ShapeError where it has several: nothing is disposed then. */
  async value(): Promise<number> {
    checkSingle(this)
    try {
      const [x] = await this.read()
      return x
    } finally {
      this.dispose()
    }
  }

  [Symbol.toPrimitive](hint: string): string {
    return asPrimitive(hint, this, [
      'a result stays on its device',
      'await result.value() gives the number of a scalar, await result.read() all elements',
    ])
  }

  /** Gives the memory back to the program that made it. May be called twice. */
  dispose(): void {
    if (!this.#alive) return
    this.#alive = false
    dropped.unregister(this)
    this.#release()
  }

  [Symbol.dispose](): void {
    this.dispose()
  }
}

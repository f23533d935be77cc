// From a device's memory to the host: through mappable buffers, which are kept, since reads of one size follow each other.

import { type Buffer, type Buffers, usage } from './buffers.ts'

/** Read-back buffers that are kept at rest. */
const most = 8

export class ReadBack {
  readonly #gpu: GPUDevice
  readonly #buffers: Buffers
  readonly #spare: Buffer[] = []

  constructor(gpu: GPUDevice, buffers: Buffers) {
    this.#gpu = gpu
    this.#buffers = buffers
  }

  /** Fills `out` from the first bytes of `from`, as they are once all that was submitted before is done; `settle` waits for them. */
  async into(
    out: ArrayBufferView,
    from: Buffer,
    settle: (mapped: Promise<unknown>) => Promise<unknown>,
  ): Promise<void> {
    const size = Math.ceil(out.byteLength / 4) * 4
    const staging = this.#take(size)
    try {
      const encoder = this.#gpu.createCommandEncoder()
      encoder.copyBufferToBuffer(from.gpu, from.offset, staging.gpu, 0, size)
      this.#gpu.queue.submit([encoder.finish()])
      await settle(staging.gpu.mapAsync(usage.mapRead, 0, size))
      const bytes = new Uint8Array(staging.gpu.getMappedRange(0, size))
      const { buffer, byteOffset, byteLength } = out
      new Uint8Array(buffer, byteOffset, byteLength).set(bytes.subarray(0, byteLength))
      staging.gpu.unmap()
    } catch (error) {
      // It may never have had memory, or still wait to be mapped: no later read could use it.
      this.#buffers.free(staging)
      throw error
    }
    if (this.#spare.length < most) this.#spare.push(staging)
    else this.#buffers.free(staging)
  }

  #take(size: number): Buffer {
    const at = this.#spare.findIndex((b) => b.bytes >= size && b.bytes <= 4 * size + 256)
    if (at >= 0) return this.#spare.splice(at, 1)[0]
    if (this.#spare.length >= most) this.#buffers.free(this.#spare.shift()!)
    return this.#buffers.make(size, 'read-back', usage.mapRead | usage.copyDst)
  }
}

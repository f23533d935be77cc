// Many tensors one after another onto a device, told of as they go, without heaping up copies in its queue.

import type { Device } from '../../engine/device.ts'
import type { Variable } from '../../engine/tensor.ts'

export interface FeedOptions {
  /** Told of the bytes of the file that have been dealt with, of those that will be. */
  readonly onProgress?: (progress: { readonly loaded: number; readonly total: number }) => void
  /** Ends it: what was begun rejects with the signal's reason. */
  readonly signal?: AbortSignal
}

/** A queue keeps a copy of what it is given until the device has it. */
const MOST_QUEUED = 64 * 2 ** 20

export class Feed {
  readonly #device: Device
  readonly #total: number
  readonly #options: FeedOptions
  #loaded = 0
  #queued = 0

  constructor(device: Device, total: number, options: FeedOptions) {
    this.#device = device
    this.#total = total
    this.#options = options
    this.#tell()
  }

  /** Bytes that were read; throws where the signal is aborted. */
  advance(bytes: number): void {
    this.#loaded += bytes
    this.#tell()
  }

  /** Overwrites a variable's value, and waits for the device where much is under way. */
  async write(variable: Variable, data: Float32Array): Promise<void> {
    this.#device.write(variable, data)
    this.#queued += data.byteLength
    if (this.#queued < MOST_QUEUED) return
    this.#queued = 0
    await this.#device.idle()
  }

  #tell(): void {
    const { onProgress, signal } = this.#options
    signal?.throwIfAborted()
    onProgress?.({ loaded: this.#loaded, total: this.#total })
  }
}

// The activation memory that all programs of a device share: as much as the largest plan takes, since runs follow one another.

import type { Buffer, Buffers } from './buffers.ts'

export class Arena {
  readonly #buffers: Buffers
  #slabs: Buffer[] = []

  constructor(buffers: Buffers) {
    this.#buffers = buffers
  }

  get bytes(): number {
    return this.#slabs.reduce((n, b) => n + b.bytes, 0)
  }

  /** At least `bytes` in slabs of `slabBytes`. Grows by being made anew. */
  slabs(bytes: number, slabBytes: number): readonly Buffer[] {
    if (bytes <= this.bytes) return this.#slabs
    this.drop()
    for (let left = bytes; left > 0; left -= slabBytes)
      this.#slabs.push(this.#buffers.make(Math.min(left, slabBytes), 'activations'))
    return this.#slabs
  }

  /** Frees it; the next run makes it anew. */
  drop(): void {
    for (const b of this.#slabs) this.#buffers.free(b)
    this.#slabs = []
  }
}

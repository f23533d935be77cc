// An instance that was found in a picture: its class, how sure that is, its box and its mask, which is drawn when it is asked for.

import type { Hypothesis } from '../scoring/instance-scores.ts'
import type { Region } from './regions.ts'

export class FoundInstance implements Hypothesis {
  /** As in labels: 0 is no object. */
  readonly class: number
  /** From 0 to 1. */
  readonly score: number
  readonly height: number
  readonly width: number
  readonly #cells: Uint32Array
  readonly #step: number

  /** Of a picture of a size whose cells are `step` pixels apart. */
  constructor(region: Region, height: number, width: number, step: number) {
    this.class = region.class
    this.score = region.score
    this.height = height
    this.width = width
    this.#cells = region.cells
    this.#step = step
  }

  /** The least box around the mask: first row and column, and those after the last. */
  get box(): readonly [top: number, left: number, bottom: number, right: number] {
    let [top, left, bottom, right] = [this.height, this.width, 0, 0]
    this.#each((y0, x0, y1, x1) => {
      top = Math.min(top, y0)
      left = Math.min(left, x0)
      bottom = Math.max(bottom, y1)
      right = Math.max(right, x1)
    })
    return [top, left, bottom, right]
  }

  /** Pixels of the mask. */
  get area(): number {
    let area = 0
    this.#each((y0, x0, y1, x1) => {
      area += (y1 - y0) * (x1 - x0)
    })
    return area
  }

  /** 1 at each of its pixels, [height, width]; a new array each time. */
  get mask(): Uint8Array {
    const mask = new Uint8Array(this.height * this.width)
    this.#each((y0, x0, y1, x1) => {
      for (let y = y0; y < y1; y++) mask.fill(1, y * this.width + x0, y * this.width + x1)
    })
    return mask
  }

  /** The pixels of each cell; those at the lower and right edge may have fewer. */
  #each(use: (y0: number, x0: number, y1: number, x1: number) => void): void {
    const columns = Math.ceil(this.width / this.#step)
    for (const cell of this.#cells) {
      const [y, x] = [Math.floor(cell / columns) * this.#step, (cell % columns) * this.#step]
      use(y, x, Math.min(y + this.#step, this.height), Math.min(x + this.#step, this.width))
    }
  }
}

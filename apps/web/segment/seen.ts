// The picture that was looked at last, on the device: what is there at a pixel, how large each class is, and files of it.

import {
  cast,
  type Device,
  type DeviceTensor,
  histogram,
  hostTensor,
  indexSelect,
  type Program,
  type Tensor,
} from '../../../engine/index.ts'
import { type ClassInfo, colourPng, palettePng } from '../../../train/index.ts'
import type { Reading } from './types.ts'

/** Of all classes, those that are told at a pixel. */
const TOLD = 3

/** The small programs that results are asked by, one set a device. */
export class Asking {
  readonly #areas: Program<Tensor>
  readonly #pixel: Program<Tensor>

  constructor(device: Device) {
    // Bins around whole numbers, whose edges no class is near.
    this.#areas = device.compile((classes: Tensor, count: string) =>
      histogram(cast(classes, 'f32'), Number(count), { min: -0.5, max: Number(count) - 0.5 }),
    )
    this.#pixel = device.compile((scores: Tensor, y: Tensor, x: Tensor) =>
      indexSelect(indexSelect(scores, y, 1), x, 2),
    )
  }

  /** Pixels of each class. */
  async areas(classes: DeviceTensor, count: number): Promise<number[]> {
    using counted = await this.#areas.run(classes, String(count))
    return [...(await counted.read())]
  }

  /** Probabilities of all classes at a pixel. */
  async pixel(scores: DeviceTensor, y: number, x: number): Promise<number[]> {
    const at = (n: number) => hostTensor(Int32Array.of(n), [1])
    using found = await this.#pixel.run(scores, at(y), at(x))
    return [...(await found.read())]
  }
}

/** Owns its tensors. */
export class Seen {
  readonly image: DeviceTensor
  readonly classes: DeviceTensor
  readonly scores: DeviceTensor | undefined
  readonly names: readonly ClassInfo[]
  readonly #asking: Asking
  #labels: Promise<Uint8Array> | undefined

  constructor(
    asking: Asking,
    names: readonly ClassInfo[],
    { image, classes, scores }: Pick<Seen, 'image' | 'classes' | 'scores'>,
  ) {
    this.#asking = asking
    this.names = names
    this.image = image
    this.classes = classes
    this.scores = scores
  }

  areas(): Promise<number[]> {
    return this.#asking.areas(this.classes, this.names.length)
  }

  /** The class of each pixel, [height, width], on the host. */
  labels(): Promise<Uint8Array> {
    this.#labels ??= this.classes.read() as Promise<Uint8Array>
    return this.#labels
  }

  async read(y: number, x: number): Promise<Reading | undefined> {
    const [, height, width] = this.classes.shape
    if (!(y >= 0 && y < height && x >= 0 && x < width)) return undefined
    const kind = (await this.labels())[y * width + x]
    if (!this.scores) return { class: kind, likeliest: [] }
    const all = await this.#asking.pixel(this.scores, y, x)
    const likeliest = all
      .map((probability, c) => [c, probability] as const)
      .sort((a, b) => b[1] - a[1])
      .slice(0, TOLD)
    return { class: kind, likeliest }
  }

  /** The mask as a PNG, in the picture's own size: of class numbers with the colours as its palette, or of the colours themselves. */
  async png(what: 'numbers' | 'colours'): Promise<Blob> {
    const [, height, width] = this.classes.shape
    const labels = await this.labels()
    const colours = this.names.map(({ colour }) => colour)
    const encode = what === 'numbers' ? palettePng : colourPng
    return new Blob([await encode(labels, height, width, colours)], { type: 'image/png' })
  }

  dispose(): void {
    for (const tensor of [this.image, this.classes, this.scores]) tensor?.dispose()
  }
}

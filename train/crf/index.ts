// The fully connected CRF of Krähenbühl and Koltun (2011): class probabilities made to follow the picture's colours and to be
// smooth. Every pixel hears from every other, by a filter whose cost grows with the pixels alone: a permutohedral lattice for
// the appearance kernel, built on the host, and two passes of a Gaussian for the smoothness kernel.

import type { Device } from '../../engine/device.ts'
import type { DeviceTensor } from '../../engine/device-tensor.ts'
import {
  slice as cut,
  type HostTensor,
  hostTensor,
  OptionError,
  reshape,
  ShapeError,
  showType,
  type Tensor,
} from '../../engine/index.ts'
import type { Picture } from '../pictures/picture.ts'
import { buildLattice } from './lattice.ts'
import { latticeLists } from './lattice-lists.ts'
import { meanField, scoresOf } from './mean-field.ts'
import { type CrfOptions, crfSettings } from './options.ts'
import { CORNERS } from './points.ts'

export {
  type CrfOptions,
  type CrfParameters,
  type CrfPublished,
  type CrfSettings,
  crfDefaults,
  crfPublished,
  crfSettings,
} from './options.ts'

/** Class probabilities or a result of another program. */
export type Probabilities = HostTensor | DeviceTensor

/** The CRF on a device: kernels are compiled once, a plan is made for each size of pictures and each eighth or so of the
 * lattices' sizes. */
export class Crf {
  readonly #device: Device
  readonly #program

  constructor(device: Device) {
    this.#device = device
    this.#program = device.compile(
      (
        probabilities: Tensor,
        appearance: Tensor,
        smoothness: Tensor,
        taps: Tensor,
        inColumn: Tensor,
        inRow: Tensor,
        begins: Tensor,
        firsts: Tensor,
        order: Tensor,
        corners: Tensor,
        weights: Tensor,
        turns: Tensor,
        neighbours: Tensor,
        iterations: string,
        symmetric: boolean,
      ) => {
        const [, h, w, c] = probabilities.shape
        const lists = { begins, firsts, order, corners, weights, turns, neighbours }
        const q = meanField(
          scoresOf(reshape(probabilities, [h, w, c])),
          { ...lists, taps, inColumn, inRow },
          {
            ...{ iterations: Number(iterations), symmetric, appearance, smoothness },
            together: classesAtOnce(device, h * w, neighbours.shape[1]),
          },
        )
        return reshape(cut(q, [0, 0, 0], [h, w, c]), [1, h, w, c])
      },
    )
  }

  /** Probabilities f32 [1, h, w, c] after mean-field inference, on the device; the caller disposes them. `probabilities` f32
   * [1, h, w, c] are those of the classifier, whose negative logarithms are the unary terms, and `picture` is what it saw, of the
   * same size. Equal arguments give equal bits. Throws ShapeError where the two do not fit together, OptionError for options that
   * crfSettings refuses, and for a picture (`checkSize`) or a lattice that is too large for the device. */
  async refine(
    probabilities: Probabilities,
    picture: Picture,
    options: CrfOptions = {},
  ): Promise<DeviceTensor> {
    const settings = crfSettings('refine', options)
    check(probabilities, picture)
    const { data, height, width } = picture
    // Before its lattice is built, which takes a large one long.
    this.checkSize(height, width)
    const lattice = buildLattice(data, height, width, {
      position: Math.max(settings.thetaAlpha, NOBODY),
      colour: Math.max(settings.thetaBeta, NOBODY),
    })
    classesAtOnce(this.#device, height * width, lattice.points)
    const lists = latticeLists(lattice)
    const gauss = gaussian(settings.thetaGamma, height, width)
    return this.#program.run(
      probabilities,
      settings.appearance,
      settings.smoothness,
      ...[gauss.taps, gauss.inColumn, gauss.inRow],
      ...[lists.begins, lists.firsts, lists.order, lists.corners, lists.weights],
      ...[lists.turns, lists.neighbours],
      String(settings.iterations),
      settings.normalisation === 'symmetric',
    )
  }

  /** Throws OptionError for a picture of more pixels than the device refines at once. It is not taken in parts: each pixel hears of every
   * other, and what lies beyond a part's edge would be missing there in each iteration. */
  checkSize(height: number, width: number): void {
    const { maxBindingBytes } = this.#device.caps
    const [pixels, most] = [height * width, Math.floor(maxBindingBytes / PIXEL_BYTES)]
    if (!(pixels > most)) return
    const [h, w] = [height, width].map((side) =>
      Math.max(1, Math.floor(side * Math.sqrt(most / pixels))),
    )
    throw new OptionError(
      `refine: a picture of ${height}×${width} has ${pixels} pixels, and the CRF takes ${most} on this device, which binds ${maxBindingBytes} bytes at once`,
      `refine the picture made smaller, to ${h}×${w} at most, and enlarge the masks; or leave the CRF out`,
    )
  }

  dispose(): void {
    this.#program.dispose()
  }

  [Symbol.dispose](): void {
    this.dispose()
  }
}

/** The same for several pictures of one size, from and to the host: probabilities f32 [n, h, w, c] and n pictures. Throws as
 * `Crf.refine` does. */
export async function denseCrf(
  device: Device,
  probabilities: HostTensor,
  pictures: readonly Picture[],
  options: CrfOptions = {},
): Promise<HostTensor> {
  const { dtype, shape, data } = probabilities
  if (dtype !== 'f32' || shape.length !== 4 || shape[0] !== pictures.length)
    throw new ShapeError(
      'denseCrf',
      'probabilities f32 [n, h, w, c] of n pictures are needed',
      [showType({ dtype, shape }), `${pictures.length} pictures`],
      '',
    )
  using crf = new Crf(device)
  const refined = new Float32Array(data.length)
  const size = data.length / pictures.length
  for (const [i, picture] of pictures.entries()) {
    const own = (data as Float32Array).subarray(i * size, (i + 1) * size)
    using q = await crf.refine(hostTensor(own, [1, ...shape.slice(1)]), picture, options)
    refined.set((await q.read()) as Float32Array, i * size)
  }
  return hostTensor(refined, shape)
}

/** With this deviation the kernel is 0 one pixel or one step of colour away, as with any smaller one. */
const NOBODY = 1e-3

/** What a kernel binds whole: of each pixel its corners, or their weights; of each lattice point its neighbours, two words an axis. */
const PIXEL_BYTES = 4 * CORNERS
const POINT_BYTES = 8 * CORNERS

/** How many classes, a multiple of four, a device can filter at once. Throws OptionError for a lattice of too many points. */
function classesAtOnce({ caps }: Device, pixels: number, points: number): number {
  const most = Math.floor(caps.maxBindingBytes / POINT_BYTES)
  if (points > most)
    throw new OptionError(
      `refine: the picture's lattice has ${points} points, and the CRF takes ${most} on this device, which binds ${caps.maxBindingBytes} bytes at once`,
      'take a larger thetaBeta, by which colours share points (13 in the original), or refine a smaller picture and enlarge the masks',
    )
  return 4 * Math.floor(caps.maxBindingBytes / (16 * Math.max(pixels, points)))
}

/** Deviations from the middle at which the Gaussian is cut off: all beyond is less than 10⁻⁵ of it. */
const FAR = 4.5

/** A Gaussian at distances 1, 2, …, and its sums over the neighbours that each row and each column of a picture has. */
function gaussian(theta: number, height: number, width: number) {
  const radius = Math.min(Math.ceil(FAR * theta), Math.max(height, width, 2) - 1)
  const taps = Float32Array.from({ length: radius }, (_, k) =>
    Math.exp(-0.5 * ((k + 1) / theta) ** 2),
  )
  const sums = (n: number) =>
    Float32Array.from({ length: n }, (_, i) =>
      taps.reduce((sum, tap, k) => sum + tap * (Number(i > k) + Number(i + k + 1 < n)), 0),
    )
  return {
    taps: hostTensor(taps),
    inColumn: hostTensor(sums(height), [height, 1, 1]),
    inRow: hostTensor(sums(width), [1, width, 1]),
  }
}

function check({ dtype, shape }: Probabilities, { data, height, width }: Picture): void {
  const no = (problem: string, hint: string) => {
    const got = [showType({ dtype, shape }), `a picture of ${height}×${width}`]
    throw new ShapeError('refine', problem, got, '', hint)
  }
  if (dtype !== 'f32' || shape.length !== 4 || shape[0] !== 1 || !shape.every((n) => n > 0))
    no('probabilities f32 [1, h, w, c] are needed', 'of one picture at a time')
  if (shape[1] !== height || shape[2] !== width)
    no('probabilities and picture have not the same size', 'resize the probabilities first')
  if (data.length !== 3 * height * width)
    no(`the picture has ${data.length} values`, 'it is RGB, [height, width, 3]')
}

// From pictures to class masks on the device, by a test-time procedure: every look at the picture is scored, what they say is
// averaged as probabilities, and the likeliest class chosen. Only bytes go up and only what is asked for comes back.
//
//   picture u8 ─ resized u8, for each size ─ rows and columns of a window ─ scores on their grid ─┐
//                                             … of all windows, mirrored or not, of all networks ──┴─ fused ─ classes
//
// Memory: scores wait on their grid (1/64 of the pixels at stride 8). Where those that wait take more than `hold` bytes they are
// added up at the picture's pixels first, in one buffer that each sum hands on to the next. Tensors that are larger than the
// adapter binds at once are computed in pieces by the engine, and of classes the probabilities are never there as a whole.

import type { CompileProgress, Program } from '../engine/compile.ts'
import type { Device } from '../engine/device.ts'
import { DeviceTensor } from '../engine/device-tensor.ts'
import { isWholes, showType } from '../engine/dtype.ts'
import { OptionError, ShapeError } from '../engine/errors.ts'
import type { Pair } from '../engine/ops/options.ts'
import { shown } from '../engine/ops/refuse.ts'
import { hostTensor } from '../engine/ops/source.ts'
import type { HostTensor, Tensor } from '../engine/tensor.ts'
import type { Network } from '../models/network.ts'
import { scoresOnImage } from '../nn/grid.ts'
import { predict } from '../nn/losses.ts'
import { Crf } from './crf/index.ts'
import type { Picture } from './pictures/picture.ts'
import { type Fused, fused, lookCount, type View } from './predict/fuse.ts'
import { pixelsAlong, sizesOf, windowsOf } from './predict/geometry.ts'
import { resizedPicture } from './predict/look.ts'
import { type Needed, neededBytes } from './predict/needed.ts'
import { checkModels, type Scorer, scorerOf, viewOf } from './predict/scorer.ts'
import { checkTestTime, crfOptionsOf, type TestTime } from './test-time.ts'

export interface PredictorOptions {
  /** Row and column, in its cell's s×s pixels, of the pixel that a network's score answers for: the `loss.offset` of the recipe that
   * it learned by (`trainedOffset` of its checkpoint). Default the middle one. Of several networks a list, one for each. */
  readonly offset?: number | readonly (number | undefined)[] | undefined
  /** Bytes of scores that may wait for each other; default 512 MiB. */
  readonly hold?: number
  /** Plans kept of each program, one for each size of a picture or of a window; default 8, and at least one for each scale. Those
   * longest unused are disposed. */
  readonly plans?: number
  /** Told of each kernel that is ready, before a plan first runs. */
  readonly onKernel?: (progress: CompileProgress) => void
}

export interface PredictRun {
  /** Called before each window is looked at, with the number of those before it and that of all; the prediction waits for it, and
   * what it throws ends the prediction. So somebody can be told how far it is, and can end it. */
  readonly onWindow?: (done: number, all: number) => unknown
}

/** What is predicted: on the host, or already on the device as u8 [1, h, w, 3]. */
export type Pixels = Picture | DeviceTensor

/** Networks compiled for prediction; one plan per size, and no new kernels for a new size. */
export class Predictor {
  /** The first of them. */
  readonly model: Network
  readonly test: TestTime
  readonly #hold: number
  readonly #scorers: readonly Scorer[]
  readonly #plain: Program<Tensor>
  readonly #resize: Program<Tensor>
  readonly #fuse: Program<Tensor>
  readonly #classes: Program<Tensor>
  readonly #crf: Crf | undefined

  /** `models` are one network or several that tell the same classes apart; the probabilities of all count alike. Throws
   * OptionError for a procedure that means nothing, for models that do not score the classes of pixels, that differ in their
   * number of classes, or that cannot be shifted as asked. */
  constructor(
    device: Device,
    models: Network | readonly Network[],
    test: TestTime = {},
    { offset, hold = 2 ** 29, plans = 8, onKernel }: PredictorOptions = {},
  ) {
    const all = Array.isArray(models) ? (models as readonly Network[]) : [models as Network]
    this.test = checkTestTime(test)
    checkModels(all, test)
    const [model] = all
    this.model = model
    this.#hold = hold
    const cache = Math.max(plans, test.scales?.length ?? 1)
    const onProgress = onKernel && { onProgress: onKernel }
    const offsets = offsetsOf(offset, all.length)
    this.#scorers = all.map((m, i) =>
      scorerOf(device, m, test, { offset: offsets[i], cache, ...onProgress }),
    )
    this.#plain = device.compile((image) => {
      const [, h, w] = image.shape
      const scores = model.apply(image, { train: false })
      const at = offsets[0] === undefined ? {} : { offset: offsets[0] }
      return predict(scoresOnImage(scores, [h, w], model.scoreStride, at))
    }, onProgress)
    this.#resize = device.compile(
      (bytes: Tensor, size: string) => resizedPicture(bytes, JSON.parse(size) as Pair),
      { cache, ...onProgress },
    )
    this.#fuse = device.compile(
      (spec: string, ...given: Tensor[]) => fused(JSON.parse(spec) as Fused, given),
      { cache: plans, ...onProgress },
    )
    this.#classes = device.compile((probabilities: Tensor) => predict(probabilities), onProgress)
    this.#crf = test.crf === undefined ? undefined : new Crf(device)
  }

  /** Classes u8 [n, h, w] of images f32 [n, h, w, 3] in [0, 1], whose sizes the first model accepts, by one pass without the
   * test-time procedure; they stay on the device. */
  batch(image: Float32Array, n: number, height: number, width: number): Promise<DeviceTensor> {
    return this.#plain.run(hostTensor(image, [n, height, width, 3]))
  }

  /** The class of each pixel, [height, width], of a picture of any size. Throws as `example` does. */
  async picture(picture: Pixels, run?: PredictRun): Promise<Uint8Array> {
    using classes = await this.example(picture, run)
    return (await classes.read()) as Uint8Array
  }

  /** Classes u8 [1, h, w] of a picture of any size, at its own pixels, by the whole procedure; they stay on the device. Throws
   * ShapeError for a picture without pixels, or of another number of values than its size says, and for one that the given
   * windows do not cover; OutOfMemoryError where the device cannot hold what it takes, and OptionError for a picture that is too
   * large for the CRF. */
  async example(picture: Pixels, run: PredictRun = {}): Promise<DeviceTensor> {
    if (!this.#crf) return this.#run(picture, 'classes', run)
    using refined = await this.refined(picture, run)
    return await this.classesOf(refined)
  }

  /** Probabilities f32 [1, h, w, classes] of a picture by the whole procedure, the CRF too, of which `example` gives the likeliest
   * class; they stay on the device. Throws as it does, and OptionError where a picture that is on the device is to be refined. */
  async refined(picture: Pixels, run?: PredictRun): Promise<DeviceTensor> {
    if (!this.#crf) return this.probabilities(picture, run)
    if (picture instanceof DeviceTensor)
      throw new OptionError(
        'the CRF is given a picture that is on the device',
        'read it and give it as a picture, or leave the CRF out',
      )
    // Before the networks have run for nothing.
    this.#crf.checkSize(picture.height, picture.width)
    using averaged = await this.probabilities(picture, run)
    return await this.#crf.refine(averaged, picture, crfOptionsOf(this.test.crf))
  }

  /** The likeliest class of each pixel, u8 [1, h, w], of probabilities f32 [1, h, w, classes]. */
  classesOf(probabilities: DeviceTensor): Promise<DeviceTensor> {
    return this.#classes.run(probabilities)
  }

  /** Probabilities f32 [1, h, w, classes] of a picture, by the procedure but for the CRF; they stay on the device. Those that
   * were enlarged bicubically may overshoot. Throws as `example` does. */
  probabilities(picture: Pixels, run: PredictRun = {}): Promise<DeviceTensor> {
    return this.#run(picture, 'probabilities', run)
  }

  /** The memory that a picture of this size takes, planned and not run; the plans are those that a run takes. Throws as
   * `example` does where the windows do not cover it. */
  needed(size: Pair, out: 'classes' | 'probabilities' = 'classes'): Needed {
    const spec = { test: this.test, picture: size, views: this.#views(size) }
    const programs = { scorers: this.#scorers, resize: this.#resize, fuse: this.#fuse }
    return neededBytes(programs, { ...spec, out })
  }

  /** Every look at a picture of a size, in the order in which they are taken. */
  #views(picture: Pair): View[] {
    const flips = this.test.flip ? [false, true] : [false]
    return sizesOf(this.test, picture).flatMap((size) =>
      this.#scorers.flatMap((s) => flips.map((mirrored) => viewOf(s, this.test, size, mirrored))),
    )
  }

  async #run(pixels: Pixels, out: 'classes' | 'probabilities', { onWindow }: PredictRun) {
    const bytes = bytesOf(pixels)
    const [, height, width] = bytes.shape
    const picture: Pair = [height, width]
    const sizes = sizesOf(this.test, picture)
    const flips = this.test.flip ? [false, true] : [false]
    const spec = { test: this.test, picture }
    const looks = sizes.length * flips.length * this.#scorers.length
    const all = this.#views(picture).reduce((n, view) => n + lookCount(view, this.test), 0)
    let done = 0
    const onLook = () => onWindow?.(done++, all)
    let views: View[] = []
    let held: DeviceTensor[] = []
    let sum: DeviceTensor | undefined
    let image: DeviceTensor | undefined
    const add = async (as: Fused['out']): Promise<DeviceTensor> => {
      const what: Fused = { ...spec, views, out: as, continued: Boolean(sum), looks }
      const given = sum ? [sum.donate(), ...held] : held
      return this.#fuse.run(JSON.stringify(what), ...given)
    }
    try {
      for (const size of sizes) {
        image = await this.#resize.run(bytes, JSON.stringify(size))
        for (const scorer of this.#scorers)
          for (const mirrored of flips) {
            const waiting = held.reduce((n, t) => n + t.buffer.bytes, 0)
            if (waiting > this.#hold) {
              sum = await add('sum')
              for (const t of held) t.dispose()
              views = []
              held = []
            }
            const view = viewOf(scorer, this.test, size, mirrored)
            views.push(view)
            await this.#score(scorer, image, view, held, onLook)
          }
        image.dispose()
      }
      return await add(out)
    } finally {
      image?.dispose()
      sum?.dispose()
      for (const t of held) t.dispose()
    }
  }

  /** Adds the scores of a view's windows and passes to `held`, in the order that `fused` expects. */
  async #score(
    scorer: Scorer,
    image: DeviceTensor,
    view: View,
    held: DeviceTensor[],
    onLook: () => unknown,
  ) {
    const { rows, columns, size } = windowsOf(this.test.window, view.size)
    const coloured = scorer.model.padding !== 'reflection'
    const along = (axis: 0 | 1, at: number, move: number) => {
      const mirrored = axis === 1 && view.mirrored
      const options = { mirrored, move, coloured }
      const pixels = pixelsAlong(at, size[axis], view.padded[axis], options)
      return hostTensor(pixels, [pixels.length])
    }
    for (const row of rows)
      for (const column of columns)
        for (const [down, right] of scorer.moves) {
          await onLook()
          using seen = await scorer.look.run(image, along(0, row, down), along(1, column, right))
          held.push(await scorer.scores.run(seen))
        }
  }

  dispose(): void {
    for (const { scores, look } of this.#scorers) for (const p of [scores, look]) p.dispose()
    for (const p of [this.#plain, this.#resize, this.#fuse, this.#classes]) p.dispose()
    this.#crf?.dispose()
  }

  [Symbol.dispose](): void {
    this.dispose()
  }
}

/** One for each network. Throws OptionError for other than rows of a cell, and for other than one or one for each. */
function offsetsOf(given: PredictorOptions['offset'], count: number): (number | undefined)[] {
  const all = Array.isArray(given)
    ? [...given]
    : new Array<number | undefined>(count).fill(given as number)
  const bad = all.find((o) => o !== undefined && !isWholes([o], 0))
  if (bad !== undefined)
    throw new OptionError(`offset ${shown(bad)} is no row of a cell`, 'use a whole number from 0')
  if (all.length === count) return all
  throw new OptionError(
    `${all.length} offsets are given, and there are ${count} networks`,
    'give one for each, or one number for all',
  )
}

/** Throws ShapeError for what is no picture. */
function bytesOf(pixels: Pixels): HostTensor | DeviceTensor {
  const hint = 'it is RGB, [height, width, 3], of at least one pixel'
  if (pixels instanceof DeviceTensor) {
    const { dtype, shape } = pixels
    if (dtype === 'u8' && shape.length === 4 && shape[0] === 1 && shape[3] === 3) return pixels
    const got = [showType(pixels)]
    throw new ShapeError('Predictor', 'a picture on the device is u8 [1, h, w, 3]', got, '', hint)
  }
  const { data, height, width } = pixels
  if (isWholes([height, width], 1) && data.length === 3 * height * width)
    return hostTensor(data, [1, height, width, 3])
  throw new ShapeError(
    'Predictor',
    `a picture of ${height}×${width} cannot hold ${data.length} values`,
    [],
    '',
    hint,
  )
}

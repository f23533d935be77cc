// A training that outlives its device. Every so many steps a snapshot of all that the next step depends on is kept; when the GPU goes
// away another is opened, the snapshot loaded, and the run goes on from there to the same bits. Stopping and going on later, in this
// process or in another, is the same thing.

import type { CompileProgress } from '../engine/compile.ts'
import type { Device } from '../engine/device.ts'
import { DataError, DeviceError, DeviceLostError, OptionError } from '../engine/errors.ts'
import { buildModel, type Network } from '../models/index.ts'
import {
  type Checkpoint,
  type CheckpointInfo,
  checkpointModel,
  decodeCheckpoint,
  encodeCheckpoint,
  loadModel,
  loadOptimizer,
} from './checkpoint/checkpoint.ts'
import { type Dataset, type Example, fixedOf } from './dataset.ts'
import { evaluate, validationOf } from './evaluate.ts'
import type { TrainEvent, TrainingEvent, ValidationEvent } from './events.ts'
import type { DataLoader, LoaderOptions } from './loader/loader.ts'
import type { Progress } from './loop/progress.ts'
import { train } from './loop.ts'
import type { Optimizer } from './optimizers.ts'
import { Predictor } from './predict.ts'
import { batchLoss } from './recipes/loss.ts'
import {
  checkRecipe,
  type Recipe,
  recipeBatches,
  recipeOptimizer,
  recipeRate,
  recipeSteps,
} from './recipes/recipe.ts'

export interface TrainingOptions {
  /** Of a network that scores pixels. */
  readonly recipe: Recipe
  readonly train: Dataset
  readonly val: Dataset
  /** Where the recipe samples rare classes: how often each image of `train` is seen beside the others, as `rareClassWeights` says. */
  readonly weights?: LoaderOptions['weights']
  /** Opens a device: the first, and another when that is lost. */
  readonly open: () => Promise<Device>
  readonly snapshots: Snapshots
  /** Steps from one snapshot to the next; the first step and each validation keep one too. */
  readonly snapshotEvery: number
  /** To go on from, instead of the beginning. */
  readonly checkpoint?: Checkpoint | undefined
  readonly onCompile?: (progress: CompileProgress) => void
  /** Seconds between looks at the losses; default 0.5. */
  readonly readEvery?: number | undefined
}

/** Where snapshots are kept, the newest alone: the bytes of a checkpoint. */
export interface Snapshots {
  write(bytes: Uint8Array, info: CheckpointInfo): Promise<void>
  /** Undefined where none was written. */
  read(): Promise<Uint8Array | undefined>
}

/** A held-out example and what the network answered at the last validation, [height, width]. */
export interface Answered {
  readonly example: Example
  readonly prediction: Uint8Array
}

/** What lives and dies with a device. */
interface Session {
  readonly device: Device
  readonly model: Network
  readonly optimizer: Optimizer
  readonly predictor: Predictor
  progress: Progress | undefined
}

/** A device that is lost so often without coming to another snapshot is not opened again. */
const MOST_LOST = 3

export class Training {
  readonly #options: TrainingOptions
  #session: Session | undefined
  #saveWanted = false
  /** Whether the snapshot that is kept is this training's own. */
  #written = false
  /** Steps that were given to the device. */
  #given = 0
  #answers: Answered[] = []
  /** How often it was. */
  #closed = 0

  /** Throws OptionError for a recipe that means nothing or does not fit the data, that begins from a file of weights where there is no
   * checkpoint, which has them, and that samples rare classes where there are no `weights`. */
  constructor(options: TrainingOptions) {
    this.#options = options
    const recipe = checkRecipe(options.recipe)
    // Refused before a device is opened.
    if (recipe.init !== undefined && !options.checkpoint)
      throw new OptionError(
        `the recipe begins from the weights of ${recipe.init}, and files are not read here`,
        'leave init and only out, or give a checkpoint to go on from',
      )
    this.#batches(this.#network())
  }

  /** The open device, if one is. */
  get device(): Device | undefined {
    return this.#session?.device
  }

  /** What was answered at the last validation, for a few examples that are always the same. */
  get answers(): readonly Answered[] {
    return this.#answers
  }

  /** Keeps a snapshot after the step that is running. */
  save(): void {
    this.#saveWanted = true
  }

  /** Looks at the held-out examples, then trains to the end of the recipe, or until the signal, when a snapshot is kept; called
   * again it goes on from there. Throws as `train` does, but for DeviceLostError: then it tells, and goes on with another device. */
  async *run(signal?: AbortSignal): AsyncGenerator<TrainingEvent> {
    let losses = 0
    let from = -1
    for (;;) {
      let whole = false
      try {
        this.#session ??= await this.#begin(await this.#kept())
        yield { kind: 'open', device: this.#session.device }
        if (!this.#answers.length) {
          const look = await this.#firstLook(this.#session, signal)
          // What was cut short counts for nothing.
          if (!signal?.aborted) yield look
        }
        yield* this.#steps(this.#session, signal)
        whole = true
        return
      } catch (caught) {
        const error = await this.#lost(caught)
        // The variables may be ahead of the last snapshot, or not finite.
        this.close()
        if (!error) throw caught
        const kept = await this.#kept()
        const at = kept?.info.progress.step ?? 0
        losses = at > from ? 1 : losses + 1
        if (losses > MOST_LOST) throw error
        from = at
        const step = Math.max(this.#given, from)
        this.#given = from
        yield { kind: 'lost', error, step, from }
        if (signal?.aborted) return
      } finally {
        // Whoever stops listening in the midst leaves variables that are ahead of the last snapshot.
        if (!whole) this.close()
      }
    }
  }

  async #begin(checkpoint: Checkpoint | undefined): Promise<Session> {
    const closed = this.#closed
    const device = await this.#options.open()
    try {
      if (this.#closed !== closed)
        throw new DeviceError('the training was closed while its device was opened')
      const model = checkpoint ? checkpointModel(checkpoint) : this.#network()
      const optimizer = recipeOptimizer(this.#options.recipe, model)
      if (checkpoint) {
        loadModel(device, model, checkpoint)
        loadOptimizer(device, optimizer, checkpoint)
      }
      const predictor = new Predictor(
        device,
        model,
        {},
        { offset: this.#options.recipe.loss.offset },
      )
      return { device, model, optimizer, predictor, progress: checkpoint?.info.progress }
    } catch (error) {
      device.close()
      throw error
    }
  }

  #network(): Network {
    return buildModel(this.#options.recipe.model)
  }

  #batches(model: Network): DataLoader {
    const { recipe, train: examples, weights } = this.#options
    return recipeBatches(recipe, examples, model, weights)
  }

  /** What it goes on from without a device of its own. */
  async #kept(): Promise<Checkpoint | undefined> {
    if (!this.#written) return this.#options.checkpoint
    const bytes = await this.#options.snapshots.read()
    return bytes && decodeCheckpoint(bytes, 'the last snapshot')
  }

  /** What became of the device, where that is why something failed. */
  async #lost(error: unknown): Promise<DeviceLostError | undefined> {
    if (error instanceof DeviceLostError) return error
    const device = this.#session?.device
    if (!device) return undefined
    // What was waited for may fail before the loss is told.
    const soon = new Promise<undefined>((resolve) => setTimeout(resolve, 200))
    return Promise.race([device.lost, soon])
  }

  async *#steps(session: Session, signal: AbortSignal | undefined): AsyncGenerator<TrainEvent> {
    const { recipe, snapshotEvery, onCompile, readEvery } = this.#options
    const { device, model, optimizer } = session
    const batches = this.#batches(model)
    try {
      yield* train({
        ...{ device, model, optimizer, onCompile, readEvery },
        loss: batchLoss(recipe.loss, model),
        batch: (step) => {
          this.#given = step
          return batches.batch(step)
        },
        rate: recipeRate(recipe),
        steps: recipeSteps(recipe),
        ...{ minutes: recipe.minutes, accumulate: recipe.accumulate },
        ...{ precision: recipe.precision, patience: recipe.patience, seed: recipe.seed },
        validateEvery: recipe.validateEvery,
        validate: () => this.#validate(session, signal),
        from: session.progress,
        signal,
        saveDue: (step) => this.#saveWanted || !this.#written || step % snapshotEvery === 0,
        save: async (which, progress) => {
          if (which === 'last') await this.#snapshot(session, progress)
        },
      })
    } finally {
      await batches.close()
    }
  }

  async #snapshot(session: Session, progress: Progress): Promise<void> {
    const { device, model, optimizer } = session
    const { recipe, train: examples } = this.#options
    this.#saveWanted = false
    const { height, width } = recipe.data
    const size = height && width ? ([height, width] as const) : undefined
    const about = { progress, classes: examples.classes, size, recipe }
    const { bytes, info } = await encodeCheckpoint(device, model, optimizer, about)
    await this.#options.snapshots.write(bytes, info)
    this.#written = true
    session.progress = progress
  }

  /** How good the network is before it learns here; what it answers is then there from the start. */
  async #firstLook(session: Session, signal: AbortSignal | undefined): Promise<ValidationEvent> {
    const begun = performance.now()
    const result = await this.#validate(session, signal)
    const step = session.progress?.step ?? 0
    const seconds = (performance.now() - begun) / 1000
    return { kind: 'validation', step, ...result, best: false, seconds }
  }

  /** Of averaged weights, where the optimiser averages them. */
  async #validate({ device, predictor, optimizer }: Session, signal: AbortSignal | undefined) {
    const { val } = this.#options
    const answers: Answered[] = []
    const chosen = fixedOf(val.size)
    const look = () =>
      evaluate(predictor, val, {
        ...(signal && { signal }),
        examples: (index) => chosen.includes(index),
        onExample: (example, prediction) => answers.push({ example, prediction }),
      })
    const evaluation = await (optimizer.ema?.withAveraged(device, look) ?? look())
    if (!signal?.aborted) this.#answers = answers
    return validationOf(evaluation)
  }

  /** Closes the device; what was not kept is lost. */
  close(): void {
    this.#closed++
    this.#session?.device.close()
    this.#session = undefined
  }

  [Symbol.dispose](): void {
    this.close()
  }
}

/** The recipe that a checkpoint was trained by. Throws DataError where it holds none, or none of today. */
export function recipeOf({ file, info }: Pick<Checkpoint, 'file' | 'info'>): Recipe {
  const recipe = info.recipe as Recipe | undefined
  if (recipe?.data?.kind && recipe.rate) return checkRecipe(recipe)
  throw new DataError(
    file,
    'does not say how it was trained, or as an older version does',
    'start a new training; it can begin from these weights',
  )
}

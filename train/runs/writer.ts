// A run's events as files: each figure is in metrics.jsonl when `on` returns; TensorBoard's file, the state and the pictures
// follow, and a run does not end for want of them.

import { appendFileSync } from 'node:fs'
import type { EndEvent, StartEvent, StepEvent, TrainEvent, ValidationEvent } from '../events.ts'
import { fileError } from '../files.ts'
import type { Progress } from '../loop/progress.ts'
import { encodePng } from '../pictures/images.ts'
import type { RunFolder, RunState } from './folder.ts'
import type { SamplePictures } from './samples.ts'
import { imageFrame, scalarFrame, startFrame, versionFrame } from './tensorboard.ts'

export interface RunWriterOptions {
  /** Where earlier sessions came to. */
  readonly from?: Progress | undefined
  /** Told once of each file that could not be written and that the run can do without. */
  readonly say?: (line: string) => void
}

/** Seconds between two writings of the state while nothing else happens. */
const STATE_EVERY = 10

/** Listens to one training session and keeps its run folder up to date. */
export class RunWriter {
  readonly #run: RunFolder
  readonly #say: (line: string) => void
  readonly #from: number
  readonly #secondsBefore: number
  readonly #begun = performance.now()
  /** Wall time at the beginning; later times count from it, so that a clock that is set back does not go back here. */
  readonly #wall = Date.now()
  readonly #events: string
  #state: RunState
  #stateAt = Number.NEGATIVE_INFINITY
  #queue: Promise<void> = Promise.resolve()
  readonly #failed = new Set<string>()
  #truth = false

  constructor(run: RunFolder, { from, say = () => {} }: RunWriterOptions = {}) {
    this.#run = run
    this.#say = say
    this.#from = from?.step ?? 0
    this.#secondsBefore = from?.seconds ?? 0
    // TensorBoard reads the files of a folder in the order of their names.
    this.#events = `events.out.tfevents.${Math.floor(this.#wall / 1000)}.${process.pid}.atrous`
    const { best } = from ?? {}
    this.#state = { state: 'running', step: this.#from, seconds: this.#secondsBefore, best }
    this.#tell({})
  }

  /** Throws DataError naming metrics.jsonl where it cannot be written; what was in it stays. */
  on(event: TrainEvent): void {
    if (event.kind === 'start') this.#start(event)
    else if (event.kind === 'step') this.#step(event)
    else if (event.kind === 'validation') this.#validation(event)
    else if (event.kind === 'checkpoint') this.#tell({ checkpoint: event.step })
    else this.#end(event)
  }

  /** A picture of how the network answers some images after `step` steps: samples/step-000500.png, beside samples/truth.png, what
   * is right of them. */
  samples(step: number, pictures: SamplePictures | undefined): void {
    if (!pictures) return
    const { answers, truth } = pictures
    const name = `samples/step-${`${step}`.padStart(6, '0')}.png`
    this.#later('samples', async () => {
      const png = await encodePng(answers)
      await this.#run.write(name, png)
      this.#append(imageFrame(this.#time(step), 'samples', { ...answers, png }))
      if (!this.#truth) await this.#run.write('samples/truth.png', await encodePng(truth))
      this.#truth = true
    })
  }

  /** The test split is scored. */
  finish(): void {
    this.#tell({ state: 'finished', seconds: this.#state.seconds })
  }

  /** The run ended with an error; the state keeps its first line. */
  fail(error: unknown): void {
    const [message] = (error instanceof Error ? error.message : String(error)).split('\n')
    this.#tell({ state: 'failed', message })
  }

  /** Resolves when all is written. */
  close(): Promise<void> {
    return this.#queue
  }

  #start({ parameters, activationBytes }: StartEvent): void {
    this.#append(versionFrame(this.#time(0).wall), startFrame(this.#time(this.#from)))
    this.#tell({ parameters, activationBytes })
  }

  #step({
    step,
    of,
    losses,
    gradientNorms,
    lr,
    imagesPerSecond,
    bytes,
    eta,
    skipped,
  }: StepEvent): void {
    const speed = +imagesPerSecond.toPrecision(4)
    const norms = new Map(gradientNorms?.map((at) => [at.step, at.value]))
    const normAt = (step: number) =>
      norms.has(step) ? { gradientNorm: norms.get(step)! } : undefined
    this.#run.appendMetrics(
      ...losses.map((at) => ({
        ...{ step: at.step, loss: at.value, lr, imagesPerSecond: speed },
        ...normAt(at.step),
      })),
      ...(skipped ? [{ step, skipped }] : []),
    )
    this.#append(
      ...losses.map((at) =>
        scalarFrame(this.#time(at.step), { loss: at.value, lr, ...normAt(at.step) }),
      ),
      scalarFrame(this.#time(step), { 'speed/images per second': speed, 'speed/bytes': bytes }),
    )
    this.#state = { ...this.#state, step, of, eta, bytes, imagesPerSecond: speed }
    if (performance.now() - this.#stateAt > 1000 * STATE_EVERY) this.#tell({})
  }

  #validation(event: ValidationEvent): void {
    const { step, score, scoreName, figures, perClass, seconds, best } = event
    const ious = perClass && Object.fromEntries(perClass.map(({ name, iou }) => [name, iou]))
    this.#run.appendMetrics({
      step,
      validation: { score, scoreName, ...figures, seconds, ...(ious && { ious }) },
    })
    this.#append(
      scalarFrame(this.#time(step), {
        ...tagged('validation', { score, ...figures }),
        ...tagged('class IoU', ious ?? {}),
      }),
    )
    this.#tell({ step, scoreName, ...(best && { best: { step, score } }) })
  }

  #end({ step, reason, seconds }: EndEvent): void {
    this.#tell({ state: reason === 'stopped' ? 'stopped' : 'trained', step, seconds, eta: 0 })
  }

  #time(step: number): { wall: number; step: number } {
    return { wall: (this.#wall + performance.now() - this.#begun) / 1000, step }
  }

  #tell(change: Partial<RunState>): void {
    this.#stateAt = performance.now()
    const seconds = this.#secondsBefore + (this.#stateAt - this.#begun) / 1000
    const state = { ...this.#state, seconds, ...change }
    this.#state = state
    this.#later('state.json', () => this.#run.writeState(state))
  }

  #append(...frames: readonly Uint8Array[]): void {
    if (this.#failed.has(this.#events)) return
    try {
      appendFileSync(this.#run.path(this.#events), Buffer.concat(frames))
    } catch (error) {
      // Half a frame may be in it, and what comes after could not be read.
      this.#missing(
        this.#events,
        fileError(this.#run.path(this.#events), 'cannot be written', error),
      )
    }
  }

  #later(name: string, write: () => Promise<unknown>): void {
    this.#queue = this.#queue.then(write).then(
      () => {},
      (error) => this.#missing(name, error),
    )
  }

  #missing(name: string, error: unknown): void {
    if (this.#failed.has(name)) return
    this.#failed.add(name)
    const [what] = (error instanceof Error ? error.message : String(error)).split('\n')
    this.#say(`note: ${what}; training goes on without it`)
  }
}

/** Figures that are there, under a group's name. */
const tagged = (
  group: string,
  figures: Readonly<Record<string, number | null>>,
): Record<string, number> =>
  Object.fromEntries(
    Object.entries(figures).flatMap(([name, value]) =>
      value === null ? [] : [[`${group}/${name}`, value]],
    ),
  )

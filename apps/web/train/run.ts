// The training as the page sees it: its worker, and what that has told. There is one for all visits of the page, so that it goes on
// while another page is looked at.

import { useEffect, useState } from 'preact/hooks'
import type {
  ClassInfo,
  StartEvent,
  StepEvent,
  TrainEvent,
  ValidationEvent,
} from '../../../train/index.ts'
import { openFolder, readFile, removeFile, writeFile } from '../opfs.ts'
import type { Remote } from '../remote.ts'
import { type Problem, problemOf } from '../ui/problem.tsx'
import { startWorker } from '../ui/start-worker.ts'
import { type Curves, grown, noCurves, until } from './curves.ts'
import type { FolderFound, Look, Outcome, TrainFunctions, TrainMessages } from './messages.ts'
import { onlyOne } from './only-one.ts'
import { CURVES, SNAPSHOT, TRAINING } from './run-store.ts'
import type { Settings } from './settings.ts'

export type Status = 'idle' | 'running' | 'pausing' | 'paused' | 'ended' | 'stopped'

/** Whether there is a run that is not over. */
export const isBusy = (status: Status): boolean =>
  status === 'running' || status === 'pausing' || status === 'paused'

export interface RunState {
  readonly status: Status
  readonly title?: string
  readonly classes: readonly ClassInfo[]
  /** Of the run that is shown; undefined before the first step's figures. */
  readonly of?: number | undefined
  readonly minutes?: number | undefined
  readonly step: number
  readonly at?: TrainMessages['at'] | undefined
  readonly device?: string
  readonly start?: StartEvent
  readonly last?: StepEvent
  /** Of the last steps, those of several records: what it takes and how many they are. */
  readonly pace?: { readonly ms: number; readonly steps: number } | undefined
  readonly validation?: ValidationEvent
  readonly looks: readonly Look[]
  readonly looksStep?: number
  readonly curves: Curves
  /** Steps of the newest snapshot. */
  readonly kept?: number
  /** The device that was lost last, and whether there is another since. */
  readonly lost?: (TrainMessages['lost'] & { readonly isReplaced: boolean }) | undefined
  readonly notes: readonly string[]
  readonly folder?: FolderFound | undefined
  /** How far a dropped folder is looked through, while one is. */
  readonly looking?: TrainMessages['looking'] | undefined
  readonly problem?: Problem | undefined
  /** Steps that a checkpoint which was just kept holds, and its name. */
  readonly saved?: { readonly name: string; readonly step: number } | undefined
}

const fresh: RunState = {
  ...{ status: 'idle', classes: [], step: 0, looks: [], notes: [], curves: noCurves },
}

/** What a record counts, after one more. */
const FADES = 0.8

class Run {
  state: RunState = fresh
  readonly #listeners = new Set<(state: RunState) => void>()
  #remote: Remote<TrainFunctions, TrainMessages> | undefined
  #due = false
  #previews = 0
  #looks = 0
  /** What a person has chosen, for the next visit of the page. */
  chosen: Partial<Settings> = {}

  /** Calls `listener` when anything has changed, at most once a frame. */
  on(listener: (state: RunState) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  #set(change: Partial<RunState>): void {
    this.state = { ...this.state, ...change }
    if (this.#due) return
    this.#due = true
    // A timer, since pages that are not seen have no frames.
    setTimeout(() => {
      this.#due = false
      for (const listener of this.#listeners) listener(this.state)
    }, 16)
  }

  get #worker(): Remote<TrainFunctions, TrainMessages> {
    if (this.#remote) return this.#remote
    const remote = startWorker<TrainFunctions, TrainMessages>('train')
    remote.on('at', (at) => this.#set({ at }))
    remote.on('looking', (looking) => {
      if (this.state.looking) this.#set({ looking })
    })
    remote.on('device', (device) => {
      const { lost } = this.state
      this.#set({ device, lost: lost && { ...lost, isReplaced: true } })
    })
    remote.on('run', (run) => this.#begun(run))
    remote.on('event', (event) => this.#happened(event))
    remote.on('answers', ({ step, looks }) => this.#set({ looks, looksStep: step }))
    remote.on('kept', (kept) => {
      this.#set({ kept })
      this.#keepCurves()
    })
    remote.on('lost', (lost) => {
      const curves = until(this.state.curves, lost.from)
      this.#set({ lost: { ...lost, isReplaced: false }, step: lost.from, curves })
    })
    remote.on('note', (text) => {
      if (!this.state.notes.includes(text)) this.#set({ notes: [...this.state.notes, text] })
    })
    this.#remote = remote
    return remote
  }

  get call() {
    return this.#worker.call
  }

  /** Starts the worker, so that its code is there when it is wanted. */
  prepare(): void {
    void this.#worker
  }

  #begun({ title, classes, step, of, minutes }: TrainMessages['run']): void {
    const { curves } = this.state
    this.#set({ title, classes, step, of, minutes, curves: step ? until(curves, step) : noCurves })
  }

  #happened(event: TrainEvent): void {
    const curves = grown(this.state.curves, event)
    const { step } = event
    if (event.kind === 'start') this.#set({ start: event, at: undefined })
    else if (event.kind === 'step')
      this.#set({ last: event, step, curves, pace: this.#pace(event), at: undefined })
    else if (event.kind === 'validation') this.#set({ validation: event, curves })
    else if (event.kind === 'end') this.#set({ step })
  }

  /** Records come when they come, some right after another: a time is taken over several. */
  #pace({ ms, losses }: StepEvent): NonNullable<RunState['pace']> {
    const before = this.state.pace ?? { ms: 0, steps: 0 }
    return {
      ms: FADES * before.ms + ms * losses.length,
      steps: FADES * before.steps + losses.length,
    }
  }

  /** Runs what trains in place of the run that is shown, with the curves until then. Nothing happens where that is not over: a
   * button is pressed twice before it is gone. */
  async begin(work: () => Promise<Outcome>, curves: Curves = noCurves): Promise<void> {
    const { status, folder, looking } = this.state
    if (isBusy(status)) return
    this.state = fresh
    this.#set({ folder, looking, curves })
    await this.#play(work)
  }

  /** Goes on with the run that was paused. */
  async resume(): Promise<void> {
    if (this.state.status === 'paused') await this.#play(() => this.call.resume())
  }

  /** Until it ends or pauses. */
  async #play(work: () => Promise<Outcome>): Promise<void> {
    this.#set({ status: 'running', problem: undefined, saved: undefined, at: undefined })
    try {
      this.#set({ status: await work(), at: undefined })
    } catch (error) {
      this.#set({ status: 'idle', problem: problemOf(error), at: undefined })
    }
  }

  /** Shows what there is to learn. */
  async preview(settings: Settings): Promise<void> {
    // The newest counts, whichever took longer.
    const turn = ++this.#previews
    if (settings.data === 'folder' && !this.state.folder) return this.#set({ looks: [] })
    const change = await this.call
      .preview(settings)
      .catch((error: unknown) => ({ looks: [], problem: problemOf(error) }))
    const { status, title } = this.state
    if (turn === this.#previews && status === 'idle' && !title) this.#set(change)
  }

  stop(): void {
    const { status } = this.state
    if (status !== 'running' && status !== 'paused') return
    void this.call.stop().catch(() => {})
    // A run that was paused has nobody who waits for its end.
    this.#set({ status: status === 'paused' ? 'stopped' : 'pausing' })
  }

  pause(): void {
    if (this.state.status !== 'running') return
    this.#set({ status: 'pausing' })
    void this.call.pause().catch(() => {})
  }

  /** What a person asked for beside training: a problem is shown, and nothing else changes. */
  async attempt<T>(work: () => Promise<T>): Promise<T | undefined> {
    this.#set({ problem: undefined })
    try {
      return await work()
    } catch (error) {
      this.#set({ problem: problemOf(error) })
      return undefined
    }
  }

  async look(files: Parameters<TrainFunctions['look']>[0]): Promise<void> {
    const turn = ++this.#looks
    this.#set({ looking: { text: 'Looking through the folder' }, folder: undefined })
    const folder = await this.attempt(() => this.call.look(files))
    if (turn === this.#looks) this.#set({ looking: undefined, folder })
  }

  async save(name: string): Promise<boolean> {
    const step = await this.attempt(() => this.call.save(name))
    if (step !== undefined) this.#set({ saved: { name: name.trim(), step } })
    return step !== undefined
  }

  closeProblem(): void {
    this.#set({ problem: undefined })
  }

  /** Beside the snapshot; a page without storage has none of both. */
  async #keepCurves(): Promise<void> {
    const { curves, kept = 0 } = this.state
    const text = JSON.stringify(until(curves, kept))
    await openFolder(TRAINING)
      .then((folder) => writeFile(folder, CURVES, new Blob([text])))
      .catch(() => {})
  }
}

/** The curves of the run that was left, empty where there are none. */
export async function keptCurves(): Promise<Curves> {
  try {
    const file = await readFile(await openFolder(TRAINING), CURVES)
    return { ...noCurves, ...JSON.parse((await file?.text()) ?? '{}') }
  } catch {
    return noCurves
  }
}

/** Forgets the run that was left. Throws OptionError where that is the run of another tab. */
export async function forgetKept(): Promise<void> {
  const release = await onlyOne()
  try {
    const folder = await openFolder(TRAINING)
    for (const name of [SNAPSHOT, CURVES]) await removeFile(folder, name)
  } finally {
    release()
  }
}

export const run = new Run()

export function useRun(): RunState {
  const [state, setState] = useState(run.state)
  useEffect(() => {
    setState(run.state)
    return run.on(setState)
  }, [])
  return state
}

// What the page and its worker say to each other.

import type { ClassInfo, TrainEvent } from '../../../train/index.ts'
import type { DroppedFile } from '../ui/dropped-files.ts'
import type { FolderName, Settings } from './settings.ts'

/** What was found in a dropped folder. */
export interface FolderFound extends FolderName {
  readonly classNames: readonly string[]
  readonly train: number
  readonly val: number
  /** As `120×160` or `90–120×160`. */
  readonly sizes: string
  readonly warnings: readonly string[]
}

export interface TrainFunctions {
  /** Looks through a folder's every file and keeps it for the next start. Refuses one with faults, each named. */
  look(files: readonly DroppedFile[]): FolderFound
  /** A few held-out images of what is to be learned from. */
  preview(settings: Settings): {
    readonly classes: readonly ClassInfo[]
    readonly looks: readonly Look[]
  }
  /** Trains anew; answers when the run has ended or was paused. */
  start(settings: Settings): Outcome
  /** Goes on with the run that was left, or from a checkpoint of that name. */
  goOn(from: { readonly kept: true } | { readonly name: string }, settings: Settings): Outcome
  resume(): Outcome
  pause(): void
  /** Ends the run and frees the device; the last snapshot stays. */
  stop(): void
  /** Keeps what is learned by now as a checkpoint of that name; answers with the step that it holds. */
  save(name: string): number
  /** Takes the device away, as a driver does. */
  loseDevice(): void
}

export type Outcome = 'paused' | 'ended' | 'stopped'

/** A held-out image that is looked at again and again. */
export interface Look {
  readonly name: string
  readonly height: number
  readonly width: number
  /** RGB, [height, width, 3]. */
  readonly image: Uint8Array
  /** [height, width]. */
  readonly truth: Uint8Array
  /** What the network answers, once one has. */
  readonly answer?: Uint8Array
}

export interface TrainMessages {
  /** A run begins or goes on: what it is. */
  readonly run: {
    readonly title: string
    readonly classes: readonly ClassInfo[]
    /** Steps that it begins with. */
    readonly step: number
    readonly of: number | undefined
    readonly minutes: number | undefined
  }
  readonly event: TrainEvent
  /** Steps whose snapshot is now kept. */
  readonly kept: number
  readonly answers: { readonly step: number; readonly looks: readonly Look[] }
  /** What it is at, where that takes a while. */
  readonly at: { readonly text: string; readonly share?: number }
  /** How far it is through a dropped folder. */
  readonly looking: { readonly text: string; readonly share?: number }
  readonly device: string
  readonly lost: {
    readonly what: string
    readonly step: number
    readonly from: number
  }
  /** Something that a person should know. */
  readonly note: string
}

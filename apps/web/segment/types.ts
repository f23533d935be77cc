// What the Segment page and its worker tell each other.

import type { ClassInfo, TestTime } from '../../../train/index.ts'
import type { Problem } from '../ui/problem.tsx'

/** Where a network's weights come from. */
export type Source =
  | { readonly from: 'file'; readonly file: File }
  | { readonly from: 'url'; readonly url: string }
  /** A small network as it begins, which knows nothing yet. */
  | { readonly from: 'untrained' }

/** What a file of weights alone does not say. */
export interface Form {
  /** A name or an id of `findModel`. */
  readonly model: string
  /** Lines of KEY=VALUE. */
  readonly options: string
  /** A key of `knownClasses`, or `numbers`. */
  readonly classes: string
}

export interface LoadedNetwork {
  /** As `frrn-a, step 1,200`. */
  readonly title: string
  readonly file: string
  readonly classes: readonly ClassInfo[]
  readonly parameters: number
  /** How pictures are looked at unless told. */
  readonly usual: TestTime
  /** Height and width that it was trained at. */
  readonly size: readonly [height: number, width: number] | undefined
  /** What of other people's weights went where. */
  readonly report?: string
}

/** A file that is not a checkpoint: its network must be named. */
export interface Unnamed {
  readonly file: string
  /** Whose names it has, where that is known. */
  readonly names: string | undefined
  readonly tensors: number
}

export interface Look {
  /** The height at which pictures are looked at; undefined is their own. */
  readonly height: number | undefined
  readonly flip: boolean
  readonly scales: readonly number[]
  /** Side of the windows; undefined is as memory allows. */
  readonly tile: number | undefined
  /** Bytes that a prediction may take. */
  readonly memory: number
}

export interface Result {
  readonly name: string
  readonly height: number
  readonly width: number
  /** Pixels of each class. */
  readonly areas: readonly number[]
  /** What was done beyond one pass, in sentences; may be empty. */
  readonly how: readonly string[]
  /** Whether probabilities are there to be shown. */
  readonly hasScores: boolean
  /** Milliseconds: until all is on the device and its kernels made, to run, to show. */
  readonly ms: { readonly prepare: number; readonly run: number; readonly show: number }
}

export interface View {
  readonly mode: 'overlay' | 'scores'
  /** 0 is the picture alone, 1 the colours alone. */
  readonly blend: number
  /** Whose scores are shown. */
  readonly class: number
  readonly outline: boolean
}

/** What is known of a pixel: its class and, where they are there, the likeliest classes. */
export interface Reading {
  readonly class: number
  readonly likeliest: readonly (readonly [kind: number, probability: number])[]
}

export type Saved = 'numbers' | 'colours' | 'shown'

export interface Functions {
  /** Opens the device, once; its line, and what a person should know of it. */
  open(): Promise<{ line: string; warnings: readonly string[] }>
  /** The canvas that results are painted on. */
  attach(canvas: OffscreenCanvas): void
  /** Undefined where another was asked for before this one was there. */
  load(source: Source, form?: Form): Promise<LoadedNetwork | Unnamed | undefined>
  /** Undefined where a later picture came before this one was done. */
  segment(
    picture: Blob | ImageBitmap,
    name: string,
    look: Look,
    view: View,
  ): Promise<Result | undefined>
  /** Ends what is being predicted, if anything is. */
  cancel(): void
  show(view: View): Promise<void>
  read(y: number, x: number): Promise<Reading | undefined>
  save(what: Saved): Promise<Blob>
  /** A drawn street scene, as a file. */
  scene(index: number): Promise<Blob>
}

// A type and not an interface: events are told by their keys.
export type Events = {
  progress:
    | {
        readonly text: string
        readonly share?: number
        /** It may take long, and `cancel` ends it. */
        readonly stops?: boolean
      }
    | undefined
  /** The device went away; it is being opened again. */
  lost: Problem
  /** It is there again, and the network with it. */
  again: { readonly line: string }
}

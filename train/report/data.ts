// What a report shows, as plain data: a run folder gives it (from-run.ts), and so can a page that trains in the browser.

import type { Point } from '../charts/chart.ts'
import type { Colour } from '../dataset.ts'
import type { CodeVersion } from '../runs/code-version.ts'
import type { TestTime } from '../test-time.ts'

export interface ReportData {
  /** Of the run, such as `camvid-3`. */
  readonly name: string
  /** Of the network and the data, as far as they are known. */
  readonly network?: string | undefined
  readonly data?: string | undefined
  readonly state: ReportState
  /** One line on it: why it failed, how far it is. */
  readonly stateNote?: string | undefined
  readonly step: number
  /** Steps in all; undefined under a time limit. */
  readonly of?: number | undefined
  /** Seconds of training. */
  readonly seconds?: number | undefined
  /** Seconds left, of a run that goes on. */
  readonly eta?: number | undefined
  readonly parameters?: number | undefined
  /** Device memory, or activations where that is not known; bytes. */
  readonly bytes?: number | undefined
  readonly loss: readonly Point[]
  readonly rate: readonly Point[]
  readonly gradientNorm: readonly Point[]
  readonly speed: readonly Point[]
  readonly validations: readonly ReportValidation[]
  /** What the validations' score is, such as `mean IoU`. */
  readonly scoreName: string
  readonly result?: ReportResult | undefined
  readonly examples: readonly ReportExample[]
  readonly samples: readonly ReportSample[]
  /** Of the sample images: what is right. */
  readonly truth?: string | undefined
  readonly config: unknown
  readonly device?: string | undefined
  readonly code?: CodeVersion | undefined
  /** What makes the run again. */
  readonly command?: string | undefined
}

/** `stopped`: it can go on. `finished`: trained and scored. */
export type ReportState = 'running' | 'stopped' | 'trained' | 'finished' | 'failed'

export interface ReportValidation {
  readonly step: number
  readonly score: number
  readonly figures: Readonly<Record<string, number>>
}

/** Scores of one network on one split. */
export interface ReportResult {
  readonly split: string
  /** Steps that the weights were trained for. */
  readonly step: number
  readonly images?: number | undefined
  /** How the images were looked at. */
  readonly test?: TestTime | undefined
  /** Shares by name, such as `pixel accuracy`; the first is the one that counts. */
  readonly figures: readonly (readonly [name: string, share: number])[]
  /** The first figure of answering the commonest class everywhere. */
  readonly baseline?: number | undefined
  readonly perClass: readonly ReportClass[]
  /** Counts of (label, prediction), [classes, classes] row-major. */
  readonly confusion?: readonly number[] | undefined
}

export interface ReportClass {
  readonly name: string
  readonly colour?: Colour | undefined
  readonly iou: number | null
  readonly accuracy?: number | null | undefined
  /** Of the labelled pixels. */
  readonly share?: number | undefined
}

export interface ReportExample {
  readonly name: string
  readonly kind: 'best' | 'worst' | 'other'
  /** Mean IoU over the classes of this image. */
  readonly score?: number | undefined
  /** Pictures beside each other: addresses or data URIs. */
  readonly parts: readonly { readonly caption: string; readonly src: string }[]
}

export interface ReportSample {
  readonly step: number
  readonly src: string
}

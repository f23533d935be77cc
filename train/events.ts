// What a training run tells: one stream of plain records. A terminal bar, a file of metrics and a web page are
// listeners; the library itself prints nothing.

import type { Device } from '../engine/device.ts'
import type { DeviceLostError } from '../engine/errors.ts'
import type { Point } from './charts/chart.ts'

/** The first step has run: everything is compiled and in place. */
export interface StartEvent {
  readonly kind: 'start'
  /** Steps done before this run, 0 unless it is resumed. */
  readonly step: number
  /** Trainable values. */
  readonly parameters: number
  /** Memory of the training program's activations, in bytes, as planned and allocated. */
  readonly activationBytes: number
  readonly pipelines: number
  /** From the call to the end of the first step: tracing, planning, compiling. */
  readonly seconds: number
}

/** Some steps have run since the last such event, and their losses have arrived. */
export interface StepEvent {
  readonly kind: 'step'
  /** Steps done. */
  readonly step: number
  /** Steps to do; undefined where time is the limit. */
  readonly of: number | undefined
  /** 0..1 of the way to the limit. */
  readonly progress: number
  /** Mean over the steps since the last event. */
  readonly loss: number
  /** Loss of each of these steps; a point's step is the number of steps done with it. */
  readonly losses: readonly Point[]
  /** Where `clip` bounds the norm of all gradients: what that was in each of these steps before it was bounded; steps that were skipped
   * left out. */
  readonly gradientNorms?: readonly Point[]
  readonly lr: number
  /** Milliseconds a step: from the end of the steps of the event before to the end of these, as the host hears of it, divided by
   * their number; events that come together share one span. Where it is the first step alone: all until its end, compiling too. */
  readonly ms: number
  readonly imagesPerSecond: number
  /** Device memory allocated now, pools included. */
  readonly bytes: number
  /** Seconds left, as it looks now. */
  readonly eta: number
  /** Labels since the last event that were neither a class nor void. They did not count. */
  readonly outOfRange: number
  /** With a loss scale: steps since the last event that were skipped, since gradients of theirs were not finite. */
  readonly skipped?: number | undefined
}

/** How good a network is on held-out data. */
export interface Validation {
  /** What decides which weights are best; the higher, the better. */
  readonly score: number
  /** What it is, as `mean IoU`. */
  readonly scoreName: string
  /** All figures by name, such as `meanIoU` and `pixelAccuracy`. */
  readonly figures: Readonly<Record<string, number>>
  /** Of each class, where there are some. */
  readonly perClass?: readonly { readonly name: string; readonly iou: number }[]
}

export interface ValidationEvent extends Validation {
  readonly kind: 'validation'
  readonly step: number
  /** The best score so far. */
  readonly best: boolean
  readonly seconds: number
}

export interface CheckpointEvent {
  readonly kind: 'checkpoint'
  readonly step: number
  readonly which: 'last' | 'best'
}

export interface EndEvent {
  readonly kind: 'end'
  readonly step: number
  /** `stopped`: the signal was aborted; `patience`: the score rose no more. */
  readonly reason: 'steps' | 'minutes' | 'patience' | 'stopped'
  /** Trained in this run and in those that it resumes. */
  readonly seconds: number
  readonly best: { readonly step: number; readonly score: number } | undefined
}

export type TrainEvent = StartEvent | StepEvent | ValidationEvent | CheckpointEvent | EndEvent

/** Of a training that outlives its device: that was lost; training goes on from `from` steps. */
export interface LostEvent {
  readonly kind: 'lost'
  readonly error: DeviceLostError
  /** Steps that had been given to it. */
  readonly step: number
  /** Steps of the snapshot that it goes on from, 0 for the beginning. */
  readonly from: number
}

/** Of the same: a device is open, the first or another. */
export interface OpenEvent {
  readonly kind: 'open'
  readonly device: Device
}

export type TrainingEvent = TrainEvent | OpenEvent | LostEvent

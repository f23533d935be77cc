// Tuning: the problems that a function meets are collected from its plan, one of each class is measured, and what beats the
// default by more than noise goes into the device's table.

import type { Family, Problem, Tuned } from '../../shaders/problem-class.ts'
import type { Device } from '../device.ts'
import type { TensorType } from '../dtype.ts'
import { OptionError } from '../errors.ts'
import { optionsOf } from '../ops/options.ts'
import { freeOfTune, type StageOptions, stages } from '../stages.ts'
import type { Tensor } from '../tensor.ts'
import { type Measured, measure } from './measure.ts'
import { keepTuning } from './open.ts'
import {
  candidatesOf,
  cut,
  defaultName,
  distinctProblems,
  flopsOf,
  type TuningProblem,
} from './problem.ts'
import { DEFAULT, type Tuning } from './table.ts'

export interface TuneOptions {
  /** Seconds that it may take; what was not reached keeps its default. Default 60. A pipeline that is being compiled when they
   * are over is waited for. */
  readonly seconds?: number
  /** Measures classes again that the table has. Default false. */
  readonly again?: boolean
  /** Keeps what was found in the user's cache, for whoever opens this adapter with `tuning: 'cached'`. Default true. */
  readonly keep?: boolean
  /** How the function will be compiled. */
  readonly stages?: StageOptions
  /** Told before each class is measured. */
  readonly onProgress?: (done: number, of: number, problemClass: string) => void
}

/** What was found for one class of problems. */
export interface TunedClass {
  readonly problemClass: string
  /** How many kernels of the function are of this class. */
  readonly count: number
  /** The problem that was measured: pixels, channels, and multiply-adds as floating-point operations. */
  readonly flops: number
  readonly defaultTile: string
  readonly defaultMs: number
  /** The winner; the default where nothing beat it by more than noise. */
  readonly tile: string
  readonly ms: number
  /** Time of the winner to the default's, by turns. */
  readonly ratio: number
  readonly candidates: readonly Measured[]
}

export interface TuningReport {
  readonly measured: readonly TunedClass[]
  /** Classes that the table had already. */
  readonly known: number
  /** Classes that there was no time for. */
  readonly left: number
  /** The table that is in force now. */
  readonly tuning: Tuning
}

/** A winner takes at most this share of the default's time. */
const MARGIN = 0.93
/** Candidates of one problem. */
const MOST = 8
/** Floating-point operations of a measured problem, at most. */
const flopsFor = (software: boolean) => (software ? 2e8 : 4e10)

/** See `Device.tune`. */
export async function tune(
  device: Device,
  fn: (...inputs: Tensor[]) => unknown,
  types: readonly TensorType[],
  options: TuneOptions = {},
): Promise<TuningReport> {
  optionsOf('tune', options, { ...freeOfTune, stages: undefined })
  const { seconds = 60, again = false, keep = true, onProgress } = options
  if (!(seconds > 0))
    throw new OptionError(`seconds: ${seconds} is no time`, 'use a number above 0')
  const deadline = performance.now() + 1000 * seconds
  const all = problemsOf(device, fn, types, options.stages)
  const fresh = again ? all : all.filter((p) => !device.tuning.knows(p.family, p.geometry))
  const measured: TunedClass[] = []
  const entryOf = ({ problemClass, tile, defaultTile }: TunedClass) =>
    [problemClass, tile === defaultTile ? DEFAULT : tile] as const
  for (const [i, problem] of fresh.entries()) {
    if (performance.now() > deadline) break
    onProgress?.(i, fresh.length, problem.problemClass)
    const found = await tuneOne(device, problem, deadline)
    if (!found) continue
    measured.push(found)
    // One by one: what ends the process loses no class but the one that is being measured.
    if (keep) await keepTuning(device.tuning.adapter, [entryOf(found)])
  }
  device.useTuning(device.tuning.with(measured.map(entryOf)))
  return {
    measured,
    known: all.length - fresh.length,
    left: fresh.length - measured.length,
    tuning: device.tuning,
  }
}

/** The classes of a function's problems, those with the most work first. */
export function problemsOf(
  device: Pick<Device, 'caps'>,
  fn: (...inputs: Tensor[]) => unknown,
  types: readonly TensorType[],
  options?: StageOptions,
): TuningProblem[] {
  const met: { family: Family; geometry: Problem }[] = []
  const recorder: Tuned = {
    tileFor(family, geometry) {
      met.push({ family, geometry })
      return device.caps.tuning?.tileFor(family, geometry)
    },
  }
  stages(fn, types, { ...device.caps, tuning: recorder }, options)
  const work = ({ geometry, count }: TuningProblem) => count * flopsOf(geometry)
  return distinctProblems(met).sort((a, b) => work(b) - work(a))
}

async function tuneOne(
  device: Device,
  problem: TuningProblem,
  deadline: number,
): Promise<TunedClass | undefined> {
  const { problemClass, family, count } = problem
  const { caps } = device
  const geometry = cut(problem.geometry, flopsFor(caps.software))
  const warn = (sentence: string) => device.warnOnce(`tuning ${problemClass}: ${sentence}`)
  const tried = candidatesOf(family, geometry, caps, MOST)
  const candidates = await measure(device, { family, geometry }, tried, deadline, warn)
  if (!candidates.length) return undefined
  const [usual, ...others] = candidates
  const [best = usual] = others
    .filter(({ ratio, steady }) => ratio <= MARGIN && steady)
    .sort((a, b) => a.ratio - b.ratio)
  return {
    problemClass,
    count,
    flops: flopsOf(geometry),
    defaultTile: defaultName(family, geometry, caps),
    defaultMs: usual.ms,
    tile: best.name,
    ms: best.ms,
    ratio: best.ratio,
    candidates,
  }
}

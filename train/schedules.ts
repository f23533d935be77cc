// Learning rates as functions of the step, counted from 0, and as the plain data of recipes.

import { OptionError } from '../engine/errors.ts'
import { checkChoice, checkCount, isPlain } from '../engine/ops/options.ts'
import { refuseOption, shown } from '../engine/ops/refuse.ts'
import { suggest } from '../nn/near.ts'

export type Schedule = (step: number) => number

/** The same rate throughout. */
export const constantRate =
  (base: number): Schedule =>
  () =>
    base

/** FRRN's: `base`, then a tenth of it after 35 of each 45 steps (Pohlen et al. 2017, section 5: 1e-3 for 35,000
 * iterations, then 1e-4 for 10,000). */
export const droppedRate = (
  base: number,
  steps: number,
  { share = 35 / 45, factor = 0.1 }: { readonly share?: number; readonly factor?: number } = {},
): Schedule => {
  const drop = Math.round(share * checked(steps))
  return (step) => (step < drop ? base : base * factor)
}

/** base · (1 − step / (steps + 1)), no lower than `floor`, by default the smaller of base / 100 and 1e-6 (Wu et al. 2019,
 * released code). */
export const linearRate = (
  base: number,
  steps: number,
  floor = Math.min(base / 100, 1e-6),
): Schedule => {
  const span = checked(steps) + 1
  return (step) => Math.max(base * (1 - step / span), floor)
}

/** base · factor^⌊step / every⌋, no lower than `floor`. FRRN's code: every 5,000 steps ÷ 1.25, floor 5e-5, without an end. */
export const steppedRate = (
  base: number,
  every: number,
  { factor = 1 / 1.25, floor = 0 }: { readonly factor?: number; readonly floor?: number } = {},
): Schedule => {
  const interval = checked(every)
  return (step) => Math.max(base * factor ** Math.floor(step / interval), Math.min(base, floor))
}

/** base · (1 − step / steps)^power, no lower than `floor`, which holds from the last step on (Liu et al. 2015; DeepLab's power
 * is 0.9). */
export const polyRate = (base: number, steps: number, power = 0.9, floor = 0): Schedule => {
  const end = checked(steps)
  return (step) => Math.max(floor, base * Math.max(0, 1 - step / end) ** power)
}

/** Half a cosine from `base` to `floor` over the steps, `floor` from then on (Loshchilov and Hutter 2017, without restarts). */
export const cosineRate = (base: number, steps: number, floor = 0): Schedule => {
  const end = checked(steps)
  return (step) =>
    floor + ((base - floor) * (1 + Math.cos((Math.PI * Math.min(step, end)) / end))) / 2
}

/** One schedule after another: `first` for so many steps, then `second`, whose steps count from 0 there. Wu et al. 2019 train on
 * Cityscapes at a constant 0.0016 for 25,900 steps, then linearly from 0.0008 for 11,840. */
export const thenRate = (first: Schedule, steps: number, second: Schedule): Schedule => {
  const turn = checked(steps)
  return (step) => (step < turn ? first(step) : second(step - turn))
}

/** `schedule`, in the first steps times (step + 1) / steps: from almost nothing up to what it says. */
export const warmedRate = (schedule: Schedule, steps: number): Schedule => {
  const warm = checked(steps)
  return (step) => schedule(step) * Math.min(1, (step + 1) / warm)
}

/** One part of a run's learning rate, as plain data. An option that its schedule does not know is refused. */
export interface RatePhase {
  /** The rate that the phase begins with. */
  readonly lr: number
  /** How long it is. Of a run with another number of steps in all, it has the same share. */
  readonly steps: number
  /** How it falls; default `constant`. */
  readonly schedule?: RateName
  /** `poly`: default 0.9. */
  readonly power?: number
  /** `step`: steps between falls; a run of another length stretches them as it does the phase. */
  readonly every?: number
  /** `step`: what each fall multiplies the rate by, above 0 and below 1. */
  readonly factor?: number
  /** The rate falls no lower; default 0, of `linear` min(lr / 100, 1e-6). Not with `constant`. */
  readonly floor?: number
  /** Steps over which the rate rises from almost nothing, within the first phase and stretched with it: see `warmedRate`. */
  readonly warmUp?: number
}

export type RateName = 'constant' | 'linear' | 'poly' | 'cosine' | 'step'

export const rateNames: readonly RateName[] = ['constant', 'linear', 'poly', 'cosine', 'step']

/** What belongs to one schedule beside lr, steps, schedule and warmUp. */
const ownOptions: Record<RateName, readonly (keyof RatePhase)[]> = {
  constant: [],
  linear: ['floor'],
  poly: ['power', 'floor'],
  cosine: ['floor'],
  step: ['every', 'factor', 'floor'],
}

/** Steps of all phases. Throws OptionError as `rateOf` does. */
export const stepsOf = (phases: readonly RatePhase[]): number =>
  checkedPhases(phases).reduce((sum, { steps }) => sum + steps, 0)

/** The phases one after the other, stretched to `total` steps where that is given: each keeps its share, rounded, and at least
 * one step while there are as many. Beyond the end the last phase goes on. Under a time limit the curve is the same: take
 * `rateOf(phases)(progress * stepsOf(phases))`, since a schedule may be asked between two steps. Wu et al. 2019 train on
 * Cityscapes with `[{ lr: 0.0016, steps: 25_900 }, { lr: 0.0008, steps: 11_840, schedule: 'linear' }]`, FRRN's paper with
 * `[{ lr: 1e-3, steps: 35_000 }, { lr: 1e-4, steps: 10_000 }]`.
 *
 * Throws OptionError for what is no list of phases, naming the phase and the field. */
export function rateOf(phases: readonly RatePhase[], total?: number): Schedule {
  const own = stepsOf(phases)
  const steps = total === undefined ? own : checked(total)
  const ends = stretchedEnds(phases, steps)
  const parts = phases.map((phase, i) => {
    const begin = ends[i - 1] ?? 0
    const rate = scheduleOf(phase, ends[i] - begin, steps / own)
    return { begin, rate }
  })
  return (step) => {
    const { begin, rate } = parts.findLast((part) => part.begin <= step) ?? parts[0]
    return rate(step - begin)
  }
}

function stretchedEnds(phases: readonly RatePhase[], total: number): number[] {
  const own = stepsOf(phases)
  let before = 0
  let end = 0
  return phases.map(({ steps }, i) => {
    before += steps
    const after = phases.length - 1 - i
    end = Math.max(end + 1, Math.min(Math.round((total * before) / own), total - after))
    return end
  })
}

function scheduleOf(phase: RatePhase, steps: number, stretch: number): Schedule {
  const { lr, schedule = 'constant', power, every, factor, floor, warmUp } = phase
  const stretched = (n: number) => Math.max(1, Math.round(n * stretch))
  const make: Record<RateName, () => Schedule> = {
    constant: () => constantRate(lr),
    linear: () => linearRate(lr, steps, floor),
    poly: () => polyRate(lr, steps, power, floor),
    cosine: () => cosineRate(lr, steps, floor),
    step: () => steppedRate(lr, stretched(every!), { factor: factor!, floor: floor ?? 0 }),
  }
  const rate = make[schedule]()
  return warmUp === undefined ? rate : warmedRate(rate, stretched(warmUp))
}

function checkedPhases(phases: readonly RatePhase[]): readonly RatePhase[] {
  if (!Array.isArray(phases) || !phases.length)
    refuseOption(
      'rate',
      `phases are a list, not ${shown(phases)}`,
      'as [{ lr: 1e-3, steps: 1000 }]',
    )
  phases.forEach(checkPhase)
  return phases
}

function checkPhase(phase: RatePhase, i: number): void {
  const me = `rate, phase ${i + 1}`
  if (!isPlain(phase))
    refuseOption(me, `${shown(phase)} is no phase`, 'as { lr: 1e-3, steps: 1000 }')
  const { schedule = 'constant' } = phase
  checkChoice(me, 'schedule', schedule, rateNames)
  const names = ['lr', 'steps', 'schedule', 'warmUp', ...ownOptions[schedule]]
  for (const [name, value] of Object.entries(phase))
    if (value !== undefined && !names.includes(name))
      refuseOption(me, `schedule ${schedule} has no ${name}`, suggest(name, names))
  const { lr, steps, power, every, factor, floor, warmUp } = phase
  const number = (name: string, value: unknown, fits: (x: number) => boolean, range: string) => {
    if (typeof value !== 'number' || !Number.isFinite(value) || !fits(value))
      refuseOption(me, `${name} ${shown(value)} is out of range`, range)
  }
  const finite = (x: number) => Number.isFinite(Math.fround(x))
  number('lr', lr, (x) => x >= 0 && finite(x), 'use a number from 0, and one that f32 holds')
  checkCount(me, 'steps', steps, 'it is how long the phase is')
  if (power !== undefined) number('power', power, (x) => x > 0, 'use a number above 0')
  if (floor !== undefined)
    number('floor', floor, (x) => x >= 0 && x <= lr, `use a number from 0 to lr, ${lr}`)
  if (schedule === 'step') {
    checkCount(me, 'every', every, 'it is the number of steps between two falls')
    number('factor', factor, (x) => x > 0 && x < 1, 'use a number between 0 and 1')
  }
  if (warmUp === undefined) return
  if (i) refuseOption(me, 'only the first phase has a warmUp', 'take it away here')
  checkCount(me, 'warmUp', warmUp, 'it is a number of steps')
  if (warmUp > steps)
    refuseOption(me, `warmUp ${warmUp} is longer than the phase, ${steps}`, 'use fewer steps')
}

function checked(steps: number): number {
  if (Number.isInteger(steps) && steps > 0) return steps
  throw new OptionError(`a schedule over ${steps} steps`, 'use a whole number from 1')
}

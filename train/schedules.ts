// Learning rates as functions of the step, counted from 0.

import { OptionError } from '../engine/errors.ts'

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

/** base · (1 − step / (steps + 1)), no lower than the smaller of base / 100 and 1e-6 (Wu et al. 2019, released code). */
export const linearRate = (base: number, steps: number): Schedule => {
  const floor = Math.min(base / 100, 1e-6)
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

/** base · (1 − step / steps)^power, 0 from the last step on (Liu et al. 2015; DeepLab's power is 0.9). */
export const polyRate = (base: number, steps: number, power = 0.9): Schedule => {
  const end = checked(steps)
  return (step) => base * Math.max(0, 1 - step / end) ** power
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

function checked(steps: number): number {
  if (Number.isInteger(steps) && steps > 0) return steps
  throw new OptionError(`a schedule over ${steps} steps`, 'use a whole number from 1')
}

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

function checked(steps: number): number {
  if (Number.isInteger(steps) && steps > 0) return steps
  throw new OptionError(`a schedule over ${steps} steps`, 'use a whole number from 1')
}

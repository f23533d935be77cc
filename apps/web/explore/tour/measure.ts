// What the tour's claims are checked by: slopes that are measured on the device, and a rule for when two numbers agree.

import { numberOf, type Program, type Runner } from './program.ts'

/** A sentence that holds or does not; undefined where it takes a device and there is none. */
export interface Claim {
  readonly text: string
  readonly holds: boolean | undefined
}

/** What a step looks at to check what it says. */
export interface Scene {
  readonly program: Program
  readonly settings: Readonly<Record<string, string>>
  /** Undefined where no device opens. */
  readonly runner: Runner | undefined
}

/** Four figures at most, and no trailing zeros. */
export function show(v: number): string {
  if (!Number.isFinite(v)) return String(v)
  const text = Math.abs(v) >= 1e5 || (v !== 0 && Math.abs(v) < 1e-3) ? v.toExponential(2) : fixed(v)
  return text.replace('-', '−')
}

const fixed = (v: number): string => String(Number(v.toPrecision(4)))

/** A slope, and how far off it may be. */
export interface Slope {
  readonly value: number
  readonly error: number
}

const STEP = 1 / 16

/** The slope of result `name` along argument `i`, a number, from values at four points:
 *   (8·(f(a+h) − f(a−h)) − (f(a+2h) − f(a−2h))) / 12h     is off by h⁴·f⁽⁵⁾/30,
 * which is below half a percent of the slope for what the tour differentiates; and each value is rounded, to one part in 2²². */
export async function slope(
  runner: Runner,
  program: Program,
  args: readonly number[],
  name: string,
  i: number,
): Promise<Slope> {
  const at = async (h: number) =>
    numberOf(
      await runner.run(
        program,
        args.map((v, n) => (n === i ? v + h : v)),
      ),
      name,
    )
  const [a, b, c, d] = [await at(-2 * STEP), await at(-STEP), await at(STEP), await at(2 * STEP)]
  const value = (8 * (c - b) - (d - a)) / (12 * STEP)
  const size = Math.max(...[a, b, c, d].map(Math.abs))
  return { value, error: 0.005 * Math.abs(value) + (2 * size) / (2 ** 22 * STEP) }
}

export const agrees = (value: number, measured: Slope): boolean =>
  Math.abs(value - measured.value) <= measured.error

/** Whether two numbers that are computed in f32, each in a few operations, are the same. */
export const same = (a: number, b: number, size = Math.max(Math.abs(a), Math.abs(b))): boolean =>
  Math.abs(a - b) <= 1e-5 * size + 1e-30

/** The claim that `name` is the slope of `of` along argument `i`. */
export async function isSlope(
  runner: Runner | undefined,
  program: Program,
  args: readonly number[],
  name: string,
  of: string,
  i: number,
  along: string,
): Promise<Claim> {
  const text = `${name} is the slope of ${of} along ${along}`
  if (!runner) return { text, holds: undefined }
  const value = numberOf(await runner.run(program, args), name)
  const measured = await slope(runner, program, args, of, i)
  return {
    text: `${text}: ${show(value)}; measured, ${show(measured.value)}`,
    holds: agrees(value, measured),
  }
}

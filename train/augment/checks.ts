// What each step of augmentation may be given, and what stands for what is left out.

import { OptionError } from '../../engine/errors.ts'
import { isPlain } from '../../engine/ops/options.ts'
import { shown } from '../../engine/ops/refuse.ts'
import { meanColour } from '../../models/input.ts'
import { type Check, type Checks, count, oneOf, readOptions } from '../../models/options.ts'
import { suggest } from '../../nn/near.ts'
import type { AugmentStep, Options, StepName, StepOf } from './steps.ts'

const isRange = (v: unknown, fits: (n: number) => boolean): boolean =>
  Array.isArray(v) &&
  v.length === 2 &&
  v.every((n) => typeof n === 'number' && Number.isFinite(n) && fits(n)) &&
  v[0] <= v[1]

const within = (low: number, high: number): Check => ({
  what: `a number from ${low} to ${high}`,
  fits: (v) => typeof v === 'number' && v >= low && v <= high,
})
const fromZero: Check = {
  what: 'a whole number from 0',
  fits: (v) => Number.isSafeInteger(v) && (v as number) >= 0,
}
const upTo = (most: number): Check => ({
  what: `a whole number from 1 to ${most}`,
  fits: (v) => count.fits(v) && (v as number) <= most,
})
/** Beyond what any network is trained at; more is a slip of the hand, and would take all memory before anybody is told. */
const side = upTo(2 ** 14)
const size: Check = {
  what: `[height, width], whole numbers from 1 to ${2 ** 14}`,
  fits: (v) => Array.isArray(v) && v.length === 2 && v.every(side.fits),
}
const colour: Check = {
  what: '[red, green, blue], numbers from 0 to 1',
  fits: (v) => Array.isArray(v) && v.length === 3 && v.every(within(0, 1).fits),
}
const factors: Check = {
  what: '[low, high], numbers above 0, at most 100',
  fits: (v) => isRange(v, (n) => n > 0 && n <= 100),
}
const mean = meanColour('imagenet')

interface Kind<N extends StepName> {
  /** What stands for an option that is left out; undefined where there is nothing. */
  readonly defaults: { readonly [K in keyof Options<N>]: Options<N>[K] | undefined }
  readonly checks: Checks<Omit<StepOf<N>, 'name'>>
  /** Options of which one must be there, and no more; else all that nothing stands for must be. */
  readonly either?: readonly (keyof Options<N> & string)[]
}

const kinds: { readonly [N in StepName]: Kind<N> } = {
  translate: {
    defaults: { pixels: undefined },
    checks: { pixels: fromZero },
  },
  gamma: { defaults: { range: undefined }, checks: { range: within(0, 0.5) } },
  subsample: { defaults: { factor: undefined }, checks: { factor: upTo(64) } },
  rotate: {
    defaults: { degrees: undefined },
    checks: { degrees: within(0, 180) },
  },
  saturation: {
    defaults: { range: undefined },
    checks: {
      range: {
        what: '[low, high], numbers from 0 to 100',
        fits: (v) => isRange(v, (n) => n >= 0 && n <= 100),
      },
    },
  },
  hue: {
    defaults: { degrees: undefined },
    checks: { degrees: within(0, 180) },
  },
  flip: { defaults: { chance: 0.5 }, checks: { chance: within(0, 1) } },
  resize: {
    defaults: { longer: undefined, shorter: undefined, range: [1, 1], filter: 'antialias' },
    checks: {
      longer: side,
      shorter: side,
      range: factors,
      filter: oneOf('antialias', 'bicubic'),
    },
    either: ['longer', 'shorter'],
  },
  crop: {
    defaults: { size: undefined, at: 'random', padding: mean },
    checks: { size, at: oneOf('random', 'centre', 'entropy'), padding: colour },
  },
  pad: {
    defaults: { size: undefined, padding: mean },
    checks: { size, padding: colour },
  },
  sizedCrop: {
    defaults: { size: undefined, area: [0.08, 1], aspect: [3 / 4, 4 / 3] },
    checks: {
      size,
      area: {
        what: '[low, high], numbers above 0, at most 1',
        fits: (v) => isRange(v, (n) => n > 0 && n <= 1),
      },
      aspect: factors,
    },
  },
  colourJitter: {
    defaults: { brightness: 0.4, contrast: 0.4, saturation: 0.4 },
    checks: { brightness: within(0, 1), contrast: within(0, 1), saturation: within(0, 1) },
  },
  lighting: { defaults: { deviation: 0.1 }, checks: { deviation: within(0, 10) } },
}

export const stepNames = Object.keys(kinds) as StepName[]

/** Steps of augmentation as JSON has them: the same, with their defaults written out. Throws OptionError for what are no steps, for
 * names of steps and options that do not exist, and for values that are missing or out of range. */
export function checkSteps(steps: unknown): readonly AugmentStep[] {
  if (!Array.isArray(steps))
    throw new OptionError(
      `augmentation is a list of steps, not ${shown(steps)}`,
      "such as [{ name: 'flip' }]; an empty list leaves images as they are",
    )
  return steps.map((step, i) => checkStep(step, `step ${i} of augmentation`))
}

const known = new WeakMap<readonly AugmentStep[], readonly AugmentStep[]>()

/** The same, read once for a list however often it is asked. */
export function checkedOnce(steps: readonly AugmentStep[]): readonly AugmentStep[] {
  const found = known.get(steps)
  if (found) return found
  const checked = checkSteps(steps)
  known.set(steps, checked)
  return checked
}

function checkStep(step: unknown, where: string): AugmentStep {
  if (!isPlain(step))
    throw new OptionError(`${where} is ${shown(step)}`, "such as { name: 'flip' }")
  const { name, ...given } = step as { name?: unknown }
  if (typeof name !== 'string')
    throw new OptionError(`${where} has no name`, `it is one of ${stepNames.join(', ')}`)
  if (!Object.hasOwn(kinds, name))
    throw new OptionError(`${where}: there is no ${name}`, suggest(name, stepNames))
  const { defaults, checks, either } = kinds[name as StepName] as unknown as AnyKind
  const me = `${where}, ${name}`
  const full: Record<string, unknown> = readOptions(me, given, defaults, checks)
  const bare = Object.keys(defaults).filter((option) => defaults[option] === undefined)
  for (const group of either ? [either] : bare.map((option) => [option])) {
    const there = group.filter((option) => full[option] !== undefined)
    if (there.length === 1) continue
    const what = `${group[0]} is ${checks[group[0]].what}`
    throw there.length
      ? new OptionError(`${me}: ${there.join(' and ')} exclude each other`, 'give one of them')
      : new OptionError(`${me}: ${group.join(' or ')} is missing`, what)
  }
  const known = Object.entries(full).filter(([, value]) => value !== undefined)
  return { name, ...Object.fromEntries(known) } as unknown as AugmentStep
}

interface AnyKind {
  readonly defaults: Record<string, unknown>
  readonly checks: Record<string, Check>
  readonly either?: readonly string[]
}

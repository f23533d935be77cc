// The steps of augmentation as plain data, which a recipe holds as JSON: what there is, and what each may be given.

import { OptionError } from '../../engine/errors.ts'
import { isPlain } from '../../engine/ops/options.ts'
import { shown } from '../../engine/ops/refuse.ts'
import { type Check, type Checks, readOptions } from '../../models/options.ts'
import { suggest } from '../../nn/near.ts'

/** What stands beyond an image: a colour, RGB in [0, 1], or `mean`, that of ImageNet. */
export type Fill = 'mean' | readonly [r: number, g: number, b: number]
/** From and to. */
export type Range = readonly [low: number, high: number]

/** FRRN: a shift by whole pixels, each of dy and dx uniform in −pixels … pixels. What comes in from outside is mirrored, the edge
 * not repeated; its labels are void. */
export interface Translate {
  readonly name: 'translate'
  readonly pixels: number
}

/** FRRN: image^γ, γ = log(½ + Z/√2) / log(½ − Z/√2), Z uniform in −range … range, at most ½. */
export interface Gamma {
  readonly name: 'gamma'
  readonly range: number
}

/** Left and right exchanged with a probability, ½ unless told. */
export interface Flip {
  readonly name: 'flip'
  readonly chance?: number
}

export type AugmentStep = Translate | Gamma | Flip

export type StepName = AugmentStep['name']
export type StepOf<N extends StepName> = Extract<AugmentStep, { name: N }>
/** A step's options, all of them. */
export type Options<N extends StepName> = Required<Omit<StepOf<N>, 'name'>>

const within = (low: number, high: number): Check => ({
  what: `a number from ${low} to ${high}`,
  fits: (v) => typeof v === 'number' && v >= low && v <= high,
})
const fromZero: Check = {
  what: 'a whole number from 0',
  fits: (v) => Number.isSafeInteger(v) && (v as number) >= 0,
}

interface Kind<N extends StepName> {
  /** What stands for an option that is left out; undefined where it must be given. */
  readonly defaults: { readonly [K in keyof Options<N>]: Options<N>[K] | undefined }
  readonly checks: Checks<Omit<StepOf<N>, 'name'>>
}

const kinds: { readonly [N in StepName]: Kind<N> } = {
  translate: { defaults: { pixels: undefined }, checks: { pixels: fromZero } },
  gamma: { defaults: { range: undefined }, checks: { range: within(0, 0.5) } },
  flip: { defaults: { chance: 0.5 }, checks: { chance: within(0, 1) } },
}

export const stepNames = Object.keys(kinds) as StepName[]

/** The options of a step, with defaults for those that are left out. */
export const optionsOf = <N extends StepName>(step: StepOf<N>): Options<N> =>
  ({ ...kinds[step.name as N].defaults, ...step }) as unknown as Options<N>

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

function checkStep(step: unknown, where: string): AugmentStep {
  if (!isPlain(step))
    throw new OptionError(`${where} is ${shown(step)}`, "such as { name: 'flip' }")
  const { name, ...given } = step as { name?: unknown }
  if (typeof name !== 'string')
    throw new OptionError(`${where} has no name`, `it is one of ${stepNames.join(', ')}`)
  if (!Object.hasOwn(kinds, name))
    throw new OptionError(`${where}: there is no ${name}`, suggest(name, stepNames))
  const { defaults, checks } = kinds[name as StepName] as unknown as {
    readonly defaults: Record<string, unknown>
    readonly checks: Record<string, Check>
  }
  const full: Record<string, unknown> = readOptions(`${where}, ${name}`, given, defaults, checks)
  for (const [option, value] of Object.entries(full))
    if (value === undefined)
      throw new OptionError(
        `${where}, ${name}: ${option} is missing`,
        `it must be ${checks[option].what}`,
      )
  return { name, ...full } as unknown as AugmentStep
}

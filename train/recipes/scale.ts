// A recipe at another size: of its images, or of everything, for a trial.

import { OptionError } from '../../engine/errors.ts'
import type { AugmentStep } from '../augment/index.ts'
import type { TestTime } from '../test-time.ts'
import type { LossConfig } from './loss.ts'
import type { RecipeFile } from './recipe-file.ts'

/** The recipe with images of another size: translations move by the same share of the width, and a number of kept pixels is the
 * same share of them. */
export function atSize(
  recipe: RecipeFile,
  size: readonly [height: number, width: number],
): RecipeFile {
  const before = recipe.data.size
  if (recipe.view) return { ...recipe, ...cropsAt(recipe, size) }
  const data = { ...recipe.data, size }
  if (!before) return { ...recipe, data }
  const ratio = size[1] / before[1]
  const augmentation = recipe.augmentation.map(
    (step): AugmentStep =>
      step.name === 'translate' ? { ...step, pixels: Math.round(step.pixels * ratio) } : step,
  )
  const loss = keeping(recipe.loss, (size[0] * size[1]) / (before[0] * before[1]))
  return { ...recipe, data, augmentation, loss }
}

/** Where images have one class each: crops of that size, and at test time larger ones by as much as before. */
function cropsAt(
  { augmentation, view = [] }: RecipeFile,
  [height, width]: readonly [height: number, width: number],
): Pick<RecipeFile, 'augmentation' | 'view'> {
  const before = augmentation.flatMap((step) => (step.name === 'sizedCrop' ? [step.size] : []))[0]
  if (!before) return { augmentation, view }
  const to = (n: number) => Math.round((n * Math.min(height, width)) / Math.min(...before))
  return {
    augmentation: augmentation.map((step) =>
      step.name === 'sizedCrop' ? { ...step, size: [height, width] } : step,
    ),
    view: view.map((step) => resized(step, to)),
  }
}

/** The loss on an area of another size. */
function keeping(loss: LossConfig, area: number): LossConfig {
  const { keep } = loss
  return keep !== undefined && keep >= 1
    ? { ...loss, keep: Math.max(1, Math.round(keep * area)) }
    : loss
}

/** Options of networks that are numbers of channels. */
const widths = ['width', 'base', 'lanes']

/** Of networks whose options leave them out. */
const usual: Readonly<Record<string, number>> = { width: 64, base: 48, lanes: 32 }

/** The recipe with its widths, the sides of its images and its steps times `factor`, from above 0 to 1: the same training in small,
 * to see that it works. Sides are rounded to multiples of 32, channels to multiples of 4; a number of kept pixels shrinks with the
 * area. `options` are the names of the options that the network has. Throws OptionError for another factor. */
export function scaled(recipe: RecipeFile, factor: number, options: readonly string[]): RecipeFile {
  if (!(factor > 0 && factor <= 1))
    throw new OptionError(`a scale of ${factor}`, 'use a number above 0, up to 1')
  if (factor === 1) return recipe
  const to = (multiple: number) => (n: number) =>
    Math.max(multiple, multiple * Math.round((n * factor) / multiple))
  const [side, channels, whole] = [32, 4, 1].map(to)
  const { model, data, rate } = recipe
  const own = widths.filter((name) => options.includes(name))
  const width = Object.fromEntries(
    own.map((name) => [
      name,
      channels((model.options[name] ?? recipe.fresh?.[name] ?? usual[name]) as number),
    ]),
  )
  const shrunk = data.size
    ? atSize(recipe, [side(data.size[0]), side(data.size[1])])
    : { ...recipe, loss: keeping(recipe.loss, factor ** 2) }
  return {
    ...shrunk,
    model: { ...model, options: { ...model.options, ...width } },
    augmentation: shrunk.augmentation.map((step) => resized(step, side)),
    ...(shrunk.view && { view: shrunk.view.map((step) => resized(step, side)) }),
    ...(shrunk.test && { test: tested(shrunk.test, side) }),
    rate: rate.map((phase) => ({
      ...phase,
      steps: whole(phase.steps),
      ...(phase.every !== undefined && { every: whole(phase.every) }),
      ...(phase.warmUp !== undefined && { warmUp: whole(phase.warmUp) }),
    })),
    ...(recipe.minutes !== undefined && { minutes: recipe.minutes * factor }),
    ...(recipe.steps !== undefined && { steps: whole(recipe.steps) }),
  }
}

/** Sides of crops, of padding and of what images are resized to. */
function resized(step: AugmentStep, side: (n: number) => number): AugmentStep {
  const scaledStep: Record<string, unknown> = { ...step }
  for (const name of ['longer', 'shorter', 'side'])
    if (typeof scaledStep[name] === 'number') scaledStep[name] = side(scaledStep[name] as number)
  const { size } = scaledStep
  if (typeof size === 'number') scaledStep['size'] = side(size)
  if (Array.isArray(size)) scaledStep['size'] = size.map(side)
  return scaledStep as unknown as AugmentStep
}

/** Lengths of a test-time procedure; its scales are relative to them. */
function tested({ resize, pad, window, ...rest }: TestTime, side: (n: number) => number): TestTime {
  const lengths = <T extends object>(of: T): T =>
    Object.fromEntries(
      Object.entries(of).map(([key, n]) => [key, Array.isArray(n) ? n.map(placed) : side(n)]),
    ) as T
  // Places begin at 0, which is no side.
  const placed = (n: number) => (n ? side(n) : 0)
  return {
    ...rest,
    ...(resize && { resize: lengths(resize) }),
    ...(pad && { pad: lengths(pad) }),
    ...(window && { window: lengths(window) }),
  }
}

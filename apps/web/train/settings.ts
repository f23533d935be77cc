// What a person chooses, and the recipe that it means.

import { models } from '../../../models/index.ts'
import {
  CROWD_CLASSES,
  checkRecipe,
  type DataSource,
  type Progress,
  type Recipe,
  recipeNamed,
  recipeSteps,
  STREET_CLASSES,
} from '../../../train/index.ts'

export type DataChoice = 'street' | 'crowd' | 'folder'

export interface Settings {
  readonly data: DataChoice
  /** As `32×48`, height first. */
  readonly size: string
  readonly model: string
  /** Channels of the first layer, or `paper`. */
  readonly width: string
  /** Part of the units of each stage. */
  readonly depth: string
  readonly limit: 'steps' | 'minutes'
  readonly steps: number
  readonly minutes: number
  readonly lr: number
  readonly batch: number
  readonly flip: boolean
  readonly gamma: boolean
  readonly seed: number
  /** Steps between two looks at held-out images, and between two snapshots. */
  readonly validateEvery: number
  readonly snapshotEvery: number
}

export const sizes = ['32×48', '48×64', '64×96', '96×128', '128×192', '192×256', '256×512']

/** Networks that score the classes of pixels. */
export const networks = Object.keys(models).filter((name) => /^(frrn|fcrn|gcn-|model)/.test(name))

export const widths = [
  { value: '4', text: '4, least' },
  { value: '8', text: '8' },
  { value: '16', text: '16' },
  { value: '32', text: '32' },
  { value: 'paper', text: 'its paper’s' },
]

export const depths = [
  { value: '0.3', text: 'fewest' },
  { value: '0.5', text: 'half' },
  { value: '1', text: 'its paper’s' },
]

/** What learns within a minute: on two cores of a processor, or on a GPU. */
export const defaultsFor = (software: boolean): Settings => ({
  data: 'street',
  size: software ? '32×48' : '96×128',
  model: 'frrn-a',
  width: software ? '4' : '16',
  depth: software ? '0.5' : '1',
  limit: 'steps',
  steps: software ? 300 : 1000,
  minutes: 5,
  lr: 0.01,
  batch: 2,
  flip: true,
  gamma: false,
  seed: 1,
  validateEvery: software ? 25 : 50,
  snapshotEvery: software ? 25 : 50,
})

/** Of a folder that was looked through. */
export interface FolderName {
  readonly name: string
  readonly classes: number
}

const HELD_OUT = 16

/** Throws OptionError for what does not go together. */
export function recipeOf(settings: Settings, folder: FolderName | undefined): Recipe {
  const { data, lr, batch, flip, gamma, seed, validateEvery } = settings
  const { loss } = recipeNamed(data === 'folder' ? 'folder' : 'street')
  const classes =
    data === 'street'
      ? STREET_CLASSES.length
      : data === 'crowd'
        ? CROWD_CLASSES.length
        : (folder?.classes ?? 0)
  return checkRecipe({
    name: data === 'folder' ? 'folder' : 'street',
    data: sourceOf(settings, folder),
    model: { name: settings.model, options: { ...optionsOf(settings), classes, seed } },
    optimizer: { name: 'adam' },
    rate: [{ lr, steps: settings.steps, schedule: 'linear' }],
    loss,
    augmentation: [
      ...(flip ? ([{ name: 'flip' }] as const) : []),
      ...(gamma ? ([{ name: 'gamma', range: 0.05 }] as const) : []),
    ],
    ...(settings.limit === 'steps' ? { steps: settings.steps } : { minutes: settings.minutes }),
    ...{ batch, seed, validateEvery },
  })
}

/** The recipe of a run that goes on: where that has come to its end, for as long again as is chosen now. */
export function goingOn(
  recipe: Recipe,
  { step, seconds }: Pick<Progress, 'step' | 'seconds'>,
  { limit, steps, minutes }: Settings,
): Recipe {
  const over =
    recipe.minutes === undefined
      ? step >= (recipeSteps(recipe) ?? 0)
      : seconds >= 60 * recipe.minutes
  if (!over) return recipe
  const { steps: _, minutes: __, ...rest } = recipe
  return {
    ...rest,
    ...(limit === 'steps' ? { steps: step + steps } : { minutes: seconds / 60 + minutes }),
  }
}

function sourceOf({ data, size, seed }: Settings, folder: FolderName | undefined): DataSource {
  const [height, width] = size.split('×').map(Number)
  if (data === 'folder') return { kind: 'folder', folder: folder?.name ?? '', height, width }
  const scenes = data === 'crowd' ? { scenes: 'crowd' as const } : {}
  return { kind: 'street', ...scenes, seed, height, width, val: HELD_OUT }
}

/** Options that the network has, of those that were chosen. */
function optionsOf({ model, width, depth }: Settings): Record<string, unknown> {
  const narrow = width === 'paper' ? {} : { base: +width, lanes: +width, width: +width }
  const wanted = { ...narrow, depthMultiplier: +depth, frozen: 'none' }
  return Object.fromEntries(Object.entries(wanted).filter(([key]) => key in models[model].options))
}

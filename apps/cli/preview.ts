// `preview`: a contact sheet of what training would show a network; needs no GPU.

import { OptionError } from '../../engine/errors.ts'
import { type AugmentStep, checkSteps, type Drawn } from '../../train/augment/index.ts'
import { formatNames } from '../../train/data/formats.ts'
import type { ClassInfo } from '../../train/dataset.ts'
import { writePng } from '../../train/pictures/images.ts'
import { type PreviewRow, previewSheet } from '../../train/pictures/preview.ts'
import { permutation } from '../../train/random.ts'
import { openSplit } from '../../train/sources.ts'
import { type Args, type Command, helpOption, jsonOption } from './command.ts'
import { TerminalProgress } from './progress.ts'
import { findData, newRecipe } from './settings.ts'
import { counted, outFile } from './subject.ts'

/** Separates the choice of images from their augmentation. */
const CHOICE = 0xc40

async function run(args: Args): Promise<number> {
  const grid = gridOf(args)
  const count = args.whole('count') ?? (grid ? 4 : 12)
  const variants = args.whole('variants') ?? 3
  const out = (await outFile(args, ['.png'])) ?? 'preview.png'
  const own = stepsOf(args)
  const recipe = newRecipe(args, await findData(args))
  const { seed, augmentation: steps } = own ? { ...recipe, augmentation: own } : recipe
  const dataset = await openSplit(recipe.data, 'train')
  const taken = Math.min(count, dataset.size)
  const chosen = permutation(dataset.size, seed, CHOICE).slice(0, taken)
  const progress = new TerminalProgress()
  const examples = []
  for (const index of chosen) {
    progress.passing(`reading ${examples.length + 1} of ${taken} images`)
    examples.push(await dataset.get(index))
  }
  progress.clear()
  const options = { seed, variants, ...(grid && { grid }) }
  const { picture, rows } = previewSheet(examples, dataset.classes, steps, options)
  await writePng(out, picture)
  console.log(
    args.has('json')
      ? JSON.stringify({ file: out, recipe: recipe.name, seed, steps, rows }, null, 2)
      : [
          `${counted(taken, 'image')} of ${dataset.name}, ${dataset.split}; recipe ${recipe.name}, seed ${seed}`,
          `steps: ${steps.map(stepText).join(', ') || 'none'}`,
          '',
          ...rows.flatMap((row, i) => rowText(row, i, dataset.classes)),
          '',
          `${out}: on the left each image as it is, then ${counted(variants, 'draw')} with labels; stripes are void`,
        ].join('\n'),
  )
  return 0
}

/** --augmentation, instead of the recipe's. */
function stepsOf(args: Args): readonly AugmentStep[] | undefined {
  const text = args.text('augmentation')
  if (text === undefined) return undefined
  let steps: unknown
  try {
    steps = JSON.parse(text)
  } catch {
    throw new OptionError(
      `--augmentation is no JSON: ${text}`,
      `such as '[{"name":"translate","pixels":30},{"name":"flip"}]'`,
    )
  }
  return checkSteps(steps)
}

function gridOf(args: Args): { stride: number; offset: number } | undefined {
  const [stride, offset] = [args.whole('grid'), args.whole('offset', 0)]
  if (stride === undefined) {
    if (offset === undefined) return undefined
    throw new OptionError('--offset is that of a grid', 'give its stride with --grid')
  }
  if (offset !== undefined && offset >= stride)
    throw new OptionError(
      `--offset ${offset} is outside a cell of ${stride} pixels`,
      `give a whole number from 0 to ${stride - 1}`,
    )
  return { stride, offset: offset ?? Math.floor(stride / 2) }
}

const numberText = (value: unknown): string =>
  typeof value === 'number' ? `${+value.toFixed(3)}` : String(value)

function stepText({ name, ...options }: AugmentStep): string {
  const values = Object.entries(options).map(([key, value]) => {
    const text = Array.isArray(value) ? value.map(numberText).join('…') : numberText(value)
    return `${key} ${key === 'size' ? text.replace('…', 'x') : text}`
  })
  return [name, ...values].join(' ')
}

/** What a step drew; a name that says it all is not said twice. */
const drawnText = ({ name, values }: Drawn): string =>
  'flip' in values
    ? `${values['flip'] ? '' : 'no '}flip`
    : Object.entries(values)
        .map(([key, value]) => `${key === name ? '' : `${key} `}${numberText(value)}`)
        .reduce((text, value) => `${text} ${value}`, name)

function rowText(row: PreviewRow, index: number, classes: readonly ClassInfo[]): string[] {
  const what = row.category === undefined ? '' : `, ${classes[row.category].name}`
  return [
    `row ${index + 1}: ${row.name}, ${row.height}x${row.width}${what}`,
    ...row.variants.map(({ height, width, drawn }) => {
      const draws = drawn.filter(({ values }) => Object.keys(values).length).map(drawnText)
      return `  ${height}x${width}  ${draws.join(', ')}`.trimEnd()
    }),
  ]
}

export const previewCommand: Command = {
  name: 'preview',
  summary: 'draw a contact sheet of training images as augmentation shows them; needs no GPU',
  usage: '[RECIPE] [options]',
  options: {
    data: {
      value: 'FOLDER',
      help: "a data set's folder, as published or your own, or 'street' (default): drawn scenes",
    },
    format: {
      value: 'NAME',
      help: `layout of the folder, if not told by its files: ${formatNames.join(', ')}`,
    },
    size: { value: 'HxW', help: 'size that images are brought to before; as for `train`' },
    scale: { value: 'SHARE', help: 'the recipe in small, as for `train`' },
    set: {
      value: 'KEY=VALUE',
      many: true,
      help: 'any value of the recipe, as for `train`: augmentation.0.pixels=60',
    },
    augmentation: {
      value: 'JSON',
      help: `these steps instead of the recipe's: '[{"name":"flip"}]'`,
    },
    count: { value: 'N', help: 'images, a row each; default 12, with a grid 4' },
    variants: { value: 'N', help: 'how often each is drawn; default 3' },
    grid: {
      value: 'N',
      help: 'dots at the pixels whose labels supervise a network with this stride',
    },
    offset: { value: 'N', help: "row and column of them in their cell; default the grid's half" },
    seed: { value: 'N', help: 'of the choice of images and of what is drawn; default 1' },
    out: { value: 'FILE', help: 'the sheet, .png; default preview.png' },
    json: jsonOption,
    help: helpOption,
  },
  examples: [
    ['atrous preview frrn-a --data cityscapes', 'what its recipe does'],
    [
      `atrous preview --data my-scans --augmentation '[{"name":"rotate","degrees":10}]'`,
      'a step of your own',
    ],
    ['atrous preview fcrn-101 --data VOCdevkit --grid 8 --offset 4', 'where labels are taken'],
  ],
  run,
}

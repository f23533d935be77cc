// The rows of the papers that belong beside an evaluation. Nothing is matched by half: a row is a match when all that it says was
// done is known to have been done here, and nothing more was; else it is at most near, with what differs.

import { OptionError } from '../../engine/errors.ts'
import { buildModel } from '../../models/index.ts'
import { suggest } from '../../nn/near.ts'
import { type Facts, factsOf, type Ours, otherSizes, trainedOtherwise } from './ours.ts'
import { type ConfigValue, type PublishedRow, papers, published } from './table.ts'

interface Known {
  readonly name: string
  readonly classes: number
  readonly images: Readonly<Record<string, number>>
}

/** What the tables call our data sets, how many classes these have, and how many images their splits. */
const datasets: Readonly<Record<string, Known>> = {
  voc: { name: 'voc2012', classes: 21, images: { train: 1464, val: 1449, test: 1456 } },
  cityscapes: { name: 'cityscapes', classes: 19, images: { train: 2975, val: 500, test: 1525 } },
  'pascal-context': { name: 'pascal-context', classes: 60, images: { train: 4998, val: 5105 } },
  ade20k: { name: 'ade20k', classes: 150, images: { train: 20_210, val: 2000 } },
  imagenet: { name: 'imagenet', classes: 1000, images: { train: 1_281_167, val: 50_000 } },
}

/** Of our figures, which are shares, those that the papers print: their name, and the share that a printed number is. */
export const PRINTED: Readonly<
  Record<string, readonly [name: string, share: (n: number) => number]>
> = {
  meanIoU: ['meanIoU', (n) => n / 100],
  pixelAccuracy: ['pixelAcc', (n) => n / 100],
  meanAccuracy: ['meanAcc', (n) => n / 100],
  categoryIoU: ['categoryIoU', (n) => n / 100],
  boundaryAccuracy: ['boundaryAcc', (n) => n / 100],
  internalAccuracy: ['internalAcc', (n) => n / 100],
  adeScore: ['adeScore', (n) => n / 100],
  top1: ['top1Err', (n) => 1 - n / 100],
  top5: ['top5Err', (n) => 1 - n / 100],
}

const printed = new Set(Object.values(PRINTED).map(([name]) => name))

/** What rows say beside what was done: it follows from that, or from the data set. */
const INFORMATION = new Set(['fov', 'input', 'inputWidth', 'printedName', 'units', 'features'])

/** What a row that does not speak of it did not do. */
const ABSENT: Readonly<Record<string, ConfigValue>> = {
  ...{ bootstrap: null, dropout: false, multiScale: false, flip: false, crf: false },
  downsampling: 'conv',
}

export interface Beside {
  /** As `p0-table4`. */
  readonly table: string
  /** As `Wu et al. 2016a, Table 4`. */
  readonly where: string
  readonly row: PublishedRow
  /** What is otherwise, or not known, here; empty for a match. */
  readonly differs: readonly string[]
}

export interface Comparison {
  readonly matches: readonly Beside[]
  /** At most three that differ the least, where nothing matches; or all of a table that was asked for. */
  readonly near: readonly Beside[]
  /** Why the figures here are not comparable with a paper's, in words. */
  readonly notes: readonly string[]
}

export interface Evaluated extends Ours {
  /** Our name of the data set. */
  readonly dataset: string
  readonly split: string
  readonly images: number
  readonly steps: number
  /** Whether labels were scored at a size that is not theirs. */
  readonly resized?: boolean
}

/** The published rows of the same network on the same data set and split; with `table` all of that table's own rows on them.
 * Throws OptionError for a table that there is not. */
export function besidePapers(evaluated: Evaluated, table?: string): Comparison {
  const { dataset, split, images, model } = evaluated
  const tables = published.filter(({ id }) => table === undefined || id === table)
  if (!tables.length)
    throw new OptionError(
      `there is no table ${table}`,
      suggest(
        table!,
        published.map(({ id }) => id),
      ),
    )
  const known = Object.hasOwn(datasets, dataset) ? datasets[dataset] : undefined
  if (!known)
    return { matches: [], near: [], notes: [`none of the five papers has results on ${dataset}`] }
  const facts = factsOf(evaluated)
  const rows = tables.flatMap(({ id, paper, where, rows }) =>
    rows
      .filter((r) => r.by === 'paper' && r.dataset === known.name && r.split === split)
      .filter(({ values }) => Object.keys(values).some((key) => printed.has(key)))
      .filter(({ config }) => facts.some(({ network }) => network === config['network']))
      .map((row): Beside => {
        const each = facts
          .filter(({ network }) => network === row.config['network'])
          .map((own) => differences(row, own))
        const [differs] = each.sort((a, b) => a.length - b.length)
        return { table: id, where: `${papers[paper]}, ${where}`, row, differs }
      }),
  )
  const { classes } = buildModel(model)
  const sizes = [
    ...otherSizes(model),
    ...(classes === known.classes ? [] : [`${classes} classes, not ${known.classes}`]),
  ]
  const whole = known.images[split]
  const notes = [
    ...(sizes.length ? [`the network is not the paper's: ${sizes.join(', ')}`] : []),
    ...(whole && images !== whole ? [`scored on ${images} of ${whole} images`] : []),
    ...(evaluated.resized ? ["scored at another size than the labels' own"] : []),
    ...trainedOtherwise(evaluated, evaluated.steps),
  ]
  const matches = sizes.length ? [] : rows.filter(({ differs }) => !differs.length)
  const others = rows.filter((row) => !matches.includes(row))
  const closest = others.sort((a, b) => a.differs.length - b.differs.length)
  const near = table !== undefined ? closest : matches.length ? [] : closest.slice(0, 3)
  return { matches: matches.sort((a, b) => said(b) - said(a)), near, notes }
}

const said = ({ row }: Beside): number => Object.keys(row.config).length

function differences({ config }: PublishedRow, own: Facts): string[] {
  const told = Object.entries(config).filter(([key]) => !INFORMATION.has(key))
  const untold = Object.entries(ABSENT).filter(([key]) => !(key in config) && key in own)
  return [
    ...told.flatMap(([key, value]) => {
      if (!(key in own)) return key in ABSENT && ABSENT[key] === value ? [] : [`${key} ${value}`]
      return own[key] === value ? [] : [`${key} ${value}, here ${own[key]}`]
    }),
    ...untold.flatMap(([key, value]) => (own[key] === value ? [] : [`here ${key} ${own[key]}`])),
  ]
}

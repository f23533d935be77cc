// The numbers that the five papers print, read from text that stands as their tables do:
//
//   = id | where in the paper | data set and split, - where rows name their own
//   : key=value …        what all rows of the next block have in common
//   > key … > figure …   the columns: what was done, what came out
//     cell … > cell …    a row; ~ for a blank, and . where all that was done is in common
//     / value …          IoU of each class in the data set's order, of the row before; - where not printed
//
// A row is the paper's own measurement unless `by=cited`: its quotation of somebody else.

import { CITYSCAPES_CLASSES } from '../data/cityscapes-classes.ts'
import { p0 } from './p0.ts'
import { p1 } from './p1.ts'
import { p2 } from './p2.ts'
import { p3 } from './p3.ts'
import { p4 } from './p4.ts'

export type ConfigValue = string | number | boolean | null | readonly number[]

export interface PublishedRow {
  readonly by: 'paper' | 'cited'
  readonly dataset: string | null
  readonly split: string | null
  /** What the paper says was done. */
  readonly config: Readonly<Record<string, ConfigValue>>
  /** Figures by name; `metrics` has their units. */
  readonly values: Readonly<Record<string, number>>
  /** IoU in percent by class, of those that are printed; VOC prints no background. */
  readonly perClass?: Readonly<Record<string, number>>
}

export interface PublishedTable {
  /** As `p0-table4`, or `p2-text-val` for what stands in the text. */
  readonly id: string
  readonly paper: string
  readonly where: string
  readonly rows: readonly PublishedRow[]
}

/** The papers by the first part of a table's id. */
export const papers: Readonly<Record<string, string>> = {
  p0: 'Wu et al. 2016a',
  p1: 'Wu et al. 2016b',
  p2: 'Pohlen et al. 2017',
  p3: 'Peng et al. 2017',
  p4: 'Wu et al. 2019',
}

const VOC =
  `aeroplane bicycle bird boat bottle bus car cat chair cow diningtable dog horse motorbike person
  pottedplant sheep sofa train tvmonitor`.split(/\s+/)

const classNames: Readonly<Record<string, readonly string[]>> = {
  voc2012: VOC,
  cityscapes: CITYSCAPES_CLASSES.map(({ name }) => name),
}

function read(text: string): PublishedTable[] {
  const tables: (Omit<PublishedTable, 'rows'> & { rows: PublishedRow[] })[] = []
  let own = { dataset: null as string | null, split: null as string | null }
  let common: Cells = {}
  let columns: readonly [string[], string[]] = [[], []]
  let ious: number[] = []
  let fresh = true
  for (const line of text.split('\n')) {
    const [mark, ...rest] = line.trim().split(/\s+/)
    const table = tables[tables.length - 1]
    if (mark === '=') {
      const [id, where, on] = rest.join(' ').split(' | ')
      tables.push({ id, where, paper: id.slice(0, 2), rows: [] })
      const [dataset, split] = on.split(' ').map((word) => (word === '-' ? null : word))
      own = { dataset, split }
    } else if (mark === ':') {
      common = { ...(fresh ? {} : common), ...Object.fromEntries(rest.map(pairOf)) }
      fresh = false
    } else if (mark === '>') columns = halves(rest)
    else if (mark === '/') {
      const row = table.rows.pop()!
      ious = [...ious, ...rest.map((word) => (word === '-' ? Number.NaN : Number(word)))]
      table.rows.push({ ...row, perClass: named(ious, row.dataset) })
    } else if (mark) {
      const [cells, figures] = halves([mark, ...rest])
      table.rows.push(
        rowOf({ ...common, ...zipped(columns[0], cells) }, own, zipped(columns[1], figures)),
      )
      ious = []
      fresh = true
    }
  }
  return tables
}

type Cells = Readonly<Record<string, ConfigValue>>

function rowOf(
  { by = 'paper', dataset, split, ...config }: Cells,
  own: Pick<PublishedRow, 'dataset' | 'split'>,
  values: Cells,
): PublishedRow {
  return {
    by: by as PublishedRow['by'],
    dataset: (dataset as string | undefined) ?? own.dataset,
    split: (split as string | undefined) ?? own.split,
    config,
    values: values as Record<string, number>,
  }
}

function pairOf(word: string): [string, ConfigValue] {
  const at = word.indexOf('=')
  return [word.slice(0, at), valueOf(word.slice(at + 1))]
}

const zipped = (keys: readonly string[], cells: readonly string[]): Cells =>
  Object.fromEntries(keys.flatMap((key, i) => (key === '.' ? [] : [[key, valueOf(cells[i])]])))

/** Numbers, true, false, null and lists as JSON has them; anything else is text. */
function valueOf(word: string): ConfigValue {
  try {
    return JSON.parse(word) as ConfigValue
  } catch {
    return word.replaceAll('~', ' ')
  }
}

function halves(words: readonly string[]): [string[], string[]] {
  const at = words.indexOf('>')
  return [words.slice(0, at), words.slice(at + 1)]
}

function named(ious: readonly number[], dataset: string | null): Record<string, number> {
  const names = classNames[dataset ?? ''] ?? []
  return Object.fromEntries(ious.flatMap((iou, k) => (Number.isNaN(iou) ? [] : [[names[k], iou]])))
}

/** Every table of the five papers. */
export const published: readonly PublishedTable[] = [p0, p1, p2, p3, p4].flatMap(read)

// The runs behind the papers' tables, from what the tables say was done. What is somebody else's figure, is scored on labels that
// only a server has, or needs what is not here, stays a quotation, with the reason.

import {
  type ConfigValue,
  type PublishedRow,
  type PublishedTable,
  papers,
} from '../results/table.ts'
import type { TestTime } from '../test-time.ts'
import type { Experiment, ExperimentRow, QuotedRow } from './row.ts'

type Config = PublishedRow['config']

/** What one network's rows become, or why they do not. */
type Made = Pick<ExperimentRow, 'train' | 'test'> & { readonly stage?: number }

const suffixes: Readonly<Record<string, string>> = {
  voc2012: 'voc',
  cityscapes: 'cityscapes',
  'pascal-context': 'context',
  ade20k: 'ade20k',
  imagenet: 'imagenet',
}

const option = (name: string, value: ConfigValue | undefined): string[] =>
  value === undefined ? [] : ['--option', `${name}=${value}`]

const modelOf = (family: string, which: ConfigValue | undefined): string[] =>
  which === undefined ? [] : ['--model', `${family}-${which}`.toLowerCase()]

function fcrnRun(c: Config, on: string): Made | string {
  if (c['trainingData'] === 'voc+coco') return 'it is trained on COCO too, in two stages'
  const stride = c['trainOutputStride'] ?? c['outputStride']
  const finer = (stride as number) / ((c['testOutputStride'] ?? stride) as number)
  if (finer > 2) return 'shifted passes make a grid twice as fine, not four times'
  // A row that says nothing of its network is of the best one, which is the recipe's.
  if (c['kernel'] === undefined) return { train: [`fcrn-${on}`] }
  const keep = c['bootstrap']
  return {
    train: [
      `fcrn-${on}`,
      ...modelOf('fcrn', c['depth']),
      ...['outputStride', 'kernel', 'dilation'].flatMap((name) =>
        option(name, name === 'outputStride' ? stride : c[name]),
      ),
      ...option('dropout', c['dropout'] ? 0.3 : 0),
      ...(typeof keep === 'number' ? ['--set', `loss.keep=${keep}`] : ['--keep', '1']),
    ],
    ...(finer === 2 && { test: { shifted: 'features' } as const }),
  }
}

function frrnRun(c: Config): Made | string {
  const name = { A: 'frrn-a', B: 'frrn-b', 'A-resnet-baseline': 'frrn-baseline' }[`${c['variant']}`]
  if (!name || c['crf']) return 'the paper does not say of which network'
  // Predictions are enlarged to the labels' own size and scored there.
  const [height, width] = name === 'frrn-b' ? [512, 1024] : [256, 512]
  return { train: [name], test: { resize: { height, width } } }
}

function gcnRun(c: Config, on: string): Made | string {
  const stage = (c['stage'] ?? 2) as number
  const backbone = `${c['backbone']}`.replace('resnet', '')
  const test: TestTime = {
    ...(c['multiScale'] === true && { scales: [0.75, 1, 1.25], flip: true }),
    ...(c['crf'] === true && { crf: true }),
  }
  return {
    train: [
      `gcn-${on}-${stage}`,
      ...(backbone === '152' ? [] : ['--model', `gcn-${backbone}`]),
      ...option('block', c['head']),
      ...option('kernel', c['kernel']),
      ...option('channels', c['width']),
      ...option('boundaryRefinement', c['boundaryRefinement']),
    ],
    stage,
    ...(Object.keys(test).length > 0 && { test }),
  }
}

function widerRun(c: Config, on: string): Made | string {
  const down = { conv: 'strided', pool: 'pool' }[`${c['downsampling']}`]
  if (c['variant'] === 'A2') return 'it starts from weights that were tuned on Places 365'
  if (c['trainingData'] === 'voc+coco') return 'it is trained on COCO too'
  const model = modelOf('model', c['variant'])
  if (on === 'imagenet') {
    const recipe = { 224: 'a', 112: 'c', 56: 'f' }[`${c['trainCrop']}`]
    return { train: [`imagenet-model-${recipe}`, ...model] }
  }
  return {
    train: [
      `wider-${on}`,
      ...model,
      ...option(
        'head',
        c['classifierConvs'] === undefined ? undefined : `${c['classifierConvs']}conv`,
      ),
      ...option('downsample', down),
    ],
  }
}

function resNetRun(c: Config, on: string): Made | string {
  if (on === 'imagenet') return imagenetRun(`resnet-${c['depth']}`)
  return {
    train: [
      `wider-${on}`,
      ...modelOf('fcrn', c['depth']),
      ...option('kernel', 3),
      ...option('layers', c['classifierConvs']),
    ],
  }
}

const imagenetRun = (model: string): Made => ({
  train: ['imagenet-resnet-50', '--model', model],
})

const makers: Readonly<Record<string, (c: Config, on: string) => Made | string>> = {
  fcrn: fcrnRun,
  frrn: frrnRun,
  gcn: gcnRun,
  wider: widerRun,
  resnet: resNetRun,
  resnet50: () => imagenetRun('resnet-50'),
  'resnet50-gcn': () => imagenetRun('resnet-50-gcn'),
}

/** A published table with the runs that its rows ask for. */
export function experimentOf({ id, paper, where, rows }: PublishedTable): Experiment {
  const told = differing(rows.map(({ config }) => config))
  return {
    id,
    title: `${papers[paper]}, ${where}`,
    rows: staged(rows.map((row, i) => rowOf(row, i, told))),
  }
}

interface Staged {
  readonly row: ExperimentRow | QuotedRow
  readonly stage?: number
}

function rowOf(
  { by, dataset, split, config, values }: PublishedRow,
  i: number,
  told: readonly string[],
): Staged {
  const label = labelOf(config, told)
  const quoted = (without: string): Staged => ({ row: { label, published: values, without } })
  if (by === 'cited') return quoted("somebody else's figure")
  if (split === 'test') return quoted('a server scores it: see eval --submit')
  const on = suffixes[dataset ?? '']
  const make = makers[`${config['network']}`]
  if (!on || !make) return quoted(`there is no network ${config['network']} here`)
  const run = make(config, on)
  if (typeof run === 'string') return quoted(run)
  const { train, test, stage } = run
  const key = `${i + 1}-${label.replace(/[^\w.]+/g, '-')}`
  const row = { key, label, dataset: dataset!, train, ...(test && { test }), published: values }
  return { row, ...(stage !== undefined && { stage }) }
}

/** Later stages start from the row of the same network one stage before, where the table has it. */
function staged(rows: readonly Staged[]): (ExperimentRow | QuotedRow)[] {
  const network = (train: readonly string[]) =>
    [train[0].replace(/\d+$/, ''), ...train.slice(1)].join(' ')
  return rows.map(({ row, stage }) => {
    if (!('train' in row) || !stage || stage < 2) return row
    const before = rows.find(
      (other) =>
        'train' in other.row &&
        other.stage === stage - 1 &&
        !other.row.test &&
        network(other.row.train) === network(row.train),
    )
    return before ? { ...row, init: (before.row as ExperimentRow).key } : row
  })
}

/** What follows from the rest, or says nothing of the training. */
const implied = [
  'fov',
  'pretrained',
  'inputWidth',
  'printedName',
  'units',
  'gpu',
  'input',
  'method',
]

/** What rows of a table differ in. */
const differing = (configs: readonly Config[]): string[] =>
  [...new Set(configs.flatMap((config) => Object.keys(config)))].filter(
    (key) => !implied.includes(key) && new Set(configs.map((c) => JSON.stringify(c[key]))).size > 1,
  )

/** Of that, what a row says: `depth 101, kernel 5`. */
function labelOf(config: Config, told: readonly string[]): string {
  if (config['method'] !== undefined) return `${config['method']}`
  const words = told
    .filter((key) => config[key] !== undefined)
    .map((key) => (key === 'network' ? `${config[key]}` : `${shortened(key)} ${config[key]}`))
  return words.join(', ') || `${config['network']}`
}

const names: Readonly<Record<string, string>> = {
  outputStride: 'stride',
  trainOutputStride: 'trained at',
  testOutputStride: 'tested at',
  boundaryRefinement: 'BR',
  classifierConvs: 'convs',
}

const shortened = (key: string): string => names[key] ?? key

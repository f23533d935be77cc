// `reproduce`: the runs behind a table, one after the other, and the table so far. Stopped at any moment, it goes on where it was.

import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { AtrousError, OptionError } from '../../engine/errors.ts'
import { checkpointModel, loadModel } from '../../train/checkpoint/checkpoint.ts'
import { readCheckpoint } from '../../train/checkpoint/files.ts'
import { evaluate } from '../../train/evaluate.ts'
import {
  type Experiment,
  type ExperimentRow,
  experimentNamed,
  experiments,
  isRun,
} from '../../train/experiments/index.ts'
import {
  columnsOf,
  figuresInPercent,
  type RowFigures,
  type RowResult,
  showSpread,
  spreadOf,
} from '../../train/experiments/table.ts'
import { writeAtomic } from '../../train/files.ts'
import { openAhead, specOf } from '../../train/loader/open.ts'
import { Predictor } from '../../train/predict.ts'
import type { Recipe } from '../../train/recipes/recipe.ts'
import { openSplit } from '../../train/sources.ts'
import { trainedOffset } from '../../train/test-time.ts'
import { Args, type Command, helpOption, jsonOption } from './command.ts'
import { sourceOf, usualTest } from './eval-data.ts'
import { openSaying } from './open.ts'
import { TerminalProgress } from './progress.ts'
import { begin, readParsed, removeUnbegun } from './reproduce-folder.ts'
import {
  chosenRows,
  type Job,
  jobsOf,
  type Passed,
  procedureOf,
  scoresOf,
  stateOf,
} from './reproduce-jobs.ts'
import { trainSession } from './session.ts'
import { table } from './table.ts'
import { train } from './train.ts'

const interrupted = 130

/** Options that go on to every run. */
const passedOn = [
  'size',
  'scale',
  'steps',
  'minutes',
  'batch',
  'accumulate',
  'precision',
  'set',
] as const

async function run(args: Args): Promise<number> {
  if (!args.positionals.length) {
    console.log(list())
    return 0
  }
  const [id] = args.expect('TABLE')
  const experiment = experimentNamed(id)
  const rows = chosenRows(experiment, args.text('only'))
  const passed = passedOf(args, id)
  if (!args.has('data') || args.has('list')) return show(args, experiment, passed)
  const jobs = jobsOf(rows, experiment, passed)
  await begin(jobs, passed)
  const progress = new TerminalProgress()
  const stop = new AbortController()
  const onSignal = () => (stop.signal.aborted ? process.exit(interrupted) : stop.abort())
  process.on('SIGINT', onSignal)
  process.on('SIGTERM', onSignal)
  try {
    for (const [i, job] of jobs.entries()) {
      if (stop.signal.aborted) break
      if (stateOf(job) !== 'done') {
        progress.say(`\nrun ${i + 1} of ${jobs.length}: ${job.rows[0].label}, seed ${job.seed}`)
        await trained(job, progress, stop.signal)
      }
      if (stateOf(job) === 'done' && !stop.signal.aborted) await tested(job, progress, stop.signal)
    }
  } finally {
    process.off('SIGINT', onSignal)
    process.off('SIGTERM', onSignal)
  }
  await show(args, experiment, passed)
  return stop.signal.aborted ? interrupted : jobs.every((job) => stateOf(job) === 'done') ? 0 : 1
}

/** One run, from its beginning or from where it was. What fails is said, and the others go on. */
async function trained(job: Job, progress: TerminalProgress, signal: AbortSignal): Promise<void> {
  if (job.after !== undefined && stateOf({ folder: job.after }) !== 'done') {
    progress.say(`it starts from ${job.after}, which is not done`)
    return
  }
  const resumed = stateOf(job) === 'begun'
  if (!resumed) await removeUnbegun(job.folder)
  const argv = resumed ? ['--resume', job.folder] : job.argv
  try {
    await trainSession(new Args(train, argv), progress, signal)
  } catch (error) {
    if (!(error instanceof AtrousError) || error instanceof OptionError) throw error
    progress.say(`it failed: ${error.message}`)
  }
}

const testFile = ({ key }: ExperimentRow): string => `test-${key}.json`

/** Scores the rows of a run that are looked at in a way of their own: those of a paper at the labels' own size, the others at that
 * of training. */
async function tested(job: Job, progress: TerminalProgress, signal: AbortSignal): Promise<void> {
  const rows = job.rows.filter((row) => row.test && !existsSync(join(job.folder, testFile(row))))
  if (!rows.length) return
  const checkpoint = await readCheckpoint(job.folder, 'best')
  const { data, test } = checkpoint.info.recipe as Recipe
  const { dataset: published } = job.rows[0]
  const source = published ? await sourceOf(checkpoint, undefined, undefined) : data
  const usual = published ? usualTest(checkpoint, source, undefined) : (test ?? {})
  const split = await openSplit(source, 'test')
  await split.check?.()
  await using dataset = openAhead(split, { spec: specOf(source, 'test') })
  const model = checkpointModel(checkpoint)
  using device = await openSaying((line) => progress.say(line))
  loadModel(device, model, checkpoint)
  for (const row of rows) {
    const test = procedureOf(row, usual)
    const offset = trainedOffset(checkpoint.info)
    using predictor = new Predictor(device, model, test, { offset })
    const onProgress = (done: number, of: number) =>
      progress.passing(`${row.label}: scoring ${done} of ${of} images`)
    const { figures } = await evaluate(predictor, dataset, { signal, onProgress })
    progress.clear()
    if (signal.aborted) return
    const text = `${JSON.stringify({ test, figures }, null, 2)}\n`
    await writeAtomic(join(job.folder, testFile(row)), text)
  }
}

function passedOf(args: Args, id: string): Passed {
  const data = new Map<string, string>()
  for (const text of args.texts('data')) {
    const [, name = '', folder] = /^(?:([\w-]+)=)?(.+)$/s.exec(text)!
    if (data.has(name)) throw new OptionError(`--data ${name} is given twice`, 'give it once')
    data.set(name, folder === 'street' ? folder : resolve(folder))
  }
  const more = passedOn.flatMap((name) => {
    const values = name === 'set' ? args.texts(name) : [args.text(name) ?? []].flat()
    return values.flatMap((value) => [`--${name}`, value])
  })
  const out = resolve(args.text('out') ?? join('runs', id))
  return { out, seeds: args.whole('seeds') ?? 1, data, more }
}

async function show(args: Args, experiment: Experiment, passed: Passed): Promise<number> {
  const results = await resultsOf(experiment, passed)
  const columns = columnsOf(experiment, results)
  if (args.has('json')) console.log(JSON.stringify(asJson(experiment, results), null, 2))
  else console.log(text(experiment, results, columns))
  return 0
}

/** What the runs in the folder have come to. */
async function resultsOf(experiment: Experiment, passed: Passed): Promise<Map<string, RowResult>> {
  const runs = experiment.rows.filter(isRun)
  const anywhere = { ...passed, data: new Map([['', '.']]) }
  const jobs = jobsOf(runs, experiment, anywhere)
  const results = new Map<string, RowResult>()
  for (const row of runs) {
    const own = jobs.filter(({ rows }) => rows.includes(row))
    const figures: RowFigures[] = []
    for (const job of own) {
      const found = await figuresOf(job, row)
      if (found) figures.push(found)
    }
    const begun = own.some((job) => stateOf(job) !== 'waits')
    const state =
      figures.length === own.length ? 'done' : begun ? `${figures.length} of ${own.length}` : ''
    results.set(row.key, { figures, state })
  }
  return results
}

async function figuresOf(job: Job, row: ExperimentRow): Promise<RowFigures | undefined> {
  if (stateOf(job) !== 'done') return undefined
  const file = join(job.folder, testFile(row))
  if (row.test && !existsSync(file)) return undefined
  const read = row.test ? await readParsed(file) : await scoresOf(job)
  const { scores = {}, figures = {} } = read as Record<string, Record<string, unknown>>
  return figuresInPercent({ ...scores, ...figures })
}

function text(experiment: Experiment, results: Map<string, RowResult>, columns: string[]): string {
  const published = experiment.rows.some((row) => row.published)
  const heading = ['', ...columns.flatMap((c) => (published ? [`${c}, paper`, 'here'] : [c])), '']
  const lines = experiment.rows.map((row) => {
    const result = isRun(row) ? results.get(row.key) : undefined
    const cells = columns.flatMap((column) => {
      const values = (result?.figures ?? []).flatMap((f) => f[column] ?? [])
      const here = showSpread(spreadOf(values))
      return published ? [`${row.published?.[column] ?? ''}`, here] : [here]
    })
    return [row.label, ...cells, isRun(row) ? result!.state : `not run: ${row.without}`]
  })
  const right = new Set(heading.map((_, i) => i).slice(1, -1))
  return [`${experiment.id}: ${experiment.title}`, '', ...table([heading, ...lines], right)].join(
    '\n',
  )
}

const asJson = ({ id, title, rows }: Experiment, results: Map<string, RowResult>) => ({
  id,
  title,
  rows: rows.map((row) => (isRun(row) ? { ...row, ...results.get(row.key) } : row)),
})

const list = (): string =>
  table(
    [
      ['table', 'rows', 'runs', ''],
      ...experiments.map(({ id, rows, title }) => [
        id,
        `${rows.length}`,
        `${rows.filter(isRun).length}`,
        title,
      ]),
    ],
    new Set([1, 2]),
  ).join('\n')

export const reproduce: Command = {
  name: 'reproduce',
  summary: 'train what is behind a table of the papers, run after run, and print the table so far',
  usage: '[TABLE] [--data FOLDER] [options]',
  options: {
    data: {
      value: '[SET=]FOLDER',
      many: true,
      help: 'of all rows, or of those of one data set, as voc2012=VOCdevkit; again for others',
    },
    only: { value: 'ROW,…', help: 'some rows, by number or key; default all' },
    seeds: { value: 'N', help: 'runs of each row, with seeds 1 to N: mean ± deviation; default 1' },
    scale: train.options['scale'],
    size: train.options['size'],
    steps: train.options['steps'],
    minutes: train.options['minutes'],
    batch: train.options['batch'],
    accumulate: train.options['accumulate'],
    precision: train.options['precision'],
    set: train.options['set'],
    list: { help: 'only print what there is so far' },
    out: { value: 'FOLDER', help: 'where the runs are; default runs/TABLE' },
    json: jsonOption,
    help: helpOption,
  },
  examples: [
    ['atrous reproduce', 'the tables'],
    ['atrous reproduce p2-text-val --data cityscapes', 'FRRN A against its baseline'],
    [
      'atrous reproduce p0-table1 --data VOCdevkit --only 6,7 --scale 0.1',
      'two rows of it in small',
    ],
    ['atrous reproduce ablation-gcn --data camvid --seeds 3', 'a claim in small, on any data'],
  ],
  run,
}

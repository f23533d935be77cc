// `runs`: what runs there are and how they went, and where chosen ones differ.

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { OptionError } from '../../engine/errors.ts'
import { comparedSvg } from '../../train/charts/compare.ts'
import { writeChart } from '../../train/pictures/images.ts'
import { openRun } from '../../train/runs/folder.ts'
import { type RunInfo, runInfo, seriesOf, validationsOf } from '../../train/runs/info.ts'
import { differences, listRuns, type SortKey, sortedRuns, sortKeys } from '../../train/runs/list.ts'
import { type Args, type Command, helpOption, jsonOption } from './command.ts'
import { duration } from './progress.ts'
import { outFile } from './subject.ts'
import { exact, table } from './table.ts'

const ROOT = 'runs'

async function run(args: Args): Promise<number> {
  if (args.has('compare')) return compare(args)
  if (args.has('out'))
    throw new OptionError('--out is where curves go that are compared', 'name runs: --compare A B')
  if (args.positionals.length > 1) args.expect('FOLDER')
  const root = args.positionals[0] ?? ROOT
  const by = args.choice('sort', sortKeys) ?? 'name'
  const { runs, damaged } = await listRuns(root)
  const sorted = sortedRuns(runs, by)
  if (args.has('json')) console.log(JSON.stringify({ runs: sorted.map(plain), damaged }, null, 2))
  else console.log(listText(root, sorted))
  for (const { message } of damaged) console.error(`note: ${message}`)
  return 0
}

function listText(root: string, runs: readonly RunInfo[]): string {
  if (runs.length === 0) return `there are no runs in ${root}`
  const rows = runs.map((info) => [
    info.name,
    info.network ?? '–',
    info.data ?? '–',
    steps(info),
    info.state,
    score(info),
    info.seconds === undefined ? '–' : duration(info.seconds),
  ])
  const heading = ['run', 'network', 'data', 'steps', 'state', 'best', 'time']
  return table([heading, ...rows], new Set([3, 5, 6])).join('\n')
}

const steps = ({ step, of }: RunInfo): string =>
  of === undefined || of === step ? exact(step) : `${exact(step)} / ${exact(of)}`

const score = ({ best }: RunInfo): string => (best ? `${(100 * best.score).toFixed(2)} %` : '–')

/** What is known of a run, without the whole of its configuration. */
const plain = ({ config: _, progress: __, ...info }: RunInfo) => info

async function compare(args: Args): Promise<number> {
  const { positionals } = args
  if (positionals.length < 2)
    throw new OptionError('--compare wants two runs or more', 'atrous runs --compare A B')
  const out = await outFile(args, ['.svg', '.png'])
  const folders = await Promise.all(positionals.map((name) => openRun(folderOf(name))))
  const infos = await Promise.all(folders.map(runInfo))
  const by = args.choice('sort', sortKeys)
  const order = by ? sortedRuns(infos, by) : infos
  const found = differences(order)
  if (out !== undefined) {
    const runs = await Promise.all(order.map((info) => curvesOf(info)))
    await writeChart(out, comparedSvg(runs, order[0].scoreName))
  }
  if (args.has('json'))
    console.log(JSON.stringify({ runs: order.map(plain), differences: found }, null, 2))
  else console.log(compareText(order, found))
  return 0
}

/** A run is named by its folder, or by its name in the usual place. */
const folderOf = (name: string): string =>
  !existsSync(name) && existsSync(join(ROOT, name)) ? join(ROOT, name) : name

async function curvesOf({ folder, name }: RunInfo) {
  const records = await (await openRun(folder)).readMetrics()
  const score = validationsOf(records).map((v) => ({ step: v.step, value: v.score }))
  const [loss, gradientNorm] = ['loss', 'gradientNorm'].map((key) => seriesOf(records, key))
  return { name, loss, score, gradientNorm }
}

const WIDEST = 48

function compareText(runs: readonly RunInfo[], found: ReturnType<typeof differences>): string {
  const cell = (value = '–') => (value.length > WIDEST ? `${value.slice(0, WIDEST - 1)}…` : value)
  const rows = [
    ['', ...runs.map(({ name }) => name)],
    ['best', ...runs.map(score)],
    ['steps', ...runs.map(steps)],
    ['state', ...runs.map(({ state }) => state)],
    ...found.map(({ path, values }) => [path, ...values.map(cell)]),
  ]
  const lines = table(rows, new Set())
  if (found.length === 0) lines.push('', 'their configurations are the same')
  return lines.join('\n')
}

export const runsCommand: Command = {
  name: 'runs',
  summary: 'list the runs of a folder, or compare some of them',
  usage: '[FOLDER] | --compare RUN RUN … [options]',
  options: {
    compare: { help: 'the runs that are named: how they went, and where their settings differ' },
    sort: {
      value: 'KEY',
      help: `${sortKeys.join(', ')}; default ${sortKeys[0] satisfies SortKey}`,
    },
    out: { value: 'FILE', help: 'with --compare: their curves, as .svg or .png' },
    json: jsonOption,
    help: helpOption,
  },
  examples: [
    ['atrous runs', `those in ${ROOT}`],
    ['atrous runs --sort score', 'the best first'],
    ['atrous runs --compare camvid-1 camvid-2 --out curves.svg', 'two of them, with their curves'],
  ],
  run,
}

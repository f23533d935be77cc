// `paths`: on paths of which length a residual network learns.

import { type PathLengths, pathLengths, residualUnits } from '../../train/analysis/path-lengths.ts'
import { decades, pathLengthsSvg } from '../../train/charts/paths.ts'
import { toBatch } from '../../train/loader/batch.ts'
import { writeChart } from '../../train/pictures/images.ts'
import { type Args, type Command, helpOption, jsonOption } from './command.ts'
import { modelUsage } from './model.ts'
import { openSaying } from './open.ts'
import { TerminalProgress } from './progress.ts'
import { counted, openSubject, outFile, subjectOptions } from './subject.ts'

/** Columns of the longest bar. */
const BAR = 40

async function run(args: Args): Promise<number> {
  const draws = args.whole('draws') ?? 20
  const seed = args.whole('seed', 0) ?? 0
  const every = args.whole('every') ?? 1
  const statistics = args.choice('statistics', ['running', 'batch']) ?? 'running'
  const out = await outFile(args, ['.svg', '.png'])
  const subject = await openSubject(args, args.whole('batch') ?? 4, [64, 64])
  const { model, examples, labelled } = subject
  const { labels, ...batch } = toBatch(examples, {
    multiple: model.sizeMultiple,
    padding: model.padding,
  })
  const { height, width } = batch
  const units = residualUnits(model, [examples.length, height, width, 3])

  const progress = new TerminalProgress()
  using device = await openSaying((line) => progress.say(line))
  subject.load(device)
  const lengths = Array.from({ length: Math.floor(units / every) + 1 }, (_, i) => i * every)
  progress.say(
    `${counted(1 + lengths.length * draws, 'gradient')}: the whole one, and ${counted(draws, 'draw')} for each of ${lengths.length} k; fewer with --every and --draws`,
  )
  const measured = await pathLengths(device, model, [labelled ? { ...batch, labels } : batch], {
    draws,
    seed,
    lengths,
    statistics,
    onProgress: (done, of) => progress.passing(`gradient ${done} of ${of}`),
  })
  progress.clear()
  const about = {
    model: model.config,
    weights: subject.weights ?? null,
    images: [examples.length, height, width],
    statistics,
    seed,
  }
  console.log(
    args.has('json')
      ? JSON.stringify({ ...about, ...measured }, null, 2)
      : [subject.title, ...asText(measured, about.images)].join('\n'),
  )
  if (out) await writeChart(out, pathLengthsSvg(measured, subject.title))
  return 0
}

function asText(
  { units, of, full, lengths }: PathLengths,
  [images, height, width]: readonly number[],
): string[] {
  const [low, high] = decades(lengths.map((l) => l.mean))
  const bar = (norm: number) => {
    const share = norm > 0 ? (Math.log10(norm) - low) / (high - low) : 0
    return '━'.repeat(Math.max(0, Math.round(share * BAR)))
  }
  const draws = lengths[0].norms.length
  return [
    `${units} residual units; gradient of the ${of} at ${counted(images, 'image')} of ${height}x${width}; ${counted(draws, 'draw')} for each k`,
    `norm of the whole gradient ${scientific(full)}`,
    '',
    `${'k'.padStart(4)}  ${'norm'.padEnd(8)}  ${'±'.padEnd(8)}  ${`1e${low}`.padEnd(BAR - `1e${high}`.length)}1e${high}`,
    ...lengths.map(({ k, mean, deviation }) =>
      `${`${k}`.padStart(4)}  ${scientific(mean)}  ${scientific(deviation)}  ${bar(mean)}`.trimEnd(),
    ),
  ]
}

const scientific = (x: number): string => (x ? x.toExponential(2) : '0').padEnd(8)

export const pathsCommand: Command = {
  name: 'paths',
  summary: 'measure the gradient of a residual network along paths through k of its branches',
  usage: modelUsage,
  options: {
    ...subjectOptions,
    batch: { value: 'N', help: 'images in the batch; default 4' },
    input: { value: 'HxW', help: 'their size; default that of training, else 64x64' },
    draws: { value: 'N', help: 'sets of units drawn for each k; default 20' },
    every: { value: 'N', help: 'only every N-th k, from 0; default 1' },
    statistics: {
      value: 'NAME',
      help: 'of batch norm: running (default), or batch, which starting values want',
    },
    seed: { value: 'N', help: 'of the draws; default 0' },
    out: { value: 'FILE', help: 'a chart, .svg or .png' },
    json: jsonOption,
    help: helpOption,
  },
  examples: [
    ['atrous paths resnet-110 --width 8 --every 6 --statistics batch', 'a narrow one as it starts'],
    ['atrous paths --checkpoint runs/street-1 --out paths.svg', 'a trained one, with a chart'],
  ],
  run,
}

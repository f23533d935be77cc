// `crf-search`: the parameters of the fully connected CRF, by trial on a validation set.

import { OptionError } from '../../engine/errors.ts'
import { checkpointModel, loadModel } from '../../train/checkpoint/checkpoint.ts'
import { readCheckpoint } from '../../train/checkpoint/files.ts'
import type { CrfParameters } from '../../train/crf/index.ts'
import {
  type CrfExamples,
  type CrfSearch,
  type CrfTrial,
  searchCrf,
} from '../../train/crf/search.ts'
import { type Dataset, SPLITS } from '../../train/dataset.ts'
import { Predictor } from '../../train/predict.ts'
import { percent } from '../../train/scoring/metrics.ts'
import { scoreRules } from '../../train/scoring/rules.ts'
import { openSplit } from '../../train/sources.ts'
import { trainedOffset } from '../../train/test-time.ts'
import { type Args, type Command, helpOption, jsonOption } from './command.ts'
import { sameClasses, sourceOf, usualTest } from './eval-data.ts'
import { openSaying } from './open.ts'
import { ProbabilityFile } from './probability-file.ts'
import { TerminalProgress } from './progress.ts'
import { table } from './table.ts'
import { testOptions, testTimeOf } from './test-time.ts'

async function run(args: Args): Promise<number> {
  const [path] = args.expect('RUN or CHECKPOINT')
  const split = args.choice('split', SPLITS) ?? 'val'
  const [size, trials, seed] = [args.size('size'), args.whole('trials'), args.whole('seed', 0)]
  const [images, iterations] = [args.whole('images'), args.whole('iterations')]
  const normalisation = args.choice('normalisation', ['symmetric', 'none'])
  const checkpoint = await readCheckpoint(path, 'best')
  const model = checkpointModel(checkpoint)
  const source = await sourceOf(checkpoint, args.text('data'), size)
  const dataset = await openSplit(source, split)
  await dataset.check?.()
  sameClasses(checkpoint, dataset)
  if (dataset.labelled === 'image' || !dataset.size)
    throw new OptionError(`${dataset.name} has no ${split} images whose pixels are labelled`)
  const { crf: _, ...test } = await testTimeOf(args, usualTest(checkpoint, source, size))
  const chosen = evenly(dataset.size, images ?? dataset.size)

  const progress = new TerminalProgress()
  const stop = new AbortController()
  const onSignal = () => stop.abort()
  process.on('SIGINT', onSignal)
  const store = await ProbabilityFile.open(args.text('scratch'))
  try {
    using device = await openSaying((line) => progress.say(line))
    loadModel(device, model, checkpoint)
    const task = { dataset, chosen, progress, signal: stop.signal }
    {
      const offset = trainedOffset(checkpoint.info)
      using predictor = new Predictor(device, model, test, { offset })
      await predictAll(predictor, store, task)
    }
    const found = await searchCrf(device, stored(dataset, chosen, store), {
      ...{ trials: trials ?? 40, seed, iterations, normalisation, signal: stop.signal },
      score: { absent: scoreRules(dataset).absent },
      onProgress: (trial, done, of) => progress.passing(`trial ${trial}: ${done} of ${of} images`),
      onTrial: (trial) => progress.say(lineOf(trial)),
    })
    progress.clear()
    const about = { checkpoint: checkpoint.file, data: dataset.name, split, images: chosen.length }
    const given = { ...(iterations && { iterations }), ...(normalisation && { normalisation }) }
    console.log(
      args.has('json')
        ? JSON.stringify({ ...about, test, ...found }, null, 2)
        : textOf(found, given, `${dataset.name}, ${chosen.length} images of ${split}`),
    )
  } finally {
    process.off('SIGINT', onSignal)
    await store.close()
  }
  return stop.signal.aborted ? 130 : 0
}

interface Task {
  readonly dataset: Dataset
  readonly chosen: readonly number[]
  readonly progress: TerminalProgress
  readonly signal: AbortSignal
}

/** Predicts each chosen picture once. */
async function predictAll(
  predictor: Predictor,
  store: ProbabilityFile,
  { dataset, chosen, progress, signal }: Task,
): Promise<void> {
  for (const [done, index] of chosen.entries()) {
    const { image, height, width } = await dataset.get(index)
    if (signal.aborted) return
    using p = await predictor.probabilities({ data: image, height, width })
    if (!done) await store.needs(4 * p.shape.reduce((a, b) => a * b, chosen.length))
    await store.add((await p.read()) as Float32Array, p.shape)
    progress.passing(`predicting ${done + 1} of ${chosen.length} images`)
  }
}

const stored = (
  { classes, get }: Dataset,
  chosen: readonly number[],
  store: ProbabilityFile,
): CrfExamples => ({
  classes,
  size: chosen.length,
  get: async (i) => {
    const { image, labels, height, width } = await get(chosen[i])
    return { picture: { data: image, height, width }, labels, probabilities: await store.get(i) }
  },
})

/** `count` of the numbers below `size`, spread evenly. */
const evenly = (size: number, count: number): number[] => {
  const n = Math.min(size, count)
  return Array.from({ length: n }, (_, i) => Math.floor((i * size) / n))
}

const figures = (p: CrfParameters | undefined): string[] =>
  p
    ? [p.appearance, p.thetaAlpha, p.thetaBeta, p.smoothness, p.thetaGamma].map(String)
    : Array.from({ length: 5 }, () => '–')

const lineOf = ({ number, how, parameters, meanIoU }: CrfTrial): string => {
  const values = parameters ? `  w1 θα θβ w2 θγ ${figures(parameters).join(' ')}` : ''
  return `trial ${number}  mean IoU ${percent(meanIoU)}  ${how}${values}`
}

function textOf({ trials, best }: CrfSearch, given: object, title: string): string {
  if (!best) return `${title}: stopped before a trial was through`
  const rows = [...trials].sort((a, b) => b.meanIoU - a.meanIoU || a.number - b.number)
  return [
    title,
    '',
    ...table(
      [
        ['trial', 'mean IoU', 'w1', 'θα', 'θβ', 'w2', 'θγ', ''],
        ...rows.map((t) => [
          ...[String(t.number), percent(t.meanIoU), ...figures(t.parameters)],
          t.how,
        ]),
      ],
      new Set([0, 1, 2, 3, 4, 5, 6]),
    ),
    '',
    `the best, for a recipe or --test FILE.json: ${JSON.stringify({ crf: { ...best.parameters, ...given } })}`,
  ].join('\n')
}

const { crf: _crf, ...lookOptions } = testOptions

export const crfSearchCommand: Command = {
  name: 'crf-search',
  summary: 'find parameters of the fully connected CRF by trials on a validation set',
  usage: 'RUN|CHECKPOINT [options]',
  options: {
    data: { value: 'FOLDER', help: 'other data than it was trained on, of the same classes' },
    split: { value: 'NAME', help: `${SPLITS.join(', ')}; default val` },
    trials: { value: 'N', help: 'parameters to try, the published ones first; default 40' },
    seed: { value: 'N', help: 'which are drawn; default 1' },
    images: { value: 'N', help: 'so many images, spread over the split; default all' },
    iterations: { value: 'N', help: 'mean-field updates; default 10' },
    normalisation: { value: 'NAME', help: 'of the kernels: symmetric (default) or none' },
    ...lookOptions,
    size: { value: 'HxW', help: 'images and labels brought to this size; default their own' },
    scratch: { value: 'FOLDER', help: "for the probabilities; default the system's, temporary" },
    json: jsonOption,
    help: helpOption,
  },
  examples: [
    ['atrous crf-search runs/camvid-1 --trials 100', 'on the val split of its data'],
    ['atrous crf-search runs/voc-1 --images 200 --flip --seed 7', 'on a part, mirrored too'],
  ],
  run,
}

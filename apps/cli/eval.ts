// `eval`: a checkpoint's scores on a split.

import { resolve } from 'node:path'
import { DataError, OptionError } from '../../engine/errors.ts'
import { type Checkpoint, checkpointModel, loadModel } from '../../train/checkpoint.ts'
import { readCheckpoint } from '../../train/checkpoint-files.ts'
import { formatOf } from '../../train/data/formats.ts'
import { type Dataset, SPLITS } from '../../train/dataset.ts'
import { evaluate } from '../../train/evaluate.ts'
import { Predictor } from '../../train/predict.ts'
import type { DataSource, Recipe } from '../../train/recipe.ts'
import { openSplits } from '../../train/sources.ts'
import { type Args, type Command, helpOption, jsonOption } from './command.ts'
import { openSaying } from './open.ts'
import { TerminalProgress } from './progress.ts'
import { scoresText } from './report.ts'

async function run(args: Args): Promise<number> {
  const [path] = args.expect('RUN or CHECKPOINT')
  const split = args.choice('split', SPLITS) ?? 'test'
  const batch = args.whole('batch')
  const size = args.size('size')
  const checkpoint = await readCheckpoint(path, 'best')
  const model = checkpointModel(checkpoint)
  const dataset = (await openSplits(await sourceOf(checkpoint, args.text('data'), size)))[split]
  sameClasses(checkpoint, dataset)

  const progress = new TerminalProgress()
  using device = await openSaying((line) => progress.say(line))
  loadModel(device, model, checkpoint)
  using predictor = new Predictor(device, model)
  const evaluation = await evaluate(predictor, dataset, {
    batch,
    onProgress: (done, of) => progress.passing(`scoring ${done} of ${of} images`),
  })
  progress.clear()
  const { step } = checkpoint.info.progress
  const { scores, baseline, images } = evaluation
  console.log(
    args.has('json')
      ? JSON.stringify(
          { checkpoint: checkpoint.file, step, split, images, scores, baseline },
          null,
          2,
        )
      : scoresText(evaluation, `${dataset.name}, ${split} split, weights of step ${step}`),
  )
  return 0
}

/** The data that it was trained on, unless told. */
async function sourceOf(
  { file, info }: Checkpoint,
  data: string | undefined,
  size: readonly [number, number] | undefined,
): Promise<DataSource> {
  const trained = (info.recipe as Recipe | undefined)?.data
  if (!trained && data === undefined)
    throw new DataError(file, 'does not say what it was trained on', 'name the data with --data')
  const [height, width] = size ?? info.size ?? []
  if (data !== undefined && data !== 'street')
    return { kind: await formatOf(data), folder: resolve(data), height, width }
  if (data === 'street' && trained?.kind !== 'street')
    return { kind: 'street', seed: 1, height: height ?? 48, width: width ?? 64 }
  return { ...trained!, ...(size && { height, width }) } as DataSource
}

function sameClasses({ file, info }: Checkpoint, { name, classes }: Dataset): void {
  const list = (of: readonly { name: string }[]) => of.map((c) => c.name).join(', ')
  const [mine, its] = [list(info.classes), list(classes)]
  if (mine !== its)
    throw new OptionError(
      `${file} knows the classes ${mine}; ${name} has ${its}`,
      'evaluate on the data set that it was trained on',
    )
}

export const evaluateCommand: Command = {
  name: 'eval',
  summary: "score a run's best checkpoint, or any checkpoint, on a split",
  usage: 'RUN|CHECKPOINT [options]',
  options: {
    data: { value: 'FOLDER', help: 'other data than it was trained on, of the same classes' },
    split: { value: 'NAME', help: `${SPLITS.join(', ')}; default test` },
    size: { value: 'HxW', help: 'size that images are brought to; default that of training' },
    batch: { value: 'N', help: 'images in a batch; default 4' },
    json: jsonOption,
    help: helpOption,
  },
  examples: [
    ['atrous eval runs/street-1', 'the test split of the data it was trained on'],
    ['atrous eval runs/camvid-1 --split val --json', 'as JSON'],
    ['atrous eval runs/camvid-1/checkpoint.safetensors', 'the last weights, not the best'],
  ],
  run,
}

// `eval`: a checkpoint's scores on a split, the papers' beside them, and its results for the benchmarks' servers.

import { OptionError } from '../../engine/errors.ts'
import type { Device } from '../../engine/node.ts'
import type { Network } from '../../models/network.ts'
import { type Checkpoint, checkpointModel, loadModel } from '../../train/checkpoint/checkpoint.ts'
import { readCheckpoint } from '../../train/checkpoint/files.ts'
import { type Dataset, type Example, SPLITS } from '../../train/dataset.ts'
import {
  checkEvaluation,
  type EvaluateOptions,
  type Evaluation,
  evaluate,
} from '../../train/evaluate.ts'
import { openAhead, specOf } from '../../train/loader/open.ts'
import { writeChart } from '../../train/pictures/images.ts'
import { Predictor } from '../../train/predict.ts'
import type { DataSource, Recipe } from '../../train/recipes/recipe.ts'
import { besidePapers } from '../../train/results/beside.ts'
import { Classifier, classificationText } from '../../train/scoring/classify.ts'
import { predictSplit } from '../../train/scoring/looks.ts'
import { trimapSvg } from '../../train/scoring/trimap-chart.ts'
import { openSplit } from '../../train/sources.ts'
import {
  openSubmission,
  openUnlabelled,
  type Submission,
  submissionNames,
} from '../../train/submission/index.ts'
import { type TestTime, trainedOffset } from '../../train/test-time.ts'
import { type Args, type Command, helpOption, jsonOption } from './command.ts'
import { evaluateBoxes } from './eval-boxes.ts'
import { onlyOptions, sameClasses, sourceOf, usualTest } from './eval-data.ts'
import { besideLines, figureLines } from './eval-text.ts'
import { openSaying } from './open.ts'
import { TerminalProgress } from './progress.ts'
import { scoredTitle, scoresText } from './score-text.ts'
import { outFile } from './subject.ts'
import { testOptions, testTimeOf } from './test-time.ts'

/** Options that say something of classes of whole images. */
const OF_IMAGES = ['data', 'split', 'size', 'batch', 'row', 'json', 'help']

/** All that was asked for, and nothing opened but files. */
interface Task {
  readonly args: Args
  readonly checkpoint: Checkpoint
  readonly model: Network
  readonly dataset: Dataset
  /** The same, read ahead. */
  readonly ahead: Dataset & AsyncDisposable
  /** Whether it can be scored. */
  readonly labelled: boolean
  readonly test: TestTime
  readonly submission: Submission | undefined
  readonly options: EvaluateOptions
  readonly chart: string | undefined
  readonly progress: TerminalProgress
}

async function run(args: Args): Promise<number> {
  const [path] = args.expect('RUN or CHECKPOINT')
  const checkpoint = await readCheckpoint(path, 'best')
  const model = checkpointModel(checkpoint)
  if (model.predicts === 'boxes') return await evaluateBoxes(args, { path, checkpoint, model })
  if (!model.scoreStride)
    onlyOptions(args, OF_IMAGES, {
      why: `${model.config.name} scores images as a whole`,
      hint: 'leave it out',
    })
  const progress = new TerminalProgress()
  const task = await prepare(args, { checkpoint, model, progress })
  const { submission, dataset, labelled } = task
  await using ahead = task.ahead
  try {
    using device = await openSaying((line) => progress.say(line))
    loadModel(device, model, task.checkpoint)
    if (dataset.labelled === 'image') await classify(task, device)
    else {
      using predictor = new Predictor(device, model, task.test, {
        offset: trainedOffset(task.checkpoint.info),
      })
      if (labelled) await score(task, predictor)
      else await predictSplit(predictor, ahead, { ...watching(task, 'predicting') })
      progress.clear()
    }
    await submission?.finish()
  } catch (error) {
    await submission?.discard()
    throw error
  }
  if (submission) tellResults(task, submission)
  return 0
}

/** On standard output where there are no scores there. */
function tellResults({ args, dataset, labelled, progress }: Task, { folder }: Submission): void {
  const text = `results of ${dataset.size} images: ${folder}`
  if (labelled) progress.say(text)
  else
    console.log(
      args.has('json')
        ? JSON.stringify({ data: dataset.name, images: dataset.size, submitted: folder }, null, 2)
        : text,
    )
}

async function prepare(
  args: Args,
  { checkpoint, model, progress }: Pick<Task, 'checkpoint' | 'model' | 'progress'>,
): Promise<Task> {
  const split = args.choice('split', SPLITS) ?? 'test'
  const [size, table, submit] = [args.size('size'), args.text('row'), args.text('submit')]
  if (args.has('out') && !args.has('trimap') && !args.has('chessboard'))
    throw new OptionError('--out is of the trimap curve', 'ask for that with --trimap')
  const chart = args.has('out') ? await outFile(args, ['.svg', '.png']) : undefined
  const source = await sourceOf(checkpoint, args.text('data'), size)
  // A table that there is not is told before hours of scoring.
  besidePapers({ ...oursOf(checkpoint), dataset: source.kind, split, images: 0, steps: 0 }, table)
  const labelled = !(submit !== undefined && split === 'test' && isBenchmark(source))
  const objects = args.has('instances-iou')
  const dataset = labelled
    ? await openSplit(source, split, { objects })
    : await openUnlabelled(source.kind, folderOf(source), checkpoint.info.classes)
  await dataset.check?.()
  sameClasses(checkpoint, dataset)
  const options = scored(args)
  if (dataset.labelled !== 'image') checkEvaluation(model, dataset, options)
  const test = await testTimeOf(args, usualTest(checkpoint, source, size))
  const recipe = checkpoint.info.recipe as Partial<Recipe> | undefined
  const alone = recipe?.data?.kind === 'voc' && recipe.init === undefined
  const competition = alone ? 5 : 6
  const submission =
    submit === undefined ? undefined : await openSubmission(submit, dataset, { competition })
  const spec = labelled ? specOf(source, split, objects) : undefined
  const ahead = openAhead(dataset, { spec })
  const told = { args, options, chart, progress }
  return { ...told, checkpoint, model, dataset, ahead, labelled, test, submission }
}

const isBenchmark = ({ kind }: DataSource): boolean => submissionNames.includes(kind)

const folderOf = (source: DataSource): string => (source.kind === 'street' ? '' : source.folder)

/** Told how far it is; writes results where they are to be sent in. */
function watching({ progress, submission, dataset }: Task, what: string) {
  const write = ({ name, height, width }: Example, mask: Uint8Array) =>
    submission!.write(name, mask, height, width)
  return {
    onProgress: (done: number, of: number) =>
      progress.passing(`${what} ${done} of ${of} ${dataset.split} images`),
    ...(submission && { onExample: write }),
  }
}

function scored(args: Args): EvaluateOptions {
  const curve = args.has('trimap') || args.has('chessboard')
  return {
    batch: args.whole('batch'),
    absent: args.choice('absent', ['skip', 'zero']),
    ...(curve && { trimap: args.has('chessboard') ? 'chessboard' : 'euclidean' }),
    boundary: args.has('boundary'),
    instances: args.has('instances-iou'),
  }
}

async function score(task: Task, predictor: Predictor): Promise<void> {
  const { args, checkpoint, dataset, test, options, chart, progress, submission } = task
  const evaluation = await evaluate(predictor, task.ahead, {
    ...watching(task, 'scoring'),
    ...options,
  })
  progress.clear()
  const { images, figures } = evaluation
  const { step } = checkpoint.info.progress
  const papers = compare(task, images)
  if (chart && evaluation.trimap) {
    const title = `${dataset.name}, ${dataset.split} split`
    await writeChart(chart, trimapSvg(evaluation.trimap, title))
  }
  if (args.has('json')) {
    const { confusion: _, seconds: __, ...told } = evaluation
    const about = { checkpoint: checkpoint.file, step, data: dataset.name, split: dataset.split }
    const submitted = submission && { submitted: submission.folder }
    console.log(JSON.stringify({ ...about, test, ...told, papers, ...submitted }, null, 2))
    return
  }
  const title = scoredTitle(dataset, step, test)
  console.log(textOf(evaluation, title, besideLines(figures, papers)))
}

const textOf = (evaluation: Evaluation, title: string, beside: readonly string[]): string =>
  [scoresText(evaluation, title), ...figureLines(evaluation), '', ...beside].join('\n')

async function classify(task: Task, device: Device): Promise<void> {
  const { args, checkpoint, model, dataset, progress } = task
  const recipe = checkpoint.info.recipe as Partial<Recipe> | undefined
  const { onProgress } = watching(task, 'scoring')
  using classifier = new Classifier(device, model)
  const { batch } = task.options
  // Images that were brought to a size are looked at as they are.
  const steps = args.has('size') ? [] : recipe?.view
  const result = await classifier.evaluate(task.ahead, { batch, steps, onProgress })
  progress.clear()
  const { step } = checkpoint.info.progress
  const papers = compare(task, result.images)
  const { top1, top5 } = result
  console.log(
    args.has('json')
      ? JSON.stringify({ checkpoint: checkpoint.file, step, ...result, papers }, null, 2)
      : [
          `${dataset.name}, ${dataset.split} split, weights of step ${step}`,
          '',
          classificationText(result),
          '',
          ...besideLines({ top1, top5 }, papers),
        ].join('\n'),
  )
}

const oursOf = ({ info }: Checkpoint) => ({
  model: info.model,
  recipe: info.recipe as Partial<Recipe> | undefined,
})

const compare = ({ args, checkpoint, dataset, test }: Task, images: number) =>
  besidePapers(
    {
      ...oursOf(checkpoint),
      ...{ test, images, dataset: dataset.name, split: dataset.split },
      steps: checkpoint.info.progress.step,
      resized: args.has('size'),
    },
    args.text('row'),
  )

export const evaluateCommand: Command = {
  name: 'eval',
  summary: "score a run's best checkpoint, or any checkpoint, on a split, beside the papers",
  usage: 'RUN|CHECKPOINT [options]',
  options: {
    data: { value: 'FOLDER', help: 'other data than it was trained on, of the same classes' },
    split: {
      value: 'NAME',
      help: `${SPLITS.join(', ')}; default test, or val where test has no labels`,
    },
    ...testOptions,
    size: { value: 'HxW', help: 'score images and labels brought to this size; default their own' },
    batch: { value: 'N', help: 'images in a batch; default 4' },
    absent: {
      value: 'RULE',
      help: 'classes that occur nowhere: skip or zero; default as the data set has it',
    },
    trimap: { help: 'mean IoU up to 1 … 80 pixels from the boundaries' },
    chessboard: { help: 'the same in squares, from void too, as is usual on VOC' },
    boundary: { help: 'pixel accuracy within 7 pixels of boundaries, and elsewhere' },
    'instances-iou': { help: 'instance-level IoU (Cityscapes)' },
    row: {
      value: 'TABLE',
      help: 'all rows of a table of the papers on this network, as p0-table4',
    },
    submit: {
      value: 'FOLDER',
      help: 'write results as VOC, Cityscapes or ADE20K want them; of test without labels too',
    },
    out: { value: 'FILE', help: 'draw the trimap curve, .svg or .png' },
    json: jsonOption,
    help: helpOption,
  },
  examples: [
    ['atrous eval runs/street-1', 'the test split of the data it was trained on'],
    ['atrous eval runs/camvid-1 --split val --json', 'as JSON'],
    [
      'atrous eval runs/city-1 --flip --trimap --out trimap.svg',
      'mirrored too, and the trimap curve',
    ],
    ['atrous eval runs/voc-1 --split test --submit results', "files for the benchmark's server"],
  ],
  run,
}

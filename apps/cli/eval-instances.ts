// `eval-instances`: how well instances are found on a split, by the rules of the papers. A command of its own: it takes two networks
// where `eval` takes one, and none of its figures is `eval`'s.

import { OptionError } from '../../engine/errors.ts'
import { SPLITS } from '../../train/dataset.ts'
import type { Breakdown } from '../../train/instances/breakdown.ts'
import { classCurves, precisionRecallSvg } from '../../train/instances/curve.ts'
import { evaluateInstances, type InstanceEvaluation } from '../../train/instances/evaluate.ts'
import { openFinder } from '../../train/instances/nets.ts'
import { writeChart } from '../../train/pictures/images.ts'
import { percent } from '../../train/scoring/metrics.ts'
import { openSplit } from '../../train/sources.ts'
import { type Args, aligned, type Command, helpOption, jsonOption } from './command.ts'
import { sameClasses, sourceOf, usualTest } from './eval-data.ts'
import { netOptions, readNets, sayChosen } from './instance-nets.ts'
import { openSaying } from './open.ts'
import { TerminalProgress } from './progress.ts'
import { outFile } from './subject.ts'
import { testTimeOf } from './test-time.ts'
import { checkSearch, searchAndKeep } from './threshold.ts'

const MATCHINGS = ['sds', 'best-overall', 'mnc'] as const

async function run(args: Args): Promise<number> {
  args.expect()
  const matching = args.choice('matching', MATCHINGS)
  checkSearch(args)
  const split = args.choice('split', SPLITS) ?? (args.has('search') ? 'val' : 'test')
  const [size, chart, oracle] = [
    args.size('size'),
    await outFile(args, ['.svg', '.png']),
    args.choice('oracle', ['masks', 'ordered']),
  ]
  const nets = await readNets(args)
  const { semantic, localization, instances } = nets
  const source = await sourceOf(semantic, args.text('data'), size)
  const dataset = await openSplit(source, split, { objects: true })
  await dataset.check?.()
  sameClasses(semantic, dataset)
  const test = await testTimeOf(args, usualTest(semantic, source, size))
  const { resize } = usualTest(localization, source, size)
  if (oracle === 'masks' && Object.keys(test).some((key) => key !== 'resize'))
    throw new OptionError(
      '--oracle masks takes the masks of the truth, and the category net does not look',
      'leave the options of looking out',
    )
  const components = args.has('components')
  const progress = new TerminalProgress()
  using device = await openSaying((line) => progress.say(line))
  using finder = openFinder(device, nets, { instances, test, resize })
  if (args.has('search')) {
    await searchAndKeep(device, finder, dataset, { args, semantic, localization, progress })
    return 0
  }
  for (const line of sayChosen(nets)) progress.say(line)
  const evaluation = await evaluateInstances(finder, dataset, {
    ...{ matching, oracle, components },
    onProgress: (done, of) => progress.passing(`scoring ${done} of ${of} ${split} images`),
  })
  progress.clear()
  const title = `${dataset.name}, ${dataset.split} split${oracle ? ', masks of the truth' : ''}${components ? ', connected pieces' : ''}`
  if (chart) {
    const curves = classCurves(evaluation.scorer, 0.5)
    await writeChart(chart, precisionRecallSvg(curves, `${title}, IoU above 0.5`))
  }
  const { scorer: _, errors, seconds: __, ...told } = evaluation
  console.log(
    args.has('json')
      ? JSON.stringify(
          {
            ...{ semantic: semantic.file, localization: localization.file },
            ...{ data: dataset.name, split, oracle, components, test },
            ...{ threshold: finder.pipeline.settings.threshold, ...told },
            errors: { ...errors.total, perClass: named(evaluation) },
          },
          null,
          2,
        )
      : textOf(evaluation, title),
  )
  return 0
}

const named = ({ errors }: InstanceEvaluation) =>
  errors.classes.map(({ name }, k) => ({ name, ...errors.perClass[k] })).slice(1)

function textOf(evaluation: InstanceEvaluation, title: string): string {
  const { scores, figures, errors, cityscapes, images, seconds } = evaluation
  const at = (t: number) => scores.thresholds.indexOf(t)
  const cell = (v: number | null | undefined) => (v === null || v === undefined ? '–' : percent(v))
  const rows = scores.perClass.flatMap(({ name, instances, hypotheses, ap }) =>
    instances || hypotheses
      ? [[name.padEnd(14), cell(ap[at(0.5)]), cell(ap[at(0.7)]), `${instances}`, `${hypotheses}`]]
      : [],
  )
  const table = [['class'.padEnd(14), 'at 0.5', 'at 0.7', 'instances', 'found'], ...rows]
  const kinds: readonly (readonly [keyof Breakdown, string])[] = [
    ['found', 'found at 0.5'],
    ['missed', 'missed'],
    ['merged', 'merged with others'],
    ['split', 'split into several'],
    ['wrongClass', 'found as another class'],
    ['false', 'hypotheses of nothing'],
  ]
  const { total } = errors
  return [
    title,
    '',
    `mAP^r ${percent(figures.ap50)} at 0.5, ${percent(figures.ap70)} at 0.7, ${percent(figures.volume)} over 0.1 … 0.9`,
    ...(cityscapes
      ? [`as Cityscapes counts: AP ${percent(cityscapes.ap)}, ${percent(cityscapes.ap50)} at 0.5`]
      : []),
    '',
    ...table.map(([name, ...cells]) => [name, ...cells.map((c) => c.padStart(10))].join('')),
    '',
    'instances, and what became of them:',
    ...aligned(kinds.map(([key, what]) => [what, `${total[key]}`])),
    `${images} images in ${seconds.toFixed(1)} s`,
  ].join('\n')
}

export const evalInstancesCommand: Command = {
  name: 'eval-instances',
  summary: 'score instances on a split: mAP^r, Cityscapes AP, the oracle, what went wrong',
  usage: '--semantic RUN --localization RUN [options]',
  options: {
    ...netOptions,
    data: { value: 'FOLDER', help: 'other data than the category net was trained on' },
    split: {
      value: 'NAME',
      help: `${SPLITS.join(', ')}; default test, or val where test has no labels`,
    },
    size: { value: 'HxW', help: 'score at this size; default that of the labels' },
    matching: {
      value: 'RULE',
      help: `which instance a hypothesis may match: ${MATCHINGS.join(', ')}; default sds`,
    },
    oracle: {
      value: 'RULE',
      help: "the masks of the truth in place of the category net's scores: masks, or ordered: its scores order an object's pixels",
    },
    search: {
      help: "find the best --threshold, on val unless --split says otherwise, and keep it in the localization net's run",
    },
    components: {
      help: "the connected pieces of the category net's masks instead, to see what boxes are worth",
    },
    out: { value: 'FILE', help: 'draw precision against recall of each class, .svg or .png' },
    json: jsonOption,
    help: helpOption,
  },
  examples: [
    ['atrous eval-instances --semantic runs/a --localization runs/b', 'the test split'],
    [
      'atrous eval-instances --semantic runs/a --localization runs/b --search',
      'the threshold that is used from then on',
    ],
    [
      'atrous eval-instances --semantic runs/a --localization runs/b --oracle ordered',
      'what is left to the localization net',
    ],
  ],
  run,
}

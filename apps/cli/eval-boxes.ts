// `eval` of a localization net: how its boxes fit those of a split's instances. What instances come of them is `eval-instances`'.

import type { Network } from '../../models/network.ts'
import { type Checkpoint, loadModel } from '../../train/checkpoint/checkpoint.ts'
import { SPLITS } from '../../train/dataset.ts'
import { BoxJudge } from '../../train/instances/boxes-eval.ts'
import { openAhead, specOf } from '../../train/loader/open.ts'
import type { Recipe } from '../../train/recipes/recipe.ts'
import { openSplit } from '../../train/sources.ts'
import { type Args, quoted, typed } from './command.ts'
import { onlyOptions, sameClasses, sourceOf } from './eval-data.ts'
import { openSaying } from './open.ts'
import { TerminalProgress } from './progress.ts'
import { fitLines } from './score-boxes.ts'
import { scoredTitle } from './score-text.ts'

/** Options that say something of boxes. */
const HERE = ['data', 'split', 'size', 'batch', 'json', 'help']

/** Scores the boxes at the size of training, unless told. Throws OptionError for options that are of class masks. */
export async function evaluateBoxes(
  args: Args,
  { path, checkpoint, model }: { path: string; checkpoint: Checkpoint; model: Network },
): Promise<number> {
  const instances = `eval-instances --semantic RUN --localization ${quoted(path)}`
  onlyOptions(args, HERE, {
    why: `${model.config.name} predicts boxes`,
    hint: `leave it out; the instances of a category net and these boxes are scored by: ${typed(instances)}`,
  })
  const split = args.choice('split', SPLITS) ?? 'test'
  const recipe = checkpoint.info.recipe as Partial<Recipe> | undefined
  const { height, width } = recipe?.data ?? {}
  const trained = height && width ? ([height, width] as const) : undefined
  const source = await sourceOf(checkpoint, args.text('data'), args.size('size') ?? trained)
  const dataset = await openSplit(source, split, { objects: true })
  await dataset.check?.()
  sameClasses(checkpoint, dataset)
  const progress = new TerminalProgress()
  using device = await openSaying((line) => progress.say(line))
  loadModel(device, model, checkpoint)
  using judge = new BoxJudge(device, model, recipe?.loss ?? { name: 'boxes' })
  await using ahead = openAhead(dataset, { spec: specOf(source, split, true) })
  const fit = await judge.evaluate(ahead, {
    batch: args.whole('batch'),
    onProgress: (done, of) => progress.passing(`scoring ${done} of ${of} ${split} images`),
  })
  progress.clear()
  const { step } = checkpoint.info.progress
  const { seconds: _, ...figures } = fit
  const about = { checkpoint: checkpoint.file, step, data: dataset.name, split: dataset.split }
  console.log(
    args.has('json')
      ? JSON.stringify({ ...about, ...figures }, null, 2)
      : [
          scoredTitle(dataset, step),
          ...fitLines(fit),
          '',
          `instances, with a category net: ${typed(instances)}`,
        ].join('\n'),
  )
  return 0
}

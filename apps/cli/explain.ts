// `explain`: what a network becomes on its way to the device, without a device.

import { OptionError } from '../../engine/errors.ts'
import { explain, stageNames } from '../../engine/explain.ts'
import { showBytes } from '../../engine/print.ts'
import { buildModel } from '../../models/index.ts'
import { countParameters } from '../../nn/state.ts'
import { type Args, type Command, helpOption, jsonOption } from './command.ts'
import {
  chosenModel,
  classesOption,
  modelOptions,
  modelUsage,
  precisionOf,
  precisionOption,
} from './model.ts'
import { forwardPass, roomy, trainingStep } from './step.ts'

async function run(args: Args): Promise<number> {
  const [text] = args.expect('MODEL')
  const { name, options, input } = chosenModel(args, text)
  const stage = args.choice('stage', stageNames)
  const model = buildModel({ name, options })
  const [n, h, w] = inputSize(args, input)
  const train = args.has('train')
  const { precision = 'full' } = precisionOf(args)
  const { fn, types } = train
    ? trainingStep(model, [n, h, w], 'adam', 1, precision)
    : forwardPass(model, [n, h, w])
  const made = explain(fn, types, { ...roomy, f16: precision === 'mixed' }, { precision })
  const about = {
    model: name,
    options,
    input: [n, h, w, 3],
    program: train ? 'training step' : 'forward pass',
    precision,
    parameters: countParameters(model),
    ...made.summary,
    largestValueBytes: made.stages.plan.largestBytes,
  }
  if (args.has('json')) console.log(JSON.stringify(about, null, 2))
  else if (stage) console.log(made.text(stage))
  else {
    const given = Object.entries(options)
      .map(([k, v]) => `${k} ${v}`)
      .join(', ')
    const [summary] = made.text('plan').split('\n\n').slice(-1)
    console.log(
      [
        `${[name, given && `(${given})`].filter(Boolean).join(' ')}, ${about.program} of [${about.input}]`,
        `${about.parameters.toLocaleString('en')} parameters`,
        summary,
        `largest value ${showBytes(about.largestValueBytes)}; in parts where a device binds less at once`,
        '',
        `--stage ${stageNames.join('|')} prints a stage in full`,
      ].join('\n'),
    )
  }
  return 0
}

function inputSize(
  args: Args,
  usual: readonly [h: number, w: number],
): readonly [n: number, h: number, w: number] {
  const text = args.text('input')
  if (text === undefined) return [1, ...usual]
  const parts = text.split(/[x×]/).map(Number)
  if (parts.length === 3 && parts.every((v) => Number.isInteger(v) && v > 0))
    return parts as [number, number, number]
  throw new OptionError(
    `--input cannot be '${text}'`,
    'give images, height and width, such as 1x256x512',
  )
}

export const explainCommand: Command = {
  name: 'explain',
  summary: 'print what a network becomes, stage by stage, and what it will cost; needs no GPU',
  usage: modelUsage,
  options: {
    input: { value: 'NxHxW', help: "images, height, width; default one of the paper's size" },
    stage: { value: 'NAME', help: `print in full: ${stageNames.join(', ')}` },
    train: { help: 'a whole training step instead of the forward pass' },
    precision: precisionOption,
    classes: classesOption,
    ...modelOptions,
    json: jsonOption,
    help: helpOption,
  },
  examples: [
    ['atrous explain frrn-a', 'work, memory and kernels'],
    ['atrous explain fcrn-50 --train --input 4x321x321', 'of a training step on four images'],
    ['atrous explain frrn-a --stage fused', 'the graph after fusion'],
    ['atrous explain frrn-a --train --stage plan', 'the timeline of live bytes of a training step'],
  ],
  run,
}

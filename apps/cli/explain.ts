// `explain`: what a network becomes on its way to the device, without a device.

import type { TensorType } from '../../engine/dtype.ts'
import { OptionError } from '../../engine/errors.ts'
import { defaultCaps, explain, stageNames } from '../../engine/explain.ts'
import { showBytes } from '../../engine/print.ts'
import type { Tensor } from '../../engine/tensor.ts'
import { buildModel, type Network } from '../../models/index.ts'
import { bootstrappedCrossEntropy } from '../../nn/bootstrap.ts'
import { labelsOnGrid } from '../../nn/grid.ts'
import { localizationLoss } from '../../nn/localization-loss.ts'
import { localizationTargets } from '../../nn/localization-targets.ts'
import { crossEntropy } from '../../nn/losses.ts'
import { countParameters } from '../../nn/state.ts'
import { Adam } from '../../train/optimizers.ts'
import { type Args, type Command, helpOption, jsonOption } from './command.ts'
import { chosenModel, classesOption, modelOptions, modelUsage } from './model.ts'

/** Default limits, but no end to memory: what a network needs is the question here. */
const roomy = { ...defaultCaps, maxBindingBytes: 2 ** 45, maxBufferBytes: 2 ** 45 }

async function run(args: Args): Promise<number> {
  const [text] = args.expect('MODEL')
  const { name, options, input } = chosenModel(args, text)
  const stage = args.choice('stage', stageNames)
  const model = buildModel({ name, options })
  const [n, h, w] = inputSize(args, input)
  const train = args.has('train')
  const { fn, types } = train ? trainingStep(model, n, h, w) : forwardPass(model, n, h, w)
  const made = explain(fn, types, roomy)
  const about = {
    model: name,
    options,
    input: [n, h, w, 3],
    program: train ? 'training step' : 'forward pass',
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

interface Explained {
  readonly fn: (...inputs: Tensor[]) => unknown
  readonly types: TensorType[]
}

const image = (n: number, h: number, w: number): TensorType => ({
  dtype: 'f32',
  shape: [n, h, w, 3],
})

const forwardPass = (model: Network, n: number, h: number, w: number): Explained => ({
  fn: (x) => model.apply(x, { train: false }),
  types: [image(n, h, w)],
})

/** Forward, loss, backward and Adam: what `train` runs, where it trains such a network. */
function trainingStep(model: Network, n: number, h: number, w: number): Explained {
  const optimizer = new Adam(model.parameters())
  const { truth, lossOf } = lossOn(model, n, h, w)
  return {
    fn: (x, lr, seed, step, ...given) => {
      const y = model.apply(x, { train: true, random: { seed, step } })
      return optimizer.minimize(lossOf(y, given), lr)
    },
    types: [
      image(n, h, w),
      { dtype: 'f32', shape: [] },
      { dtype: 'u32', shape: [] },
      { dtype: 'u32', shape: [] },
      ...truth,
    ],
  }
}

interface LossOn {
  /** What is known of the images. */
  readonly truth: readonly TensorType[]
  lossOf(y: Tensor, truth: readonly Tensor[]): Tensor
}

/** Of pixels a quarter is kept, the hardest; boxes and whole images have losses of their own. */
function lossOn(
  { predicts, scoreStride, classes }: Network,
  n: number,
  h: number,
  w: number,
): LossOn {
  const labels: TensorType = { dtype: 'u8', shape: [n, h, w] }
  if (predicts === 'boxes')
    return {
      truth: [labels, { dtype: 'i32', shape: [n, h, w] }],
      lossOf: (y, [labels, instances]) =>
        localizationLoss(y, localizationTargets(labels, instances, scoreStride, { classes })).loss,
    }
  if (!scoreStride)
    return {
      truth: [{ dtype: 'i32', shape: [n] }],
      lossOf: (y, [labels]) => crossEntropy(y, labels).loss,
    }
  const keep = Math.ceil((Math.ceil(h / scoreStride) * Math.ceil(w / scoreStride)) / 4)
  return {
    truth: [labels],
    lossOf: (y, [labels]) =>
      bootstrappedCrossEntropy(y, labelsOnGrid(labels, scoreStride), { keep }).loss,
  }
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

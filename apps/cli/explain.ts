// `explain`: what a network becomes on its way to the device, without a device.

import type { TensorType } from '../../engine/dtype.ts'
import { OptionError } from '../../engine/errors.ts'
import { defaultCaps, explain, stageNames } from '../../engine/explain.ts'
import { showBytes } from '../../engine/print.ts'
import type { Tensor } from '../../engine/tensor.ts'
import { buildModel, models, type Network } from '../../models/index.ts'
import { bootstrappedCrossEntropy } from '../../nn/bootstrap.ts'
import { suggest } from '../../nn/near.ts'
import { countParameters } from '../../nn/state.ts'
import { Adam } from '../../train/optimizers.ts'
import { type Args, type Command, helpOption, jsonOption } from './command.ts'

/** Default limits, but no end to memory: what a network needs is the question here. */
const roomy = { ...defaultCaps, maxBindingBytes: 2 ** 45, maxBufferBytes: 2 ** 45 }

async function run(args: Args): Promise<number> {
  const [name] = args.expect('MODEL')
  if (!Object.hasOwn(models, name))
    throw new OptionError(`there is no model '${name}'`, suggest(name, Object.keys(models)))
  const stage = args.choice('stage', stageNames)
  const options: Record<string, unknown> = { classes: args.whole('classes') ?? 19 }
  for (const key of ['base', 'lanes']) if (args.has(key)) options[key] = args.whole(key)
  const model = buildModel({ name, options })
  const [n, h, w] = inputSize(args, model)
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
    const [summary] = made.text('plan').split('\n\n').slice(-1)
    console.log(
      [
        `${name} (${Object.entries(options)
          .map(([k, v]) => `${k} ${v}`)
          .join(', ')}), ${about.program} of [${about.input}]`,
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

/** Forward, bootstrapped loss, backward and Adam: what `train` runs. */
function trainingStep(model: Network, n: number, h: number, w: number): Explained {
  const optimizer = new Adam(model.parameters())
  const keep = Math.ceil((h * w) / 4)
  return {
    fn: (x, labels, lr, seed, step) => {
      const logits = model.apply(x, { train: true, random: { seed, step } })
      return optimizer.minimize(bootstrappedCrossEntropy(logits, labels, { keep }).loss, lr)
    },
    types: [
      image(n, h, w),
      { dtype: 'u8', shape: [n, h, w] },
      { dtype: 'f32', shape: [] },
      { dtype: 'u32', shape: [] },
      { dtype: 'u32', shape: [] },
    ],
  }
}

function inputSize(args: Args, model: Network): [n: number, h: number, w: number] {
  const text = args.text('input')
  if (text === undefined) return [1, 8 * model.sizeMultiple, 16 * model.sizeMultiple]
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
  usage: 'MODEL [options]',
  options: {
    input: { value: 'NxHxW', help: 'images, height, width' },
    stage: { value: 'NAME', help: `print in full: ${stageNames.join(', ')}` },
    train: { help: 'a whole training step instead of the forward pass' },
    classes: { value: 'N', help: 'classes to tell apart; default 19' },
    base: { value: 'N', help: 'channels at full resolution' },
    lanes: { value: 'N', help: 'channels of the residual stream' },
    json: jsonOption,
    help: helpOption,
  },
  examples: [
    ['atrous explain frrn-a --input 1x256x512', 'work, memory and kernels'],
    ['atrous explain frrn-a --stage fused', 'the graph after fusion'],
    ['atrous explain frrn-a --train --stage plan', 'the timeline of live bytes of a training step'],
  ],
  run,
}

// `summary`: a network layer by layer, and what it costs in all; needs no GPU.

import type { Shape } from '../../engine/dtype.ts'
import { checkFieldOfView } from '../../models/field-of-view.ts'
import { buildModel, models, type Network } from '../../models/index.ts'
import { type Layer, layersOf } from '../../models/layers.ts'
import { type Measurement, measure, traceStep } from '../../models/measure.ts'
import { type Args, type Command, helpOption, jsonOption, typed } from './command.ts'
import { chosenModel, classesOption, modelOptions, modelUsage } from './model.ts'
import { exact, short, table } from './table.ts'

async function run(args: Args): Promise<number> {
  const [text] = args.expect('MODEL')
  const { name, options, input } = chosenModel(args, text)
  const [h, w] = args.size('input') ?? input
  const n = args.whole('batch') ?? 1
  const depth = args.whole('depth') ?? Number.POSITIVE_INFINITY
  const network = buildModel({ name, options })
  const step = traceStep(network, [n, h, w])
  const measured = measure(network, [n, h, w], step)
  const layers = layersOf(network, step).filter(({ path }) => path.split('.').length <= depth)
  const warning = checkFieldOfView(network, [h, w])
  const about = { network, input: [n, h, w, 3], measured, layers, warning }
  console.log(args.has('json') ? JSON.stringify(figures(about), null, 2) : lines(about).join('\n'))
  return 0
}

interface Summary {
  readonly network: Network
  readonly input: Shape
  readonly measured: Measurement
  readonly layers: readonly Layer[]
  readonly warning: string | undefined
}

function figures({ network, input, measured, layers, warning }: Summary) {
  const { parameters, fieldOfView, receptiveField, outputStride, ...rest } = measured
  const { trainable, ...kinds } = parameters
  return {
    model: network.config.name,
    options: network.config.options,
    input,
    parameters: trainable,
    ...kinds,
    ...rest,
    outputStride: outputStride ?? null,
    fieldOfView: fieldOfView?.pixels ?? null,
    receptiveField: receptiveField ?? null,
    warning: warning ?? null,
    layers,
  }
}

const sizes = (shapes: readonly Shape[]): string =>
  (shapes.length > 2 ? shapes.slice(-1) : shapes).map((shape) => shape.slice(1).join('×')).join(' ')

function lines({ network, input, measured, layers, warning }: Summary): string[] {
  const { parameters, macs, output, activationBytes } = measured
  const { trainable, weights, biases, batchNorm, buffers } = parameters
  const heading = ['module', '', 'output', 'parameters', 'MACs', '%', 'kept']
  const some = (n: number, unit = '') => (n ? short(n, unit) : '')
  const rows = layers.map((layer) => [
    `${'  '.repeat(layer.path.split('.').length - 1)}${layer.path.split('.').pop()}`,
    layer.kind,
    sizes(layer.outputs),
    layer.parameters ? exact(layer.parameters) : '',
    some(layer.macs),
    layer.macs ? ((100 * layer.macs) / macs).toFixed(1) : '',
    some(layer.activationBytes, 'B'),
  ])
  const totals = ['all', network.constructor.name, sizes([output]), exact(trainable), short(macs)]
  return [
    `${network.config.name} on [${input}]: ${models[network.config.name].summary}`,
    '',
    ...table(
      [heading, ...rows, [...totals, '100', short(activationBytes, 'B')]],
      new Set([3, 4, 5, 6]),
    ),
    '',
    `${exact(trainable)} parameters: ${exact(weights)} weights, ${exact(biases)} biases, ` +
      `${exact(batchNorm)} of batch norm; ${exact(buffers)} values of other state`,
    `${exact(macs)} multiply-adds of ${input[0] === 1 ? 'one image' : `${input[0]} images`}; ${scores(measured)}`,
    ...fields(measured),
    ...(warning ? [`note: ${warning}`] : []),
    'kept: f32 activations that the backward pass of a training step reads, if none is made again;',
    `      ${typed(`plan ${network.config.name}`)} plans all of its memory`,
    '',
    ...wrapped(Object.entries(network.config.options).map(([k, v]) => `${k}=${JSON.stringify(v)}`)),
  ]
}

const scores = ({ output, outputStride }: Measurement): string => {
  if (!outputStride) return `scores [${output}] of whole images`
  return `scores [${output}], ${outputStride === 1 ? 'for each pixel' : `one for ${outputStride}×${outputStride} pixels`}`
}

function fields({ fieldOfView, receptiveField }: Measurement): string[] {
  const { kernel, dilation, layers = 1, stride, pixels } = fieldOfView ?? {}
  const head = `${layers === 1 ? '' : `${layers} times `}${kernel}×${kernel}, dilation ${dilation}, on a grid of 1/${stride}`
  return [
    ...(fieldOfView ? [`field of view of the classifier: ${pixels} pixels (${head})`] : []),
    ...(receptiveField
      ? [`receptive field of a score: ${receptiveField.join('×')} pixels at most`]
      : []),
  ]
}

/** Items one after another, in lines of at most 100 characters. */
function wrapped(items: readonly string[]): string[] {
  const done: string[] = []
  let line = 'options:'
  for (const item of items) {
    if (line.length + item.length >= 100) {
      done.push(line)
      line = '  '
    }
    line += ` ${item}`
  }
  return [...done, line]
}

export const summaryCommand: Command = {
  name: 'summary',
  summary: 'go through a network layer by layer: shapes, parameters, work, memory; needs no GPU',
  usage: modelUsage,
  options: {
    input: { value: 'HxW', help: "size of the images; default the paper's" },
    batch: { value: 'N', help: 'images at a time; default 1' },
    depth: { value: 'N', help: 'levels of modules that are shown; default all' },
    classes: classesOption,
    ...modelOptions,
    json: jsonOption,
    help: helpOption,
  },
  examples: [
    ['atrous summary fcrn-101 --depth 3', 'as far as the residual blocks'],
    ['atrous summary frrn-a --input 96x128 --base 8 --lanes 8', 'a narrow one on small images'],
    ['atrous summary gcn-152 --option kernel=7 --json', 'with other kernels, as JSON'],
  ],
  run,
}

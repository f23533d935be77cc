// `models`: the networks of the papers, and what each costs; needs no GPU.

import { configurations, paperOf, usualForm } from '../../models/catalog.ts'
import { buildModel, models } from '../../models/index.ts'
import { type Measurement, measure } from '../../models/measure.ts'
import { type Args, type Command, helpOption, typed } from './command.ts'
import { short, table } from './table.ts'

interface Row extends Measurement {
  readonly id: string
  readonly name: string
  readonly alias: string | undefined
  readonly input: readonly number[]
}

async function run(args: Args): Promise<number> {
  args.expect()
  const all = args.has('all') || args.has('json')
  const forms = all ? configurations : Object.keys(models).map(usualForm)
  const rows = forms.map(({ id, name, alias, options, input }): Row => {
    const measured = measure(buildModel({ name, options }), [1, ...input])
    return { id, name, alias, input: [1, ...input, 3], ...measured }
  })
  const json = () => `[\n${rows.map((row) => JSON.stringify(figures(row))).join(',\n')}\n]`
  console.log(args.has('json') ? json() : text(rows, all))
  return 0
}

/** As JSON: whatever has no value is null. */
function figures({ id, alias, name, parameters, fieldOfView, ...rest }: Row) {
  const { trainable, weights, biases, batchNorm, buffers } = parameters
  const { input, output, macs, outputStride, receptiveField, activationBytes } = rest
  return {
    id,
    alias: alias ?? null,
    name,
    parameters: trainable,
    macs,
    input,
    output,
    outputStride: outputStride ?? null,
    fieldOfView: fieldOfView?.pixels ?? null,
    receptiveField: receptiveField ?? null,
    activationBytes,
    weights,
    biases,
    batchNorm,
    buffers,
  }
}

function text(rows: readonly Row[], all: boolean): string {
  const heading = [
    '',
    all ? 'alias' : '',
    'parameters',
    'input',
    'MACs',
    'stride',
    'field of view',
    'activations',
  ]
  const cells = rows.map((row) => [
    `  ${all ? row.id : row.name}`,
    (all && row.alias) || '',
    short(row.parameters.trainable),
    row.input.slice(1, 3).join('×'),
    short(row.macs),
    row.outputStride ? `1/${row.outputStride}` : 'image',
    row.fieldOfView ? String(row.fieldOfView.pixels) : '–',
    short(row.activationBytes, 'B'),
  ])
  const [head, ...lines] = table([heading, ...cells], new Set([2, 3, 4, 5, 6, 7]))
  const papers = rows.map(({ name }) => paperOf(name))
  return [
    head,
    ...lines.flatMap((line, i) => (papers[i] === papers[i - 1] ? [line] : [papers[i], line])),
    '',
    'MACs: multiply-adds of one image. Stride: one score for so many pixels, or for the image. Field of',
    'view: side, in pixels, of what a dilated classifier sees. Activations: f32 values of one image that',
    'the backward pass of a training step reads; a part of them is made again rather than kept.',
    `${typed('plan MODEL')} plans all of a step's memory.`,
    all
      ? `${typed('summary MODEL')} goes through one layer by layer.`
      : `${typed('summary MODEL')} goes through one layer by layer; --all lists all forms in the papers.`,
  ].join('\n')
}

export const modelsCommand: Command = {
  name: 'models',
  summary: 'list the networks with their parameters, work and memory; needs no GPU',
  usage: '[options]',
  options: {
    all: { help: 'every configuration of the papers, by id' },
    json: { help: 'every configuration as JSON on standard output' },
    help: helpOption,
  },
  examples: [
    ['atrous models', 'every network in its default form'],
    ['atrous models --all', 'with all forms that the papers compare'],
  ],
  run,
}

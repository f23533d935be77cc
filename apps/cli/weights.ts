// `weights`: what a weight file holds, whether a network has a place for all of it, and the same as safetensors. No device.

import { basename, dirname } from 'node:path'
import { OptionError } from '../../engine/errors.ts'
import { showBytes } from '../../engine/print.ts'
import { buildModel } from '../../models/index.ts'
import { keyMaps, recognized } from '../../models/keys/index.ts'
import { readWeights, writeWeights } from '../../train/weights/files.ts'
import { matchWeights } from '../../train/weights/load.ts'
import { shown } from '../../train/weights/reader.ts'
import { fits } from '../../train/weights/report.ts'
import type { Weights, WeightTensor } from '../../train/weights/tensor.ts'
import { type Args, type Command, helpOption, jsonOption } from './command.ts'
import { chosenModel, modelOptions } from './model.ts'
import { exact, table } from './table.ts'

/** Tensors that are listed without `--all`. */
const FEW = 12

/** Options that say nothing without a network to compare with. */
const ofNetwork = ['part', 'keys', 'classes', ...Object.keys(modelOptions)]

async function run(args: Args): Promise<number> {
  const [path] = args.expect('FILE')
  const other = args.given.find((option) => ofNetwork.includes(option))
  if (other !== undefined && !args.has('model'))
    throw new OptionError(`--${other} is of a network`, 'name it with --model')
  const weights = await readWeights(path)
  const match = matched(args, weights)
  const out = await converted(args, weights)
  const about = {
    ...{ file: weights.file, format: weights.format, keys: recognized(weights.tensors)?.map.name },
    ...{ tensors: weights.tensors.size, values: valuesIn(weights), out, match },
  }
  if (args.has('json')) {
    const list = [...weights.tensors].map(([name, { dtype, shape }]) => ({ name, dtype, shape }))
    console.log(JSON.stringify({ ...about, list }, null, 2))
  } else console.log(lines(args, weights, about).join('\n'))
  return match && !fits(match) ? 1 : 0
}

type Match = ReturnType<typeof matchWeights>['report']

function matched(args: Args, weights: Weights): Match | undefined {
  const name = args.text('model')
  if (name === undefined) return undefined
  const keys = args.choice('keys', Object.keys(keyMaps))
  const part = args.text('part')
  return matchWeights(buildModel(chosenModel(args, name)), weights, {
    ...(keys !== undefined && { keys }),
    ...(part !== undefined && { part }),
  }).report
}

async function converted(args: Args, weights: Weights): Promise<string[] | undefined> {
  const out = args.text('out')
  const dtype = args.choice('dtype', ['f32', 'f16', 'bf16'])
  if (out === undefined) {
    if (dtype) throw new OptionError('--dtype is of the file that is written', 'name it with --out')
    return undefined
  }
  if (!out.endsWith('.safetensors'))
    throw new OptionError(`--out cannot be '${out}'`, 'its name must end in .safetensors')
  return writeWeights(dirname(out), weights.tensors, {
    name: basename(out, '.safetensors'),
    metadata: descriptionOf(weights),
    ...(dtype && { dtype }),
  })
}

/** In whose layout the tensors are, for whoever reads the new file: they are written as they are. */
function descriptionOf({ format, metadata }: Weights): Readonly<Record<string, string>> {
  if (format === 'torch') return { format: 'pt' }
  if (format !== 'safetensors') return {}
  return Object.fromEntries([...metadata].map(([key, value]) => [key, String(value)]))
}

const sizeOf = ({ shape }: WeightTensor): number => shape.reduce((n, d) => n * d, 1)

const valuesIn = ({ tensors }: Weights): number =>
  [...tensors.values()].reduce((n, t) => n + sizeOf(t), 0)

function lines(
  args: Args,
  { tensors }: Weights,
  { file, format, keys, values, out, match }: Record<string, unknown>,
): string[] {
  const all = [...tensors]
  const listed = args.has('all') ? all : all.slice(0, FEW)
  const rows = listed.map(([name, t]) => [shown(name), t.dtype, `[${t.shape}]`])
  const rest = all.length - listed.length
  const whose =
    keys === undefined ? 'nobody’s that are known here' : keyMaps[keys as string].summary
  return [
    `${file}: ${format}, ${exact(all.length)} tensors, ${exact(values as number)} values (${showBytes(4 * (values as number))} as f32)`,
    `names: ${whose}`,
    '',
    ...table([['tensor', 'type', 'shape'], ...rows], new Set()),
    ...(rest > 0 ? [`… and ${exact(rest)} more: --all`] : []),
    ...(match ? ['', `${args.text('model')}: ${(match as Match).text}`] : []),
    ...((out as string[] | undefined) ?? []).map((path) => `written: ${path}`),
  ]
}

export const weightsCommand: Command = {
  name: 'weights',
  summary: 'what a weight file holds, and whether a network takes it; needs no GPU',
  usage: 'FILE [options]',
  options: {
    model: { value: 'MODEL', help: 'compare with this network; exit code 1 where they do not fit' },
    ...modelOptions,
    classes: { value: 'N', help: "classes to tell apart; default the network's own" },
    part: { value: 'PATH', help: 'of the network, compare this part only, such as backbone' },
    keys: {
      value: 'NAME',
      help: `whose names the file has; default found out: ${Object.keys(keyMaps).join(', ')}`,
    },
    all: { help: 'list every tensor' },
    out: { value: 'FILE', help: 'write the tensors, under their names, as FILE.safetensors' },
    dtype: { value: 'TYPE', help: 'of that file: f32, f16 or bf16' },
    json: jsonOption,
    help: helpOption,
  },
  examples: [
    ['atrous weights resnet50.pth', 'list what is in it'],
    ['atrous weights resnet50.pth --model fcrn-50', 'see what goes where'],
    ['atrous weights net.params --out net.safetensors', 'convert it'],
  ],
  run,
}

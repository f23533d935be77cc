// `tune`: measures which configuration of each kernel is the fastest on this machine for what a network computes.

import { platform } from '../../engine/adapters/platform.ts'
import {
  type Device,
  DeviceTensor,
  type HostTensor,
  hostArray,
  sizeOf,
  type TensorType,
} from '../../engine/node.ts'
import type { Precision } from '../../engine/stages.ts'
import type { TunedClass, TuningReport } from '../../engine/tuning/run.ts'
import { buildModel, type ImageSize } from '../../models/index.ts'
import { writeAtomic } from '../../train/files.ts'
import { type Args, aligned, type Command, helpOption, jsonOption } from './command.ts'
import {
  chosenModel,
  classesOption,
  modelOptions,
  modelUsage,
  precisionOf,
  precisionOption,
} from './model.ts'
import { openSaying } from './open.ts'
import { TerminalProgress } from './progress.ts'
import { forwardPass, type StepProgram, trainingStep } from './step.ts'
import { outFile } from './subject.ts'
import { table } from './table.ts'

async function run(args: Args): Promise<number> {
  const [text] = args.expect('MODEL')
  const { name, options, input } = chosenModel(args, text)
  const seconds = args.positive('seconds') ?? 120
  const size: ImageSize = [args.whole('batch') ?? 1, ...(args.size('input') ?? input)]
  const train = args.has('train')
  const model = buildModel({ name, options })
  const { precision = 'full' } = precisionOf(args)
  const program = train
    ? trainingStep(model, size, name.startsWith('frrn') ? 'adam' : 'sgd', 1, precision)
    : forwardPass(model, size)
  // Refused before anything is measured rather than after.
  const out = await outFile(args, ['.json'])

  const progress = new TerminalProgress()
  using device = await openSaying((line) => progress.say(line))
  progress.say(`tuning: ${device.tuningFrom}, ${device.tuning.hash}`)
  const before = device.tuning
  const found = await device.tune(program.fn, program.types, {
    seconds,
    again: args.has('again'),
    keep: out === undefined,
    stages: { precision },
    onProgress: (done, of, what) => progress.passing(`class ${done + 1} of ${of}: ${what}`),
  })
  progress.passing('the whole step, before and after')
  const step =
    before.hash === found.tuning.hash ? undefined : await gainOf(device, program, before, precision)
  progress.clear()
  if (out !== undefined) await writeAtomic(out, found.tuning.text)
  const about = {
    model: name,
    options,
    input: [...size, 3],
    train,
    precision,
    adapter: device.line,
  }
  console.log(
    args.has('json')
      ? JSON.stringify({ ...about, hash: found.tuning.hash, ...found, step }, null, 1)
      : lines(found, step, out).join('\n'),
  )
  return 0
}

// ---- the whole step

interface Gain {
  /** Milliseconds of a step, medians; on software adapters of processors, else of the clock. */
  readonly before: number
  readonly after: number
  readonly of: 'processors' | 'clock'
  /** After to before, the median of pairs. */
  readonly ratio: number
  readonly pairs: number
}

/** Pairs of runs at most, and seconds after which no more begin. */
const PAIRS = { most: 21, seconds: 20 }

/** A step with the table as it was and as it is, by turns. */
async function gainOf(
  device: Device,
  { fn, types }: StepProgram,
  was: Device['tuning'],
  precision: Precision,
): Promise<Gain> {
  const { tuning: is, tuningFrom } = device
  const args = types.map(dataOf)
  const made: (() => Promise<void>)[] = []
  const programs = []
  for (const tuning of [was, is]) {
    device.useTuning(tuning, tuningFrom)
    const program = device.compile(fn, { precision })
    programs.push(program)
    made.push(async () => release(await program.run(...args)))
    await made[made.length - 1]()
  }
  const processors = device.caps.software ? platform().processors() : undefined
  const now = () => (processors ? 1000 * processors.seconds() : performance.now())
  const timed = async (work: () => Promise<void>) => {
    await device.idle()
    const begun = now()
    await work()
    await device.idle()
    return now() - begun
  }
  const pairs: (readonly [number, number])[] = []
  const begun = performance.now()
  while (pairs.length < PAIRS.most) {
    if (pairs.length && performance.now() - begun > 1000 * PAIRS.seconds) break
    const first = pairs.length % 2
    const one = await timed(made[first])
    const other = await timed(made[1 - first])
    pairs.push(first ? [other, one] : [one, other])
  }
  for (const program of programs) program.dispose()
  return {
    before: median(pairs.map(([b]) => b)),
    after: median(pairs.map(([, a]) => a)),
    of: processors ? 'processors' : 'clock',
    ratio: median(pairs.map(([b, a]) => a / b)),
    pairs: pairs.length,
  }
}

/** Numbers that keep every layer alive; labels and learning rate are 0, so that no weight moves. */
function dataOf({ dtype, shape }: TensorType): HostTensor {
  const data = hostArray(dtype, sizeOf(shape))
  if (dtype === 'f32' && shape.length) for (let i = 0; i < data.length; i++) data[i] = Math.sin(i)
  return { dtype, shape, data }
}

function release(result: unknown): void {
  if (result instanceof DeviceTensor) result.dispose()
  else if (typeof result === 'object' && result) Object.values(result).forEach(release)
}

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]

// ---- text

function lines(
  { measured, known, left, tuning }: TuningReport,
  step: Gain | undefined,
  out: string | undefined,
) {
  const rows = measured.map((t) => [
    t.problemClass,
    `${t.count}×`,
    t.defaultTile,
    ms(t.defaultMs),
    t.tile === t.defaultTile ? '' : t.tile,
    ms(t.ms),
    t.tile === t.defaultTile ? '' : t.ratio.toFixed(2),
  ])
  const heading = ['class of problems', '', 'default', 'ms', 'best', 'ms', 'ratio']
  const better = measured.filter((t: TunedClass) => t.tile !== t.defaultTile).length
  return [
    ...(rows.length ? [...table([heading, ...rows], new Set([1, 3, 5, 6])), ''] : []),
    ...aligned([
      ['measured', `${classes(measured.length)}, ${better} of them better than the default`],
      ...(known ? [['known before', `${classes(known)}; --again measures them too`]] : []),
      ...(left ? [['no time for', `${classes(left)}; --seconds gives more`]] : []),
      ['whole step', step ? gainText(step) : 'unchanged'],
      ['table', `${classes(tuning.size)}, ${tuning.hash}${out === undefined ? '' : `, in ${out}`}`],
    ]),
  ]
}

const classes = (n: number): string => `${n} ${n === 1 ? 'class' : 'classes'}`

const gainText = ({ before, after, of, ratio, pairs }: Gain): string =>
  `${ms(before)} ms before, ${ms(after)} ms after (${of}, ${pairs} by turns), ratio ${ratio.toFixed(2)}`

const ms = (n: number): string => n.toPrecision(3)

export const tuneCommand: Command = {
  name: 'tune',
  summary:
    "measure which configuration of each kernel is the fastest here, for a network's problems",
  usage: modelUsage,
  options: {
    input: { value: 'HxW', help: "size of the images; default the paper's" },
    batch: { value: 'N', help: 'images at a time; default 1' },
    train: { help: 'for a step of training, gradients included; default the forward pass' },
    seconds: { value: 'S', help: 'time that it may take; default 120' },
    precision: precisionOption,
    again: { help: 'measure what the table has already, too' },
    classes: classesOption,
    ...modelOptions,
    out: { value: 'FILE', help: "write the table here, and leave the user's cache as it is" },
    json: jsonOption,
    help: helpOption,
  },
  examples: [
    ['atrous tune frrn-a --train --input 96x128 --base 8 --lanes 8', 'for a narrow FRRN'],
    ['atrous tune resnet-50 --batch 8 --out h200.json', 'a table to share'],
    ['ATROUS_TUNING=h200.json atrous train', 'and to use'],
    ['ATROUS_TUNING=shipped atrous train', 'without what was measured here'],
  ],
  run,
}

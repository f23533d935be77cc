// `plan`: what memory a step of training takes, when and for what, and what less memory would cost in time; needs no GPU.

import type { AdapterKind } from '../../engine/adapters/adapter-kind.ts'
import { OptionError } from '../../engine/errors.ts'
import { type Account, account, type LiveValue, type Peak } from '../../engine/plan/account.ts'
import { type DeviceProfile, deviceProfiles } from '../../engine/recompute/device-profile.ts'
import { type Precision, stages } from '../../engine/stages.ts'
import { buildModel, type ImageSize } from '../../models/index.ts'
import { memorySvg, stackedSvg, tradeSvg } from '../../train/charts/memory.ts'
import { type Args, type Command, helpOption, jsonOption } from './command.ts'
import { livePicture } from './live-picture.ts'
import {
  batchOf,
  chosenModel,
  classesOption,
  modelOptions,
  modelUsage,
  precisionOf,
  precisionOption,
} from './model.ts'
import { forwardPass, roomy, trainingStep } from './step.ts'
import { sweep, type Trade } from './sweep.ts'
import { short, table } from './table.ts'

async function run(args: Args): Promise<number> {
  const [text] = args.expect('MODEL')
  const { name, options, input } = chosenModel(args, text)
  const optimizer = args.choice('optimizer', ['adam', 'sgd', 'none']) ?? usualOptimizer(name)
  const recompute = args.choice('recompute', ['auto', 'cheap', 'none']) ?? 'auto'
  const budget = args.text('budget')
  if (budget !== undefined && args.has('recompute'))
    throw new OptionError(
      '--budget and --recompute exclude each other',
      'a budget decides what is computed again',
    )
  for (const option of ['sweep', 'accumulate'])
    if (args.has(option) && optimizer === 'none')
      throw new OptionError(`--${option} needs a step of training`, 'leave --optimizer none out')
  const out = args.has('out') ? await (await import('./files.ts')).chartFile(args) : undefined

  const model = buildModel({ name, options })
  const { batch, accumulate } = batchOf(args, 1)
  const { precision = 'full' } = precisionOf(args)
  const size: ImageSize = [batch, ...(args.size('input') ?? input)]
  const { fn, types } =
    optimizer === 'none'
      ? forwardPass(model, size)
      : trainingStep(model, size, optimizer, accumulate, precision)
  const kind = args.choice('profile', kinds) ?? roomy.kind
  const caps = { ...roomy, kind, f16: precision === 'mixed' }
  const made = stages(fn, types, caps, {
    recompute,
    precision,
    ...(budget !== undefined && { memoryBudget: budget }),
  })
  const accounts = account(made)
  const profile = deviceProfiles[kind]
  const about: About = {
    model: name,
    options,
    input: [...size, 3],
    accumulate: accumulate ?? 1,
    optimizer,
    precision,
    recompute: budget === undefined ? recompute : { budget },
    profile,
    trades: args.has('sweep') ? sweep(made.fused, caps, profile) : undefined,
  }
  console.log(
    args.has('json')
      ? JSON.stringify(figures(about, accounts), null, 1)
      : lines(about, accounts).join('\n'),
  )
  if (out) await out(chartOf(about, accounts))
  return 0
}

interface About {
  readonly model: string
  readonly options: Readonly<Record<string, unknown>>
  readonly input: readonly number[]
  /** Parts of the batch, one after the other. */
  readonly accumulate: number
  readonly optimizer: 'adam' | 'sgd' | 'none'
  readonly precision: Precision
  readonly recompute: 'auto' | 'cheap' | 'none' | { readonly budget: string }
  readonly profile: DeviceProfile
  readonly trades: readonly Trade[] | undefined
}

const kinds = Object.keys(deviceProfiles) as AdapterKind[]

/** As in the papers: Adam trained FRRN, SGD with momentum the others. */
const usualOptimizer = (name: string) => (name.startsWith('frrn') ? 'adam' : 'sgd')

function figures({ trades, ...about }: About, { peak, timeline, ...bytes }: Account) {
  const { values = [], ...at } = peak ?? {}
  return {
    ...about,
    ...bytes,
    peak: peak ? { ...at, modules: byModule(values), largest: values.slice(0, 12) } : null,
    ...(trades && { sweep: trades }),
    timeline,
  }
}

const titleOf = ({ model, options, input, accumulate, optimizer, precision }: About): string => {
  const given = Object.entries(options).map(([k, v]) => `${k} ${v}`)
  const program =
    optimizer === 'none'
      ? 'forward pass'
      : `training step with ${optimizer === 'adam' ? 'Adam' : 'SGD and momentum'}`
  return `${[model, given.length && `(${given.join(', ')})`].filter(Boolean).join(' ')}, ${program}, [${input}]${accumulate > 1 ? ` in ${accumulate} parts` : ''}${precision === 'full' ? '' : `, ${precision} precision`}`
}

function lines(about: About, accounts: Account): string[] {
  const { peak, timeline, macs, extraMacs } = accounts
  const { recompute, trades } = about
  const again =
    extraMacs || timeline.some(({ pass }) => pass === 'again')
      ? `${short(extraMacs)} of them again`
      : 'none of them again'
  return [
    titleOf(about),
    `${typeof recompute === 'string' ? `recompute ${recompute}` : `budget ${recompute.budget}`}: ${short(macs)} multiply-adds, ${again}`,
    '',
    ...totals(accounts),
    '',
    ...(peak ? [...peakLines(peak, accounts), ''] : []),
    ...livePicture(accounts),
    ...(trades ? ['', ...tradeLines(trades, about.profile)] : []),
  ]
}

const bytes = (n: number): string => short(n, 'B')

function totals(a: Account): string[] {
  const over = a.lowerBound ? (100 * (a.arenaBytes / a.lowerBound - 1)).toFixed(1) : '0.0'
  const rows: [string, number, string?][] = [
    ['parameters', a.parameterBytes],
    ['optimizer state', a.optimizerBytes],
    ['other state', a.stateBytes],
    ['arguments and results', a.inputBytes + a.outputBytes],
    ['constants and uniforms', a.constantBytes + a.uniformBytes],
    ['activation memory', a.arenaBytes, `${over} % above the most that is alive at once`],
    ['all that is allocated', a.peakBytes],
  ]
  return table(
    rows.map(([what, n, note = '']) => [what, bytes(n), note]),
    new Set([1]),
  )
}

function peakLines(peak: Peak, a: Account): string[] {
  const kinds: [string, number, number][] = [
    ['activations that wait', peak.activationBytes, a.activationBytes],
    ['gradients of parameters', peak.gradientBytes, a.gradientBytes],
    ['short-lived values', peak.transientBytes, a.transientBytes],
    ['scratch of kernels', peak.workspaceBytes, a.workspaceBytes],
  ]
  const where = [peak.kernel, peak.path && `of ${peak.path}`].filter(Boolean).join(' ')
  return [
    ...table(
      [
        ['activation memory', 'at the peak', 'most'],
        ...kinds.map(([what, now, most]) => [what, bytes(now), bytes(most)]),
      ],
      new Set([1, 2]),
    ),
    '',
    `peak at kernel ${peak.step} of ${a.timeline.length}, ${peak.pass}: ${where}`,
    'alive there:',
    ...table(
      byModule(peak.values).map(({ path, ...m }) => [
        `  ${path || '(no module)'}`,
        bytes(m.bytes),
        `${m.values} ${m.values === 1 ? 'value' : 'values'}`,
      ]),
      new Set([1]),
    ),
  ]
}

interface ModuleBytes {
  readonly path: string
  readonly bytes: number
  readonly values: number
}

/** Modules that may be told apart in a list. */
const MODULES = 10

/** What the values of each module take, the largest first: of modules as deep in the network as there are few enough of. */
function byModule(values: readonly LiveValue[]): ModuleBytes[] {
  let found: ModuleBytes[] = []
  for (let depth = 1; depth < 8; depth++) {
    const sums = new Map<string, { bytes: number; values: number }>()
    for (const { path, bytes } of values) {
      const module = path.split('.').slice(0, depth).join('.')
      const sum = sums.get(module) ?? { bytes: 0, values: 0 }
      sums.set(module, { bytes: sum.bytes + bytes, values: sum.values + 1 })
    }
    if (depth > 1 && sums.size > MODULES) break
    found = [...sums].map(([path, sum]) => ({ path, ...sum }))
  }
  return found.sort((a, b) => b.bytes - a.bytes)
}

const tradeLines = (trades: readonly Trade[], profile: DeviceProfile): string[] => [
  `memory against time, as predicted for ${profile.name}`,
  ...table(
    [
      ['', 'all memory', 'activation memory', 'multiply-adds', 'time'],
      ...trades.map((t) => [
        t.what,
        bytes(t.peakBytes),
        bytes(t.arenaBytes),
        `+${(100 * t.extraArithmetic).toFixed(1)} %`,
        `${t.extraTime < 0 ? '' : '+'}${(100 * t.extraTime).toFixed(1)} %`,
      ]),
    ],
    new Set([1, 2, 3, 4]),
  ),
]

function chartOf(about: About, accounts: Account): string {
  const timeline = memorySvg(accounts, titleOf(about))
  const { trades, profile } = about
  if (!trades) return timeline
  return stackedSvg([timeline, tradeSvg(trades, `memory against time on ${profile.name}`)])
}

export const planCommand: Command = {
  name: 'plan',
  summary: 'plan the memory of a training step: how much, when and for what; needs no GPU',
  usage: modelUsage,
  options: {
    input: { value: 'HxW', help: "size of the images; default the paper's" },
    batch: { value: 'N', help: 'images of a step; default 1, or one for each part' },
    accumulate: { value: 'N', help: 'the batch in N parts, with the memory of one; default 1' },
    optimizer: {
      value: 'NAME',
      help: "adam, sgd (with momentum) or none, the forward pass alone; default the paper's",
    },
    precision: precisionOption,
    recompute: {
      value: 'NAME',
      help: 'cheap: what costs next to nothing is made again; none: all is kept; auto (default): cheap from 64 MiB on',
    },
    budget: {
      value: 'SIZE',
      help: 'as 8GiB: parts of the forward pass run again so that all memory fits',
    },
    sweep: { help: 'what less and less memory costs in time' },
    profile: {
      value: 'KIND',
      help: `machine whose times are predicted: ${kinds.join(', ')}; default unknown, as discrete`,
    },
    classes: classesOption,
    ...modelOptions,
    out: { value: 'FILE', help: 'a chart, .svg or .png' },
    json: jsonOption,
    help: helpOption,
  },
  examples: [
    ['atrous plan fcrn-101 --input 504x504 --batch 4', 'before it is trained on four images'],
    ['atrous plan frrn-a --batch 3 --option recompute=paper', "with the authors' cuts"],
    ['atrous plan frrn-b --batch 3 --budget 8GiB --out memory.svg', 'within 8 GiB, with a chart'],
    ['atrous plan model-a --batch 4 --sweep', 'how much slower with less memory'],
  ],
  run,
}

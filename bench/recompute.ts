// What recomputation takes in time, predicted and observed: a training step at reduced size, with everything kept, by default, with
// cuts by hand and by budget. The ways take turns, and each is compared with the first in the same round, since a shared machine is
// now fast and now slow; processor seconds suffer less from that than the clock.
//
//   node dist/bench/recompute.js [--rounds 7] [--only frrn-a]

import { trainingStep } from '../apps/cli/step.ts'
import { sweep } from '../apps/cli/sweep.ts'
import { hostTensor, openDevice, showBytes, type Tensor, type TensorType } from '../engine/node.ts'
import { type Plan, planBytes } from '../engine/plan/plan.ts'
import { deviceProfiles, secondsOf } from '../engine/recompute/device-profile.ts'
import { recompute } from '../engine/recompute/recompute.ts'
import { drawInput, randomFrom } from '../engine/reference/index.ts'
import { type StageOptions, stages } from '../engine/stages.ts'
import type { Node } from '../engine/tensor.ts'
import { buildModel, type ImageSize } from '../models/index.ts'
import { given, named, text, whole } from './options.ts'

const {
  values: { rounds, only },
} = given({ rounds: whole(7), only: text(undefined) })

// Narrow, and large enough that activations are most of the memory.
const cases: readonly (readonly [name: string, options: object, size: ImageSize])[] = [
  ['frrn-a', { base: 8, lanes: 8 }, [2, 96, 128]],
  ['fcrn-18', { width: 16, frozen: 'none' }, [2, 161, 193]],
  ['model-16', { width: 16, frozen: 'none' }, [1, 160, 160]],
]
const chosen = named(cases, only, ([name]) => name)

/** Residual units, told from module paths such as `backbone.layer3.1.conv2` or `levels.5.0.bn1`. */
const units = new Map<string, object>()
function unitOf({ path }: Node): object | undefined {
  const name = /^.*?\.\d+(\.\d+)?(?=\.|$)/.exec(path)?.[0]
  if (name === undefined) return undefined
  const unit = units.get(name) ?? {}
  units.set(name, unit)
  return unit
}

interface Way {
  readonly name: string
  readonly plan: Plan
  run(): Promise<void>
  readonly wall: number[]
  readonly processor: number[]
}

const device = await openDevice()
const profile = deviceProfiles[device.caps.kind]
console.log(`${device.line}\npredicted for ${profile.name}; medians of ${rounds} rounds`)
for (const [name, options, size] of chosen) await compare(name, options, size)
device.close()

async function compare(name: string, options: object, size: ImageSize): Promise<void> {
  const stepOf = (more: object = {}) => {
    const model = buildModel({ name, options: { classes: 8, seed: 1, ...options, ...more } })
    return trainingStep(model, size, 'sgd')
  }
  const step = stepOf()
  const args = step.types.map(argument)
  const way = (title: string, how: StageOptions, { fn } = step): Way => {
    const program = device.compile(fn as (...inputs: Tensor[]) => Tensor, how)
    const run = async () => {
      using loss = await program.run(...args)
      await loss.value()
    }
    const { plan } = program.stages(...step.types)
    return { name: title, plan, run, wall: [], processor: [] }
  }
  const ways = [
    way('everything kept', { recompute: 'none' }),
    // Which is the default in larger networks.
    way('cheap values again', { recompute: 'cheap' }),
  ]
  const usual = planBytes(ways[1].plan)
  ways.push(
    name.startsWith('frrn')
      ? way('published cuts', { recompute: 'cheap' }, stepOf({ recompute: 'paper' }))
      : way('each unit again', { recompute: (g) => recompute(g, 'cheap', undefined, unitOf) }),
  )
  const { fused } = stages(step.fn, step.types, device.caps)
  const least = Math.min(...sweep(fused, device.caps, profile).map(({ peakBytes }) => peakBytes))
  for (const share of [0.75, 0.5])
    if (share * usual > least)
      ways.push(way(`budget of ${100 * share} % of it`, { memoryBudget: share * usual }))
  ways.push(way('least budget', { memoryBudget: least }))

  for (const { run } of ways) await run()
  for (let round = 0; round < rounds; round++)
    for (const w of ways) {
      const before = process.cpuUsage()
      const begun = performance.now()
      await w.run()
      const { user, system } = process.cpuUsage(before)
      w.wall.push(performance.now() - begun)
      w.processor.push((user + system) / 1000)
    }
  print(`${name} ${JSON.stringify(options)}, ${size[0]} × ${size[1]}×${size[2]}`, ways)
}

function argument(type: TensorType, i: number) {
  if (type.dtype === 'f32' && !type.shape.length) return hostTensor(1e-3)
  const drawn = drawInput(type, randomFrom(i + 1))
  return type.dtype === 'u8'
    ? { ...drawn, data: drawn.data.map((l) => l % 8) as Uint8Array }
    : drawn
}

function print(title: string, ways: readonly Way[]): void {
  const [first] = ways
  const [macs, seconds] = costOf(first.plan)
  const percent = (x: number) => `${x < -0.0005 ? '−' : '+'}${Math.abs(100 * x).toFixed(1)} %`
  const ratios = (a: readonly number[], b: readonly number[]) =>
    median(a.map((x, i) => x / b[i])) - 1
  console.log(
    `\n${title}: ${median(first.wall).toFixed(0)} ms, ${median(first.processor).toFixed(0)} of processors`,
  )
  console.log('| | memory | of it activations | multiply-adds | predicted | processors | clock |')
  console.log('|---|---|---|---|---|---|---|')
  for (const { name, plan, wall, processor } of ways) {
    const [m, s] = costOf(plan)
    const rest = [
      m / macs - 1,
      s / seconds - 1,
      ratios(processor, first.processor),
      ratios(wall, first.wall),
    ]
    const part = `${((100 * plan.activationBytes) / first.plan.activationBytes).toFixed(0)} %`
    const cells = [name, showBytes(planBytes(plan)), `${showBytes(plan.activationBytes)} (${part})`]
    console.log(
      `| ${[...cells, ...(plan === first.plan ? ['', '', '', ''] : rest.map(percent))].join(' | ')} |`,
    )
  }
}

function costOf({ steps }: Plan): [macs: number, seconds: number] {
  return steps.reduce(
    ([macs, seconds], { node }) => [
      macs + node.op.cost(node.inputs, node.types, node.attrs).macs,
      seconds + secondsOf(node, profile),
    ],
    [0, 0],
  )
}

function median(xs: readonly number[]): number {
  const sorted = xs.toSorted((a, b) => a - b)
  const half = sorted.length >> 1
  return sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2
}

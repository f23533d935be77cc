// The memory table of the README: what a training step of the papers' networks takes, as planned without a device, in the ways that
// there are to run it. And how near the plans of all configurations are to what is alive at once.
//
//   node dist/bench/memory.js              the table
//   node dist/bench/memory.js --catalog    each configuration of the catalogue, batch 1

import { roomy, trainingStep } from '../apps/cli/step.ts'
import { sweep, type Trade } from '../apps/cli/sweep.ts'
import { account } from '../engine/plan/account.ts'
import { deviceProfiles } from '../engine/recompute/device-profile.ts'
import { stages } from '../engine/stages.ts'
import { buildModel, configurations, type ImageSize, type ModelConfig } from '../models/index.ts'
import { flag, given } from './options.ts'

const { values } = given({ catalog: flag })

/** A network as trained in its paper, and the memory that the paper says it took, in GB. */
interface Row extends ModelConfig {
  readonly title: string
  readonly size: ImageSize
  readonly paper?: number
}

// 504 for the papers' 500, the next multiple of 8. What FCRN took is said by Wu et al. 2019, of their own ResNets in the same place.
const four: ImageSize = [4, 504, 504]
const rows: readonly Row[] = [
  { title: 'FCRN-101', name: 'fcrn-101', options: {}, size: four, paper: 12.3 },
  { title: 'FCRN-152', name: 'fcrn-152', options: {}, size: four, paper: 16.7 },
  { title: 'Model A, 1 conv', name: 'model-a', options: { head: '1conv' }, size: four, paper: 11 },
  {
    title: 'Model A, 2 conv',
    name: 'model-a',
    options: { head: '2conv' },
    size: four,
    paper: 11.8,
  },
  { title: 'FRRN A', name: 'frrn-a', options: {}, size: [3, 256, 512] },
  { title: 'FRRN B', name: 'frrn-b', options: {}, size: [3, 512, 1024] },
  { title: 'GCN-152', name: 'gcn-152', options: {}, size: [1, 512, 512] },
]

const profile = deviceProfiles[roomy.kind]

function tradesOf({ name, options, size }: Row): Trade[] {
  const { fn, types } = trainingStep(buildModel({ name, options }), size, 'sgd')
  return sweep(stages(fn, types, roomy).fused, roomy, profile)
}

/** What is planned by default. */
const cheapOf = (trades: readonly Trade[]) => trades.find((t) => t.what === 'cheap values again')

const cell = (trade: Trade | undefined): string => {
  if (!trade) return ''
  const more = 100 * trade.extraArithmetic
  return `${(trade.peakBytes / 1e9).toFixed(2)}${more > 0.05 ? ` (+${more.toFixed(1)} %)` : ''}`
}

function table(): void {
  console.log('GB of all memory, and multiply-adds beside those of a step that keeps everything.\n')
  console.log(
    '| | images | everything kept | default | published cuts | half of everything | least | paper |',
  )
  console.log('|---|---|---|---|---|---|---|---|')
  for (const row of rows) {
    const trades = tradesOf(row)
    const [everything] = trades
    const usual = cheapOf(trades)
    const least = trades[trades.length - 1]
    const half = trades.find((t) => t.peakBytes <= everything.peakBytes / 2)
    const cuts = row.name.startsWith('frrn')
      ? cheapOf(tradesOf({ ...row, options: { ...row.options, recompute: 'paper' } }))
      : undefined
    const [n, h, w] = row.size
    const ways = [everything, usual, cuts, half, least].map(cell)
    console.log(`| ${[row.title, `${n} of ${h}×${w}`, ...ways, row.paper ?? ''].join(' | ')} |`)
  }
}

/** Every configuration: all memory, by how much the packing misses the least, and the milliseconds of tracing and planning. */
function catalogue(): void {
  let worst = 1
  for (const { id, name, options, input } of configurations) {
    const begun = performance.now()
    const { fn, types } = trainingStep(buildModel({ name, options }), [1, ...input], 'sgd')
    const { arenaBytes, lowerBound, peakBytes } = account(stages(fn, types, roomy))
    const over = arenaBytes / lowerBound
    worst = Math.max(worst, over)
    const took = Math.round(performance.now() - begun)
    const figures = [`${(peakBytes / 1e9).toFixed(3)} GB`, `+${(100 * (over - 1)).toFixed(2)} %`]
    console.log([id.padEnd(52), ...figures.map((f) => f.padStart(10)), `${took} ms`].join(' '))
  }
  console.log(
    `${configurations.length} configurations; the worst is ${(100 * (worst - 1)).toFixed(2)} % above what is alive at once`,
  )
  if (worst > 1.05) process.exitCode = 1
}

if (values.catalog) catalogue()
else table()

// A process that checks one program after another, as it is told, and says what came of each.

import type { Device } from '../../engine/device.ts'
import { type DeviceOptions, openDevice, ops } from '../../engine/node.ts'
import { witness } from '../../engine/witness.ts'
import { deviceWith, discrete } from '../engine/device-with.ts'
import { checkPlan } from '../engine/plan-checker.ts'
import { checkRecomputed } from '../engine/recompute-checker.ts'
import { type Case, check, type Failure, type Verdict, type Ways } from './check.ts'
import { isOfLayers } from './layers.ts'
import { type Program, randomProgram } from './program.ts'
import { printCase, shrink } from './shrink.ts'
import { wrongSlope } from './slope.ts'

export interface Report extends Verdict {
  readonly seed: number
  readonly ms: number
  /** How often each op occurs. */
  readonly ops: Readonly<Record<string, number>>
  readonly pipelines: number
  /** The smallest failing program, for the first failures. */
  readonly smallest?: string
}

const [, , ways, adapter] = process.argv as [string, string, Ways, DeviceOptions['adapter']]
const devices: Promise<Device>[] = []
witness.plan = checkPlan
witness.recomputed = checkRecomputed
let shrunk = 0

/** Even seeds run with WebGPU's default limits and no optional feature, whichever process has them; layers as on a GPU. */
function deviceFor(seed: number): Promise<Device> {
  const even = seed % 2 === 0
  const options = { defaultLimits: even, alignment: 256, say: () => undefined }
  devices[Number(even)] ??= openDevice({ ...options, ...(adapter && { adapter }) })
  if (!isOfLayers(seed)) return devices[Number(even)]
  devices[2 + Number(even)] ??= devices[Number(even)].then((d) => deviceWith(d, discrete))
  return devices[2 + Number(even)]
}

process.on('message', async (seed: number) => {
  process.send?.(await run(await deviceFor(seed), seed))
})
process.on('disconnect', () => process.exit())
await deviceFor(1)
process.send?.('ready')

async function run(device: Device, seed: number): Promise<Report> {
  const begun = performance.now()
  const rest = (p?: Program) => ({
    seed,
    ops: p ? countOps(p) : {},
    pipelines: device.pipelines.count,
    ms: performance.now() - begun,
  })
  let p: Program
  try {
    p = randomProgram(seed, ops)
  } catch (error) {
    const failure = { kind: 'error' as const, message: String((error as Error).stack) }
    return { results: 0, unsure: 0, loose: 0, jumps: [], failure, ...rest() }
  }
  const verdict = await check(device, p, seed, ways)
  const slope = p.slope && wrongSlope(p.graph, p.args, p.slope, seed)
  const failure = slope ? { kind: 'slope' as const, message: slope } : undefined
  const report = { ...(failure && { failure }), ...verdict, ...rest(p) }
  if (!verdict.failure || shrunk++ >= 3) return report
  return { ...report, smallest: await smallest(device, p, seed, verdict.failure) }
}

async function smallest(device: Device, p: Case, seed: number, { kind }: Failure): Promise<string> {
  const fails = async (c: Case) => (await check(device, c, seed, ways)).failure?.kind === kind
  const least = await shrink(p, fails)
  const { failure } = await check(device, least, seed, ways)
  return `${printCase(least)}\n${failure?.kind}: ${failure?.message}`
}

function countOps({ graph }: Program): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const { op } of graph.nodes) counts[op.name] = (counts[op.name] ?? 0) + 1
  return counts
}

// One case: compiled, checked, and only then timed by timestamps around its kernels.

import { storedBytes } from '../../engine/dtype.ts'
import type { Device, DeviceTensor, HostTensor, Program, Tensor } from '../../engine/index.ts'
import type { Plan } from '../../engine/plan/plan.ts'
import type { Case, ConvCase } from './cases.ts'
import type { Ceilings } from './ceilings.ts'
import { errorOf, TOLERANCE } from './check.ts'
import { scheduleOf } from './schedule.ts'
import { STEPS, type Timer } from './timer.ts'

export interface Measured {
  readonly name: string
  readonly family: string
  /** Milliseconds: the median of `rounds` samples of `repeat` runs each. */
  readonly ms: number
  /** `timestamps` is the time in kernels; `wall` that of whole runs sent one after another, less a round trip's. */
  readonly clock: 'timestamps' | 'wall'
  readonly repeat: number
  /** Standard deviation over mean. */
  readonly variation: number
  readonly rounds: number
  readonly kernels: number
  /** What runs: tiles of convolutions and matrix products, names of other kernels. */
  readonly schedule: string
  /** Arithmetic, and what the kernels read and write at least. */
  readonly flops: number
  readonly bytes: number
  /** Part of what the adapter's ceilings allow for such arithmetic on such traffic. */
  readonly share: number
  /** Largest difference from what is right, in parts of the largest value. */
  readonly error: number
  /** Of a convolution, for whoever times the same elsewhere. */
  readonly conv?: ConvCase
}

export interface Failed {
  readonly name: string
  readonly family: string
  readonly problem: string
}

export const isMeasured = (r: Measured | Failed): r is Measured => !('problem' in r)

const LEAST_ROUNDS = 3
/** Runs of one sample, at most. */
const MOST_REPEATS = 500

/** What times are told and judged by. */
export interface Yardstick {
  readonly timer: Timer
  readonly ceilings: Ceilings
}

/** Checks and times a case for about `seconds`. What is wrong is not timed. */
export async function measure(
  device: Device,
  c: Case,
  by: Yardstick,
  seconds: number,
): Promise<Measured | Failed> {
  const args = c.args()
  const program = device.compile(c.fn)
  try {
    const { traced, plan } = program.stages(...args)
    const results = await program.run(...args)
    const values: ArrayLike<number>[] = []
    for (const t of results) {
      values.push(await t.read())
      t.dispose()
    }
    const error = errorOf(traced, args, values, c.conv)
    if (!(error <= TOLERANCE)) throw new Error(`wrong: ${error.toPrecision(2)} off`)
    const measured = await timed(device, c, program, plan, args, by, seconds)
    return { ...measured, error, ...(c.conv && { conv: c.conv }) }
  } catch (error) {
    return { name: c.name, family: c.family, problem: (error as Error).message.split('\n')[0] }
  } finally {
    program.dispose()
    for (const v of program.stages(...args).plan.variables) device.release(v)
  }
}

/** Times a program that is known to be right. */
export async function timed(
  device: Device,
  { name, family }: Pick<Case, 'name' | 'family'>,
  program: Program<unknown>,
  plan: Plan,
  args: readonly HostTensor[],
  { timer, ceilings }: Yardstick,
  seconds: number,
): Promise<Omit<Measured, 'error'>> {
  const placing = device.compile((...all: Tensor[]) => all)
  const placed = (await placing.run(...args)) as DeviceTensor[]
  const { clock, repeat, sample } = await clockOf(device, program, placed, plan.steps.length, timer)
  const times: number[] = []
  const begun = performance.now()
  for (let i = 0; i < LEAST_ROUNDS || performance.now() - begun < 1000 * seconds; i++)
    times.push(await sample())
  for (const t of placed) t.dispose()
  placing.dispose()
  const flops = plan.steps.reduce(
    (n, { node }) => n + node.op.cost(node.inputs, node.types, node.attrs).flops,
    0,
  )
  const bytes = plan.steps.reduce(
    (n, { node }) => n + storedBytes(node.inputs) + storedBytes(node.types),
    0,
  )
  const ms = median(times)
  const least = Math.max(flops / ceilings.flopsPerSecond, bytes / ceilings.bytesPerSecond)
  const share = (1000 * least) / ms
  const kernels = plan.steps.length
  const { length: rounds } = times
  const schedule = scheduleOf(plan)
  const variation = variationOf(times)
  return {
    ...{ name, family, ms, clock, repeat, variation, rounds, kernels, schedule },
    ...{ flops, bytes, share },
  }
}

/** Timestamps, or the wall where their steps are too wide for what is measured. Warms up. */
async function clockOf(
  device: Device,
  program: Program<unknown>,
  args: readonly DeviceTensor[],
  kernels: number,
  { timestampStep = Number.POSITIVE_INFINITY, wallStep, roundTrip }: Timer,
): Promise<{ clock: Measured['clock']; repeat: number; sample: () => Promise<number> }> {
  const inKernels = async () => (await program.profile(...args)).reduce((a, b) => a + b, 0)
  const onTheWall = async (repeat: number) => {
    await device.idle()
    const begun = performance.now()
    for (let i = 0; i < repeat; i++) {
      const results = (await program.run(...args)) as DeviceTensor[]
      for (const t of [results].flat()) t.dispose()
    }
    await device.idle()
    return Math.max(wallStep, performance.now() - begun - roundTrip) / repeat
  }
  await onTheWall(1)
  if (timestampStep < Number.POSITIVE_INFINITY) {
    // Each kernel's time is rounded by itself.
    const once = await inKernels()
    if (once >= STEPS * timestampStep * kernels)
      return { clock: 'timestamps', repeat: 1, sample: inKernels }
  }
  const once = await onTheWall(1)
  const least = STEPS * Math.max(wallStep, roundTrip / 10)
  const repeat = Math.min(MOST_REPEATS, Math.max(1, Math.ceil(least / once)))
  return { clock: 'wall', repeat, sample: () => onTheWall(repeat) }
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const half = sorted.length >> 1
  return sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2
}

function variationOf(values: readonly number[]): number {
  const mean = values.reduce((a, b) => a + b, 0) / values.length
  const square = values.reduce((n, v) => n + (v - mean) ** 2, 0) / Math.max(1, values.length - 1)
  return Math.sqrt(square) / mean
}

// One case: compiled, checked, and only then timed by timestamps around its kernels.

import { storedBytes } from '../../engine/dtype.ts'
import type { Device, DeviceTensor, HostTensor, Program, Tensor } from '../../engine/node.ts'
import type { Plan } from '../../engine/plan.ts'
import { nodePlatform } from '../../engine/platform-node.ts'
import type { Case, ConvCase } from './cases.ts'
import type { Ceilings } from './ceilings.ts'
import { errorOf, TOLERANCE } from './check.ts'

export interface Measured {
  readonly name: string
  readonly family: string
  /** Milliseconds in kernels: the median of `rounds` runs; of the clock on an adapter without timestamps. */
  readonly ms: number
  /** Standard deviation over mean. */
  readonly variation: number
  readonly rounds: number
  readonly kernels: number
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

/** Checks and times a case for about `seconds`. What is wrong is not timed. */
export async function measure(
  device: Device,
  c: Case,
  ceilings: Ceilings,
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
    const measured = await timed(device, c, program, plan, args, ceilings, seconds)
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
  ceilings: Ceilings,
  seconds: number,
): Promise<Omit<Measured, 'error'>> {
  const placing = device.compile((...all: Tensor[]) => all)
  const placed = (await placing.run(...args)) as DeviceTensor[]
  const times: number[] = []
  const begun = performance.now()
  // The first run warms up.
  for (let i = -1; i < LEAST_ROUNDS || performance.now() - begun < 1000 * seconds; i++) {
    const ms = device.caps.timestamps
      ? (await program.profile(...placed)).reduce((a, b) => a + b, 0)
      : await clocked(device, program, placed)
    if (i >= 0) times.push(ms)
  }
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
  return { name, family, ms, variation: variationOf(times), rounds, kernels, flops, bytes, share }
}

async function clocked(device: Device, program: Program<unknown>, args: readonly DeviceTensor[]) {
  const begun = performance.now()
  const results = (await program.run(...args)) as DeviceTensor[]
  await nodePlatform.settle(device.gpu.queue.onSubmittedWorkDone())
  for (const t of [results].flat()) t.dispose()
  return performance.now() - begun
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

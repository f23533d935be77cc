// The way within a budget: the size that is asked for, the first way to run the graph whose plan fits it, and what would fit
// where none does.

import type { Caps } from '../adapters/adapter.ts'
import type { TensorType } from '../dtype.ts'
import { OptionError, OutOfMemoryError } from '../errors.ts'
import type { Graph } from '../graph.ts'
import { shown } from '../ops/refuse.ts'
import { resized, showSize, sizesBelow } from '../plan/needs.ts'
import { fixedBytes, plan, planBytes } from '../plan/plan.ts'
import { showBytes } from '../print.ts'
import { budgetChoices } from './budget.ts'
import type { DeviceProfile } from './device-profile.ts'
import { liveOf } from './live.ts'

const UNITS: Readonly<Record<string, number>> = {
  ...{
    '': 1,
    b: 1,
    bytes: 1,
    k: 1e3,
    m: 1e6,
    g: 1e9,
    t: 1e12,
    kb: 1e3,
    mb: 1e6,
    gb: 1e9,
    tb: 1e12,
  },
  ...{ kib: 2 ** 10, mib: 2 ** 20, gib: 2 ** 30, tib: 2 ** 40 },
}

/** Bytes of a budget: a number, or a text such as `8GiB` or `750 MB`. Throws OptionError for what is no size. */
export function bytesOfBudget(budget: number | string): number {
  const bytes = typeof budget === 'string' ? bytesOfText(budget) : budget
  if (!(Number.isFinite(bytes) && bytes > 0))
    throw new OptionError(
      `memoryBudget ${shown(budget)} is no size`,
      "give bytes, or a text such as '8GiB' or '750MB'",
    )
  return bytes
}

function bytesOfText(text: string): number {
  const match = /^\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*$/i.exec(text)
  return match ? Number(match[1]) * (UNITS[match[2].toLowerCase()] ?? Number.NaN) : Number.NaN
}

/** Plans the same program for arguments of other types; throws where that cannot be, or does not fit. */
export type Replan = (types: readonly TensorType[]) => void

/** The way to run the graph that takes the least time within `budget` bytes, all of the program's memory counted. Throws
 * OutOfMemoryError, which names the smallest budget that would do, and the largest batch and crop that `replan` finds to
 * fit, where none does. */
export function graphWithin(
  fused: Graph,
  caps: Caps,
  budget: number,
  profile: DeviceProfile,
  replan: Replan,
): Graph {
  const fixed = fixedBytes(fused)
  let [least, all] = [Number.POSITIVE_INFINITY, 0]
  const tried = (graph: Graph) => {
    const made = plan(graph, caps)
    const total = planBytes(made)
    least = Math.min(least, total)
    all = Math.max(all, total - made.activationBytes)
    return total
  }
  const tooLarge: { readonly graph: Graph; readonly bytes: number }[] = []
  for (const { graph } of budgetChoices(fused, profile)) {
    // What is alive at once is no more than what is allocated: most plans need not be made.
    const bytes = fixed + Math.max(0, ...liveOf(graph).live)
    if (bytes > budget) {
      tooLarge.push({ graph, bytes })
      continue
    }
    if (tried(graph) <= budget) return graph
  }
  if (searching) throw new OutOfMemoryError(`no plan fits a budget of ${showBytes(budget)}`)
  for (const { graph, bytes } of tooLarge.sort((a, b) => a.bytes - b.bytes))
    if (bytes < least) tried(graph)
  // To the byte: what is rounded down would not do.
  const smallest = `the smallest that would do is ${least} bytes (${showBytes(least)})`
  const share = (budget - all) / (least - all)
  const ways = share > 0 ? fitting(fused.inputs, share, replan) : []
  const smaller = ways.length ? `; within this one ${ways.join(', or ')}` : ''
  throw new OutOfMemoryError(
    all >= budget
      ? `a budget of ${toldApart(budget, all)} of variables, arguments and results`
      : `no plan fits a budget of ${showBytes(budget)}`,
    `${smallest}${smaller}`,
  )
}

function toldApart(budget: number, all: number): string {
  const [less, more] = [budget, all].map(showBytes)
  return less === more
    ? `${budget} bytes is less than the ${all} bytes`
    : `${less} is less than the ${more}`
}

/** Whether a replanning is under way, which needs no advice of its own. */
let searching = false
/** Milliseconds after which no further size is tried. */
const PATIENCE = 700

/** The largest batch and the largest crop that fit, each tried, or about `share` of the images among the arguments where that cannot
 * be told: in time, or since the program is one for images of its size. */
function fitting(inputs: readonly TensorType[], share: number, replan: Replan): string[] {
  return sizesBelow(inputs, share).flatMap((sizes) => {
    const begun = performance.now()
    const [, likely = sizes[0]] = sizes
    const estimate =
      likely && Math.min(...likely.slice(1)) >= 64 ? [`about ${showSize(likely)}`] : []
    for (const size of sizes) {
      if (performance.now() - begun > PATIENCE) return estimate
      searching = true
      try {
        replan(resized(inputs, size))
        return [`fits ${showSize(size)}`]
      } catch (error) {
        if (!(error instanceof OutOfMemoryError)) return estimate
      } finally {
        searching = false
      }
    }
    return []
  })
}

// What a plan asks of a device, in words: for the person whose device refused it.

import { sizeOf, type TensorType } from './dtype.ts'
import { type Plan, planBytes } from './plan.ts'
import { showBytes, titleOf } from './print.ts'
import type { Node } from './tensor.ts'

export interface Needs {
  /** How much for what, where most is alive, and the largest values there. */
  readonly figures: string
  /** What to do for about half of the activations. */
  readonly hint: string
}

/** Values that are named. */
const NAMED = 3
/** Of a side: a smaller crop shows nothing. */
const LEAST_SIDE = 1 / 8

export function needsOf(plan: Plan): Needs {
  const { steps, values, activationBytes, inputBytes } = plan
  const total = planBytes(plan)
  const fixed = total - activationBytes
  const variableBytes =
    fixed - inputBytes - plan.outputBytes - plan.constantBytes - plan.uniformBytes
  const at = steps.reduce((best, s, i) => (s.live > steps[best].live ? i : best), 0)
  const largest = values
    .filter(({ from, to }) => from <= at && at <= to)
    .sort((a, b) => b.bytes - a.bytes)
    .slice(0, NAMED)
    .map(
      (v) =>
        `${showBytes(v.bytes)} ${v.tensor ? 'of' : 'of scratch for'} ${nameOf(steps[v.from].node)}`,
    )
  const most = activationBytes ? `, most at ${nameOf(steps[at].node)}: ${largest.join(', ')} …` : ''
  const parts = [
    `${showBytes(activationBytes)} for activations${most && ` (${most.slice(2)})`}`,
    `${showBytes(variableBytes)} for variables`,
    `${showBytes(inputBytes)} for arguments`,
  ]
  const half = fixed + activationBytes / 2
  const ways = smallerInputs(plan.graph.inputs, 0.5)
  // Only what a backward pass reads can be made again.
  if (plan.graph.nodes.some(({ source }) => source))
    ways.unshift(`{ memoryBudget: '${showBytes(half)}' }`)
  return {
    figures: `the plan needs ${showBytes(total)}: ${parts.join(', ')}`,
    hint: ways.length
      ? `for about ${showBytes(half)} use ${ways.join(' or ')}`
      : 'use a smaller batch or crop',
  }
}

const nameOf = (node: Node): string => {
  const owner = node.path || (node.source?.path ?? '')
  return `${titleOf(node)}${owner && ` in ${owner}`}`
}

/** Batches and crops of about `share` of the largest images among the arguments. */
export function smallerInputs(inputs: readonly TensorType[], share: number): string[] {
  const images = inputs.filter(({ shape }) => shape.length === 4)
  if (!images.length) return []
  const [n, h, w] = images.reduce((a, b) => (sizeOf(b.shape) > sizeOf(a.shape) ? b : a)).shape
  const side = Math.sqrt(share)
  const batch = Math.floor(n * share)
  const ways = batch ? [`a batch of ${batch} at ${h}×${w}`] : []
  if (side >= LEAST_SIDE) ways.push(`a batch of ${n} at ${shorter(h * side)}×${shorter(w * side)}`)
  return ways
}

/** A side that every network takes, where it is not too short for that. */
const shorter = (side: number): number =>
  side < 64 ? Math.floor(side) : 32 * Math.floor(side / 32)

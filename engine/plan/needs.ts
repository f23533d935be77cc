// What a plan asks of a device, in words: for the person whose device refused it.

import { sizeOf, type TensorType } from '../dtype.ts'
import { showBytes, titleOf } from '../print.ts'
import type { Node } from '../tensor.ts'
import { type Plan, planBytes } from './plan.ts'

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

export type ImageSize = readonly [n: number, height: number, width: number]

/** The largest images among the arguments. */
function imagesOf(inputs: readonly TensorType[]): ImageSize | undefined {
  const images = inputs.filter(({ shape }) => shape.length === 4)
  if (!images.length) return undefined
  const [n, h, w] = images.reduce((a, b) => (sizeOf(b.shape) > sizeOf(a.shape) ? b : a)).shape
  return [n, h, w]
}

export const showSize = ([n, h, w]: ImageSize): string => `a batch of ${n} at ${h}×${w}`

/** Batches and crops of about `share` of the largest images among the arguments. */
export function smallerInputs(inputs: readonly TensorType[], share: number): string[] {
  const size = imagesOf(inputs)
  if (!size) return []
  const [n, h, w] = size
  const side = Math.sqrt(share)
  const batch = Math.floor(n * share)
  const ways = batch ? [showSize([batch, h, w])] : []
  if (side >= LEAST_SIDE) ways.push(showSize([n, shorter(h * side), shorter(w * side)]))
  return ways
}

/** Smaller batches, and smaller crops, the most promising first: around `share` of the images among the arguments, from what may
 * be a little too large downwards. */
export function sizesBelow(inputs: readonly TensorType[], share: number): ImageSize[][] {
  const size = imagesOf(inputs)
  if (!size) return []
  const [n, h, w] = size
  const batches: ImageSize[] = []
  for (let b = Math.min(n - 1, Math.floor(n * share) + 1); b > 0; b--) batches.push([b, h, w])
  const crops: ImageSize[] = []
  for (let side = Math.sqrt(share) * 1.06; side >= LEAST_SIDE; side *= 0.9) {
    const [height, width] = [shorter(h * side), shorter(w * side)]
    const [, before] = crops[crops.length - 1] ?? [0, h]
    if (height < before && width < w) crops.push([n, height, width])
  }
  return [batches, crops]
}

/** The same arguments for images of another size, as far as one can tell by their sizes. */
export function resized(inputs: readonly TensorType[], to: ImageSize): TensorType[] {
  const from = imagesOf(inputs)
  return inputs.map(({ dtype, shape }) => ({
    dtype,
    shape: shape.map((size, axis) => (from && axis < 3 && size === from[axis] ? to[axis] : size)),
  }))
}

/** A side that every network takes, where it is not too short for that. */
const shorter = (side: number): number =>
  side < 64 ? Math.floor(side) : 32 * Math.floor(side / 32)

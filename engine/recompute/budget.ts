// Recomputation by budget: of all ways to cut the forward pass into segments that run again, those that take the least time for
// their memory; and of these, for a budget, the first whose plan fits. What is bounded is the peak of the whole plan, as it will be
// allocated, and not a sum of what is saved.

import { storageBytes, storedBytes } from '../dtype.ts'
import { baseOf, type Graph, outputsOf } from '../graph.ts'
import type { Node, Tensor } from '../tensor.ts'
import { type Passes, passesOf } from './again.ts'
import { WORTH } from './cheap.ts'
import { type DeviceProfile, secondsOf } from './device-profile.ts'
import { liveOf } from './live.ts'
import { recompute } from './recompute.ts'
import { type Choice, cheapestSegments, type Segment, type Unit } from './segments.ts'
import { spare } from './spare.ts'

/** Cuts that are looked at, at most: the dynamic programme takes the square of their number. */
const MOST_CUTS = 96
/** Parts of the default plan's activations that the choices aim at. */
const TARGETS = [0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.35, 0.3, 0.25, 0.2, 0.16, 0.13, 0.1]

/** One way to run a graph. */
export interface BudgetChoice {
  /** `kept`: all waits but what is inside a checkpoint; `cheap`: what is cheap is made again too; `again`: so are segments. */
  readonly how: 'kept' | 'cheap' | 'again'
  /** Kernels that run again, as ranges of the forward kernels in order. */
  readonly segments: readonly Segment[]
  readonly graph: Graph
  /** Time of the segments, by the profile. */
  readonly extraSeconds: number
}

/** Ways to run a graph, each with less memory and more time than the one before. They do not depend on a budget, so that a smaller
 * budget never leads to a larger peak. */
export function* budgetChoices(fused: Graph, profile: DeviceProfile): Generator<BudgetChoice> {
  const whole = { segments: [], extraSeconds: 0 } as const
  yield { how: 'kept', graph: recompute(fused, 'checkpoints'), ...whole }
  const byHand = recompute(fused, 'cheap')
  yield { how: 'cheap', graph: spare(byHand), ...whole }
  const { least, chains } = chainsOf(fused, byHand, profile)
  const most = Math.max(...liveOf(byHand).live)
  let last = ''
  for (const choices of frontier(chains, most)) {
    const segments = choices.flatMap((choice) => choice.segments)
    const text = JSON.stringify(choices)
    if (!segments.length || text === last) continue
    last = text
    const unit = new Map<Node, object>()
    choices.forEach((choice, i) => {
      for (const [from, to] of choice.segments) {
        const name = {}
        for (const node of chains[i].kernels.slice(from, to).flat()) unit.set(node, name)
      }
    })
    yield {
      how: 'again',
      segments,
      graph: recompute(fused, 'cheap', least, (node) => node.block ?? unit.get(node)),
      extraSeconds: choices.reduce((n, { seconds }) => n + seconds, 0),
    }
  }
}

/** The cheapest choices for less and less memory, down to the least that there are some for: one for each chain, since chains do not
 * wait for each other. */
function* frontier(chains: readonly Chain[], whole: number): Generator<Choice[]> {
  const within = (share: number): Choice[] | undefined => {
    const choices = chains.flatMap(({ units }) => cheapestSegments(units, share * whole) ?? [])
    return choices.length === chains.length ? choices : undefined
  }
  let most = 1
  let least = 0
  for (const share of TARGETS) {
    const choices = within(share)
    if (!choices) {
      least = share
      break
    }
    most = share
    yield choices
  }
  for (let i = 0; i < 5; i++) {
    const share = (most + least) / 2
    const choices = within(share)
    if (choices) {
      most = share
      yield choices
    } else least = share
  }
}

interface Chain {
  readonly units: readonly Unit[]
  /** The kernels of each unit. */
  readonly kernels: readonly (readonly Node[])[]
}

/** Each forward pass as a chain of units; `least` is the size in bytes of the smallest value that runs again. */
function chainsOf(fused: Graph, byHand: Graph, profile: DeviceProfile) {
  const passes = passesOf(fused)
  const forward = forwardPasses(fused, passes)
  // In a small network smaller values count.
  const least = Math.min(WORTH, storedBytes([...passes.waiting]) / 1024 / forward.length)
  const divided = forward.map((early) => divide(early, passes, least))
  const works = workOf(byHand, divided, passes)
  const stays = passesOf(byHand).waiting
  const chains = divided.map((d, i) => chainOf(d, works[i], passes, stays, profile, least))
  return { least, chains }
}

/** The kernels of each forward pass, in order. There are several where a backward pass is over before the next forward pass
 * begins, as in the accumulation of gradients. */
function forwardPasses(fused: Graph, { late, waiting }: Passes): Node[][] {
  const runs: Node[][] = []
  let before: Node | undefined
  for (const node of fused.nodes) {
    if (node.op.kind === 'source' || node.op.kind === 'view') continue
    if (!late.has(node)) {
      if (!before || late.has(before)) runs.push([])
      runs[runs.length - 1].push(node)
    }
    before = node
  }
  const waitsOf = (nodes: readonly Node[]) =>
    storedBytes(nodes.flatMap(outputsOf).filter((t) => waiting.has(t)))
  const few = waitsOf(runs.flat()) / 1024
  // Kernels of which the backward pass hardly reads anything, such as one that records the loss, make no pass of their own.
  const [first = [], ...others] = runs
  const forward = [first]
  for (const run of others)
    if (waitsOf(run) <= few) forward[forward.length - 1].push(...run)
    else forward.push(run)
  return forward
}

/** A forward pass, cut where least crosses. */
interface Divided {
  /** Kernels in order, and those of each unit. */
  readonly early: readonly Node[]
  readonly kernels: readonly (readonly Node[])[]
  readonly unitOf: ReadonlyMap<Node, number>
  /** The last kernel of the pass that reads a value of it. */
  readonly until: ReadonlyMap<Tensor, number>
}

function divide(early: readonly Node[], passes: Passes, least: number): Divided {
  const at = new Map(early.map((node, i) => [node, i]))
  const until = new Map<Tensor, number>()
  early.forEach((node, i) => {
    for (const x of node.inputs.map(baseOf)) if (at.has(x.node)) until.set(x, i)
  })
  const cuts = cutsOf(early, at, until, passes, least)
  const kernels = cuts.map((end, u) => early.slice(cuts[u - 1] ?? 0, end))
  const unitOf = new Map(kernels.flatMap((nodes, u) => nodes.map((node) => [node, u] as const)))
  return { early, kernels, unitOf, until }
}

function chainOf(
  { early, kernels, unitOf, until }: Divided,
  work: readonly number[],
  { waiting, repeatable }: Passes,
  stays: ReadonlySet<Tensor>,
  profile: DeviceProfile,
  least: number,
): Chain {
  const units = kernels.map((nodes, u): Unit => {
    const values = nodes.flatMap(outputsOf)
    const big = values.filter((v) => storageBytes(v) >= least)
    const kept = storedBytes(values.filter((v) => stays.has(v)))
    const held = storedBytes(values.filter((v) => waiting.has(v) && stays.has(v)))
    return {
      kept,
      inside: held,
      crossing: big.flatMap((v) => {
        const last = unitOf.get(early[until.get(v) ?? -1])
        return last !== undefined && last > u ? [{ bytes: storageBytes(v), until: last }] : []
      }),
      work: Math.max(work[u], ...big.map((v) => storageBytes(v))),
      seconds: nodes.filter(repeatable).reduce((s, node) => s + secondsOf(node, profile), 0),
    }
  })
  return { units, kernels }
}

/** Ends of units: where no more bytes cross than before or after, and of these the ones that divide most for what crosses. */
function cutsOf(
  early: readonly Node[],
  at: ReadonlyMap<Node, number>,
  until: ReadonlyMap<Tensor, number>,
  { waiting }: Passes,
  least: number,
): number[] {
  const change = new Float64Array(early.length + 1)
  for (const [value, last] of until) {
    const bytes = storageBytes(value)
    if (bytes < least) continue
    change[at.get(value.node)!] += bytes
    change[last] -= bytes
  }
  let live = 0
  const crossing = early.map((_, i) => (live += change[i]))
  let held = 0
  const upTo = early.map(
    (node) => (held += storedBytes(outputsOf(node).filter((t) => waiting.has(t)))),
  )
  const cuts = [...crossing.keys()]
    .filter(
      (i) => crossing[i] <= (crossing[i - 1] ?? Infinity) && crossing[i] <= (crossing[i + 1] ?? 0),
    )
    .map((i) => i + 1)
  if (cuts[cuts.length - 1] !== early.length) cuts.push(early.length)
  /** What crosses a cut, as a part of what waits on both its sides up to the next ones. */
  const price = (c: number): number => {
    const around = upTo[(cuts[c + 1] ?? 0) - 1] - (upTo[(cuts[c - 1] ?? 0) - 1] ?? 0)
    return (crossing[cuts[c] - 1] + least) / (around + 1)
  }
  while (cuts.length > MOST_CUTS) {
    let dearest = 0
    for (let c = 1; c < cuts.length - 1; c++) if (price(c) > price(dearest)) dearest = c
    cuts.splice(dearest, 1)
  }
  return cuts
}

/** Most bytes that the backward pass of each unit of each forward pass holds beside what has waited for it. */
function workOf(graph: Graph, forward: readonly Divided[], { waiting: read }: Passes): number[][] {
  const { late } = passesOf(graph)
  const { order, live, values } = liveOf(graph)
  const waits = new Float64Array(order.length + 1)
  for (const [t, { bytes, from, to }] of values) {
    if (!forward.some(({ unitOf }) => unitOf.has(t.node))) continue
    waits[from] += bytes
    waits[to + 1] -= bytes
  }
  const works = forward.map(({ kernels }) => new Array<number>(kernels.length).fill(0))
  /** The last step that makes what the backward pass of each reads. */
  const ends = forward.map(({ unitOf }) =>
    order.findLastIndex((node) => unitOf.has(node) && outputsOf(node).some((t) => read.has(t))),
  )
  let waiting = 0
  let pass = 0
  let unit = works[0].length - 1
  order.forEach((node, step) => {
    waiting += waits[step]
    if (!late.has(node)) return
    while (step > ends[pass + 1]) unit = works[++pass].length - 1
    const { unitOf } = forward[pass]
    const nearest = Math.max(...node.inputs.map((x) => unitOf.get(baseOf(x).node) ?? -1))
    if (nearest >= 0) unit = Math.min(unit, nearest)
    works[pass][unit] = Math.max(works[pass][unit], live[step] - waiting)
  })
  return works
}

// What the memory of a plan is for: bytes of each kind, in all and kernel by kernel, known before anything runs and without a
// device.

import { sizeOf, storageBytes } from '../dtype.ts'
import { baseOf, type Graph, outputsOf } from '../graph.ts'
import { assignedBy, bodyOf } from '../passes/fused.ts'
import { titleOf } from '../print.ts'
import { runsInFlight } from '../run/uploads.ts'
import type { Stages } from '../stages.ts'
import { type Node, type Tensor, Variable } from '../tensor.ts'
import { type Plan, planBytes } from './plan.ts'

/** Where in a step a kernel runs: `again` makes a value of the forward pass once more, `update` overwrites a variable with what
 * depends on a derivative. */
export type Pass = 'forward' | 'again' | 'backward' | 'update'

/** Bytes alive in the activation memory, by what they are for. */
export interface Live {
  /** What the forward pass computed and the backward pass will read. */
  readonly activationBytes: number
  /** Gradients of parameters, until their update. */
  readonly gradientBytes: number
  /** Values that soon die: between two kernels of the forward pass, gradients of activations, values made again. */
  readonly transientBytes: number
  /** Kernels' own scratch memory. */
  readonly workspaceBytes: number
}

/** One kernel of the timeline. */
export interface Moment extends Live {
  readonly kernel: string
  /** Module path; of a kernel of the backward pass, the path of what it is the derivative of. */
  readonly path: string
  readonly pass: Pass
}

/** A value that is alive at the peak. */
export interface LiveValue {
  readonly kernel: string
  readonly path: string
  readonly use: Use
  readonly bytes: number
}

export interface Peak extends Moment {
  /** Number of the kernel in the timeline. */
  readonly step: number
  readonly liveBytes: number
  /** What is alive there, the largest first. */
  readonly values: readonly LiveValue[]
}

/** Bytes of a program on its device. The first eight are the sum of `peakBytes`; nothing else is allocated for a run, as long as
 * one result of it is held at a time. */
export interface Account extends Live {
  /** Variables that the program trains; all that it only reads where it trains none. */
  readonly parameterBytes: number
  /** Variables that serve the updates alone: moments, counters, sums of gradients over parts of a batch. */
  readonly optimizerBytes: number
  /** Other variables: running statistics, and what is frozen. */
  readonly stateBytes: number
  readonly inputBytes: number
  readonly outputBytes: number
  readonly constantBytes: number
  /** Words that kernels take besides buffers, and what lies between variables that share a buffer. */
  readonly uniformBytes: number
  /** The activation memory, in which values that are not alive together share places. */
  readonly arenaBytes: number
  readonly peakBytes: number
  /** Copies of arguments from the host that the queue may keep at a time, of the runs in flight; not part of `peakBytes`. */
  readonly uploadBytes: number
  /** Most bytes of the activation memory that are alive at one time: no packing can do with less. */
  readonly lowerBound: number
  /** Most bytes of each kind at one time; not all kinds have their most at the same time. */
  readonly activationBytes: number
  readonly gradientBytes: number
  readonly transientBytes: number
  readonly workspaceBytes: number
  /** The kernel at which most is alive; undefined for a program without kernels. */
  readonly peak: Peak | undefined
  readonly timeline: readonly Moment[]
  /** Multiply-adds of the program, and those of them that recomputation adds. */
  readonly macs: number
  readonly extraMacs: number
}

/** Accounts for every byte that the device will allocate for a program. */
export function account({ traced, fused, plan }: Omit<Stages<unknown>, 'result'>): Account {
  const roles = rolesOf(traced)
  const variableBytes = { parameters: 0, optimizer: 0, state: 0 }
  for (const v of plan.variables) variableBytes[roles.get(v) ?? 'state'] += storageBytes(v)
  const { timeline, peak, most } = timelineOf(plan)
  const macs = macsOf(plan.graph)
  return {
    parameterBytes: variableBytes.parameters,
    optimizerBytes: variableBytes.optimizer,
    stateBytes: variableBytes.state,
    inputBytes: plan.inputBytes,
    outputBytes: plan.outputBytes,
    constantBytes: plan.constantBytes,
    uniformBytes: plan.uniformBytes + plan.paddingBytes,
    arenaBytes: plan.activationBytes,
    peakBytes: planBytes(plan),
    uploadBytes: runsInFlight * plan.inputBytes,
    lowerBound: plan.lowerBound,
    ...most,
    peak,
    timeline,
    macs,
    extraMacs: macs - macsOf(fused),
  }
}

const macsOf = (graph: Graph): number =>
  graph.nodes.reduce((n, { op, inputs, types, attrs }) => n + op.cost(inputs, types, attrs).macs, 0)

/** What depends on a derivative, derivatives included. */
function lateNodes(graph: Graph): Set<Node> {
  const late = new Set<Node>()
  for (const node of graph.nodes)
    if (node.source || node.inputs.some((x) => late.has(x.node))) late.add(node)
  return late
}

// ---- variables

type Role = 'parameters' | 'optimizer' | 'state'

/** What variables are for, told from how the function uses them. */
function rolesOf(traced: Graph): Map<Variable, Role> {
  const late = lateUpdates(traced)
  const differentiated = new Set(traced.nodes.flatMap(({ source }) => source ?? []))
  const behindLoss = behind(traced, differentiated)
  const behindUpdates = behind(traced, late)
  const read = new Map<Variable, Node>()
  const assigned = new Map<Variable, Node>()
  for (const node of traced.nodes) {
    const { variable } = node.attrs
    if (!(variable instanceof Variable)) continue
    if (node.op.name === 'variable') read.set(variable, node)
    else assigned.set(variable, node)
  }
  const inLoss = (v: Variable) => behindLoss.has(read.get(v)!)
  const trained = new Set<Variable>()
  for (const [v, node] of assigned) if (late.has(node) && inLoss(v)) trained.add(v)
  const isParameter = (v: Variable) => (trained.size ? trained.has(v) : !assigned.has(v))
  const serves = (v: Variable) =>
    !inLoss(v) && (behindUpdates.has(read.get(v)!) || late.has(assigned.get(v)!))
  const roles = new Map<Variable, Role>()
  for (const v of [...read.keys(), ...assigned.keys()])
    roles.set(v, isParameter(v) ? 'parameters' : serves(v) ? 'optimizer' : 'state')
  return roles
}

/** As `lateNodes`, but an update under a condition (see condition.ts) depends on what depends on a derivative only if the value
 * does that it would store. */
function lateUpdates(traced: Graph): Set<Node> {
  const conditional = new Set<Node>()
  for (const { op, inputs, attrs } of traced.nodes) {
    if (op.name !== 'assign') continue
    const { node } = inputs[0]
    const kept = node.op.name === 'where' && node.inputs[2].node.attrs
    if (kept && kept.variable === attrs.variable) conditional.add(node)
  }
  const late = new Set<Node>()
  for (const node of traced.nodes) {
    const told = conditional.has(node) ? [node.inputs[1]] : node.inputs
    if (node.source || told.some((x) => late.has(x.node))) late.add(node)
  }
  return late
}

/** The nodes that `of` are computed from, they themselves included. */
function behind(graph: Graph, of: ReadonlySet<Node>): Set<Node> {
  const found = new Set(of)
  for (const node of graph.nodes.toReversed())
    if (found.has(node)) for (const x of node.inputs) found.add(x.node)
  return found
}

// ---- the activation memory

type Use = 'activations' | 'gradients' | 'transient' | 'workspace'

const fields = {
  activations: 'activationBytes',
  gradients: 'gradientBytes',
  transient: 'transientBytes',
  workspace: 'workspaceBytes',
} as const satisfies Record<Use, keyof Live>

const uses = Object.keys(fields) as Use[]

function timelineOf(plan: Plan) {
  const { steps } = plan
  const passes = passesOf(plan)
  const values = usedValues(plan, passes)
  const change = Object.fromEntries(
    uses.map((use) => [use, new Float64Array(steps.length + 1)]),
  ) as Record<Use, Float64Array>
  for (const { use, bytes, from, to } of values) {
    change[use][from] += bytes
    change[use][to + 1] -= bytes
  }
  const now = { activationBytes: 0, gradientBytes: 0, transientBytes: 0, workspaceBytes: 0 }
  const most = { ...now }
  const timeline = steps.map(({ node }, step): Moment => {
    for (const use of uses) {
      const field = fields[use]
      now[field] += change[use][step]
      most[field] = Math.max(most[field], now[field])
    }
    return { kernel: titleOf(node), path: ownerOf(node), pass: passes[step], ...now }
  })
  const step = steps.reduce((best, s, i) => (s.live > steps[best].live ? i : best), 0)
  const peak: Peak | undefined = steps.length
    ? {
        ...timeline[step],
        step,
        liveBytes: steps[step].live,
        values: values
          .filter(({ from, to }) => from <= step && step <= to)
          .sort((a, b) => b.bytes - a.bytes)
          .map(({ node, use, bytes }) => {
            return { kernel: titleOf(node), path: ownerOf(node), use, bytes }
          }),
      }
    : undefined
  return { timeline, peak, most }
}

const ownerOf = ({ path, source }: Node): string => path || (source?.path ?? '')

function passesOf({ graph, steps }: Plan): Pass[] {
  const late = lateNodes(graph)
  // A kernel that runs again shares its list of types with the one that it repeats.
  const again = new Set<Node>()
  const first = new Map<Node['types'], Node>()
  for (const node of graph.nodes)
    if (!first.has(node.types)) first.set(node.types, node)
    else if (!late.has(node)) again.add(node)
  return steps.map(({ node }) => {
    if (again.has(node)) return 'again'
    if (!late.has(node)) return 'forward'
    return node.types.some((_, i) => assignedBy(node, i)) ? 'update' : 'backward'
  })
}

interface UsedValue {
  readonly node: Node
  readonly use: Use
  readonly bytes: number
  readonly from: number
  readonly to: number
}

function usedValues(plan: Plan, passes: readonly Pass[]): UsedValue[] {
  const { steps } = plan
  const waiting = new Set<Tensor>()
  steps.forEach(({ node }, step) => {
    if (passes[step] !== 'forward') for (const x of node.inputs) waiting.add(baseOf(x))
  })
  const gradients = gradientsOf(plan, passes)
  return plan.values.map(({ tensor, bytes, from, to }) => {
    const { node } = steps[from]
    const kept = tensor && passes[from] === 'forward' && waiting.has(tensor)
    const use = kept
      ? 'activations'
      : !tensor
        ? 'workspace'
        : gradients.has(tensor)
          ? 'gradients'
          : 'transient'
    return { node, use, bytes, from, to }
  })
}

/** Values of the backward pass that an update reads, element for element, and what they are the sums of. */
function gradientsOf({ steps }: Plan, passes: readonly Pass[]): Set<Tensor> {
  const backward = steps.filter((_, step) => passes[step] === 'backward')
  const made = new Set(backward.flatMap(({ node }) => outputsOf(node)))
  const gradients = new Set<Tensor>()
  for (let step = steps.length - 1; step >= 0; step--) {
    const { node } = steps[step]
    const { op, types, inputs } = node
    if (passes[step] !== 'update' && !(op.kind === 'fused' && bodyOf(node).root < 0)) continue
    const sizes = types.flatMap(({ shape }, i) =>
      passes[step] === 'update' || gradients.has(node.output(i)) ? sizeOf(shape) : [],
    )
    for (const x of inputs.map(baseOf))
      if (made.has(x) && sizes.includes(sizeOf(x.shape))) gradients.add(x)
  }
  return gradients
}

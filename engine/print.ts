// Printing: one line per node or dispatch. The lines are an interface, kept by golden tests.

import { bytesOf, showType, type TensorType } from './dtype.ts'
import type { Graph } from './graph.ts'
import { assignedBy, bodyOf, jointOf } from './passes/fused.ts'
import type { Plan, PlanStep } from './plan/plan.ts'
import type { HostTensor, Node, Tensor, Variable } from './tensor.ts'

/** `1.5 KB`, `80 MB`: powers of 1000, three figures at most. */
export const showBytes = (n: number): string => scaled(n, ['B', 'KB', 'MB', 'GB', 'TB'])
/** `0.23 GF`: floating-point operations. */
export const showFlops = (n: number): string => scaled(n, ['F', 'KF', 'MF', 'GF', 'TF'])

function scaled(n: number, units: readonly string[]): string {
  let value = n
  let unit = 0
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000
    unit++
  }
  return `${unit && value < 100 ? value.toPrecision(2) : Math.round(value)} ${units[unit]}`
}

/** Numbers nodes in the order of a graph, as every stage prints them. */
export class Names {
  readonly #ids = new Map<Node, number>()
  constructor(nodes: Iterable<Node>) {
    for (const n of nodes) this.#ids.set(n, this.#ids.size)
  }
  /** `%7`, or the op's name for a node that this stage no longer has. */
  node(n: Node): string {
    const id = this.#ids.get(n)
    return id === undefined ? titleOf(n) : `%${id}`
  }
  tensor(t: Tensor): string {
    return this.node(t.node) + (t.node.types.length > 1 ? `.${t.index}` : '')
  }
}

/** What ran inside a fused node, or the op's own name. */
export function titleOf(node: Node): string {
  if (node.op.kind !== 'fused')
    return node.op.name === 'rearrange' ? String(node.attrs.as) : node.op.name
  const joint = jointOf(node)
  const { steps } = joint?.each ?? bodyOf(node)
  const names = steps.map((s) => s.op.name).filter((n) => n !== 'scalar' && n !== 'broadcastTo')
  const title = fewOf(names, convolutionIn(node)).join('+') || 'fill'
  return joint && joint.members.length > 1 ? `${joint.members.length}×(${title})` : title
}

/** The first names, or the first and `among`, and how many more there are. */
function fewOf(names: readonly string[], among: string | undefined): readonly string[] {
  if (names.length <= 4) return names
  const hides = among !== undefined && names.indexOf(among) > 2
  return [...names.slice(0, hides ? 2 : 3), ...(hides ? [among] : []), `${names.length - 3} more`]
}

/** What stands in one cell of a table: all of up to `most`, else the first and how many more there are, since an update of many
 * variables has dozens of results. */
const listOf = (items: readonly string[], most = 2): string =>
  items.length > most ? `${items[0]} +${items.length - 1} more` : items.join(' ')

/** The name of the convolution that a kernel is. */
function convolutionIn(node: Node): string | undefined {
  const { steps, root } = bodyOf(node)
  const op = root < 0 ? undefined : steps[root].op
  return op?.kind === 'structured' && op.loads ? op.name : undefined
}

const hidden = new Set(['body', 'type', 'position', 'as', 'size', 'kernel', 'shape', 'version'])

function showAttrs(node: Node): string {
  if (node.op.kind === 'fused') {
    const assigned = node.types.flatMap((_, i) => assignedBy(node, i) ?? [])
    return listOf(assigned.map((s) => `→${(s.attrs.variable as Variable).name}`))
  }
  return Object.entries(node.attrs)
    .filter(([k]) => !hidden.has(k))
    .map(([k, v]) => `${k}=${showAttr(k, v)}`)
    .join(' ')
}

function showAttr(key: string, v: unknown): string {
  if (key === 'variable') return (v as Variable).name
  if (key === 'value' && typeof v === 'object') return showType(v as HostTensor)
  if (Array.isArray(v))
    return v.every((x) => x === v[0]) && v.length ? `${show(v[0])}` : `[${v.map(show)}]`
  return show(v)
}

const show = (v: unknown): string => {
  if (v && typeof v === 'object') {
    const { from, step, offset, divide } = v as Record<string, unknown>
    return `${from}${step === 1 ? '' : `·${step}`}${offset ? `+${offset}` : ''}${divide ? '÷' : ''}`
  }
  return typeof v === 'number' && !Number.isInteger(v) ? v.toPrecision(4) : String(v)
}

const columns = (cells: readonly string[][], right: ReadonlySet<number>): string[] => {
  const widths: number[] = []
  for (const row of cells)
    row.forEach((c, i) => {
      widths[i] = Math.max(widths[i] ?? 0, c.length)
    })
  return cells.map((row) =>
    row
      .map((c, i) => (right.has(i) ? c.padStart(widths[i]) : c.padEnd(widths[i])))
      .join('  ')
      .trimEnd(),
  )
}

/** One line per node: name, op, type, inputs and attributes, cost, bytes, and the module that wrote it; backward nodes
 * name the forward node that they are the derivative of. */
export function printGraph(graph: Graph): string {
  const names = new Names(graph.nodes)
  const rows = graph.nodes.map((node) => {
    const { flops } = node.op.cost(node.inputs, node.types, node.attrs)
    const bytes = node.types.reduce((n, t) => n + bytesOf(t), 0)
    const read = node.inputs.map((x) => names.tensor(x))
    const owner = node.source ? `∂${names.node(node.source)} ${node.source.path}` : ''
    return [
      names.node(node),
      titleOf(node),
      listOf(node.types.map(showType)),
      [listOf(read, jointOf(node) ? undefined : read.length), showAttrs(node)]
        .filter(Boolean)
        .join(' '),
      node.op.kind === 'source' || node.op.kind === 'view' ? '' : showFlops(flops),
      node.op.kind === 'view' ? '' : showBytes(bytes),
      [node.path, owner].filter(Boolean).join(' ').trim(),
    ]
  })
  const outputs = graph.outputs.map((t) => names.tensor(t)).join(' ')
  return [...columns(rows, new Set([4, 5])), `return ${outputs}`].join('\n')
}

/** The plan in figures. */
export interface PlanSummary {
  readonly kernels: number
  readonly dispatches: number
  readonly pipelines: number
  readonly macs: number
  readonly flops: number
  readonly variableBytes: number
  readonly inputBytes: number
  readonly outputBytes: number
  readonly constantBytes: number
  readonly activationBytes: number
  readonly lowerBound: number
  /** Step at which most bytes are alive. */
  readonly peakStep: number
  /** Dispatches and pipelines by kind of kernel. */
  readonly kinds: readonly Kind[]
}

export function summarizePlan(plan: Plan): PlanSummary {
  const costs = plan.steps.map((s) => s.node.op.cost(s.node.inputs, s.node.types, s.node.attrs))
  const total = (xs: readonly TensorType[]) => xs.reduce((n, t) => n + bytesOf(t), 0)
  return {
    kernels: plan.steps.length,
    dispatches: plan.steps.reduce((n, s) => n + s.dispatches.length, 0),
    pipelines: plan.kernels.size,
    macs: costs.reduce((n, c) => n + c.macs, 0),
    flops: costs.reduce((n, c) => n + c.flops, 0),
    variableBytes: total(plan.variables),
    inputBytes: plan.inputBytes,
    outputBytes: plan.outputBytes,
    constantBytes: plan.constantBytes,
    activationBytes: plan.activationBytes,
    lowerBound: plan.lowerBound,
    kinds: kindsOf(plan),
    peakStep: plan.steps.reduce((best, s, i) => (s.live > plan.steps[best].live ? i : best), 0),
  }
}

/** The plan as a timeline: one line per kernel with its dispatches and a bar of the bytes alive, then the totals. */
export function printPlan(plan: Plan): string {
  const most = Math.max(1, plan.lowerBound)
  const head = ['step', 'kernel', 'result', 'dispatches', 'workgroups', 'live', '', 'module']
  const rows = plan.steps.map((s, i) => [
    String(i),
    titleOf(s.node),
    listOf(s.node.types.map(showType)),
    String(s.dispatches.length),
    listOf(s.dispatches.map((d) => d.dispatch.grid.join('·'))),
    showBytes(s.live),
    '▇'.repeat(Math.round((20 * s.live) / most)).padEnd(20),
    [s.node.path, s.node.source && `∂${titleOf(s.node.source)} ${s.node.source.path}`]
      .filter(Boolean)
      .join(' ')
      .trim(),
  ])
  return [
    ...columns([head, ...rows], new Set([0, 3, 5])),
    '',
    ...printSummary(summarizePlan(plan), plan.steps),
  ].join('\n')
}

/** Dispatches and distinct pipelines of one kind of kernel. */
export interface Kind {
  readonly kind: string
  readonly dispatches: number
  readonly pipelines: number
}

/** A plan's dispatches and pipelines by the family of their kernel, most dispatches first. A pipeline is counted where it is
 * first used, so that the kinds add up to the plan. */
export function kindsOf(plan: Plan): Kind[] {
  const kinds = new Map<string, { dispatches: number; pipelines: number }>()
  const seen = new Set<string>()
  for (const { dispatch } of plan.steps.flatMap((s) => s.dispatches)) {
    const { key } = dispatch.kernel
    const [kind] = key.split(/[ /]/, 1)
    const known = kinds.get(kind) ?? { dispatches: 0, pipelines: 0 }
    kinds.set(kind, known)
    known.dispatches++
    if (!seen.has(key)) known.pipelines++
    seen.add(key)
  }
  return [...kinds]
    .map(([kind, n]) => ({ kind, ...n }))
    .sort((a, b) => b.dispatches - a.dispatches || b.pipelines - a.pipelines)
}

/** `kindsOf` as a table. */
export function printKinds(plan: Plan): string {
  const rows = kindsOf(plan).map((k) => [String(k.dispatches), String(k.pipelines), k.kind])
  const total = [plan.steps.reduce((n, s) => n + s.dispatches.length, 0), plan.kernels.size]
  return columns(
    [['dispatches', 'pipelines', 'kernel'], ...rows, [...total.map(String), 'in all']],
    new Set([0, 1]),
  ).join('\n')
}

const count = (n: number, what: string, plural = 's') => `${n} ${what}${n === 1 ? '' : plural}`

function printSummary(s: PlanSummary, steps: readonly PlanStep[]): string[] {
  const peak = steps[s.peakStep]
  const over = s.lowerBound ? (100 * (s.activationBytes / s.lowerBound - 1)).toFixed(1) : '0.0'
  return [
    `${count(s.kernels, 'kernel')}, ${count(s.dispatches, 'dispatch', 'es')}, ${count(s.pipelines, 'pipeline')}; ${showFlops(s.flops)}, ${scaled(s.macs, ['', 'K', 'M', 'G', 'T'])} multiply-adds`,
    `variables ${showBytes(s.variableBytes)}, inputs ${showBytes(s.inputBytes)}, results ${showBytes(s.outputBytes)}, constants ${showBytes(s.constantBytes)}`,
    `activations ${showBytes(s.activationBytes)}, ${over} % above the least that is alive at once` +
      (peak
        ? `; peak at step ${s.peakStep}, ${titleOf(peak.node)}${peak.node.path ? ` in ${peak.node.path}` : ''}`
        : ''),
  ]
}

/** Every distinct kernel's WGSL under its first use. */
export function printKernels(plan: Plan): string {
  const seen = new Set<string>()
  const parts: string[] = []
  for (const s of plan.steps)
    for (const { dispatch } of s.dispatches) {
      if (seen.has(dispatch.kernel.key)) continue
      seen.add(dispatch.kernel.key)
      parts.push(
        `// ${titleOf(s.node)}${s.node.path ? ` in ${s.node.path}` : ''}\n${dispatch.kernel.code.trim()}`,
      )
    }
  return parts.join('\n\n')
}

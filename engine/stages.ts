// The way from a function to a plan, each stage kept so that it can be printed:
// trace → differentiate (inside the function, by grad) → simplify, cut what is too large → fuse → recompute → plan.

import type { Caps } from './adapters/adapter.ts'
import type { CompileOptions } from './compile.ts'
import { withConditions } from './condition.ts'
import { DeviceTensor } from './device-tensor.ts'
import { showType, type TensorType } from './dtype.ts'
import { AtrousError, DeviceError, OptionError, ShapeError } from './errors.ts'
import { type Graph, graphOf } from './graph.ts'
import { apply } from './op.ts'
import { checkChoice, optionsOf } from './ops/options.ts'
import { refuseOption, shown } from './ops/refuse.ts'
import { inputOp } from './ops/source.ts'
import { fuse, fuseNothing } from './passes/fuse.ts'
import { worksOnLoad } from './passes/fuse-load.ts'
import { giveStatistics } from './passes/fuse-statistics.ts'
import { hoistNumbers } from './passes/hoist.ts'
import { joinUpdates } from './passes/joint.ts'
import { narrow } from './passes/precision.ts'
import { separate, simplify, unalias } from './passes/simplify.ts'
import { inlineVectors } from './passes/vectors.ts'
import { cutLarge } from './passes/windows.ts'
import { type Plan, plan } from './plan/plan.ts'
import { deviceProfiles } from './recompute/device-profile.ts'
import { recompute } from './recompute/recompute.ts'
import { spare } from './recompute/spare.ts'
import { bytesOfBudget, graphWithin, type Replan } from './recompute/within.ts'
import { checkType } from './run/arguments.ts'
import { type Node, Tensor, Variable } from './tensor.ts'
import { tracing } from './trace.ts'
import { witness } from './witness.ts'

/** What a compiled function may return: a tensor, or arrays and records of them. */
export type Tree<T> = T | readonly Tree<T>[] | { readonly [key: string]: Tree<T> }

/** The same structure with another leaf. */
export type Mapped<R, L> = R extends Tensor
  ? L
  : R extends readonly (infer E)[]
    ? Mapped<E, L>[]
    : R extends object
      ? { [K in keyof R]: Mapped<R[K], L> }
      : R

export interface StageOptions {
  /** False: every op is a kernel of its own. `apart`: fused, but updates that do the same to different variables are not run
   * together. Default: true. The bits are the same in all but the first. */
  readonly fuse?: boolean | 'apart'
  /** A pass over the graph as traced, before anything else. */
  readonly instrument?: (graph: Graph) => Graph
  /** Which values of the forward pass are not kept for the backward pass, but made again there. `cheap`: those inside a
   * `checkpoint`, and of those that hardly cost more than the memory they would wait in (see cheap.ts) as many as lower the peak.
   * `auto` (default): as `cheap`, but where less than 64 MiB are ever alive at once only those inside a `checkpoint`. `none`: all
   * are kept. A function is a pass of your own over fused kernels. */
  readonly recompute?: 'auto' | 'cheap' | 'none' | ((graph: Graph) => Graph)
  /** The most memory that the program may take, variables, arguments and results included: bytes, or a text such as '8GiB'. Of
   * the ways to run it, from everything kept but what is inside a `checkpoint` to the forward pass run again in parts, it is
   * the one that takes the least time and fits. Compiling throws OptionError for what is no size, OutOfMemoryError, with what
   * would fit, where no plan does. Results count once: those that are held while later runs make others come on top, and so do
   * copies of arguments in the queue (`uploadBytes` of `account`). */
  readonly memoryBudget?: number | string
  /** `mixed`: activations and their gradients are stored as f16, in half the memory, and everything is computed in f32;
   * arguments, variables, statistics, losses, gradients of parameters and results are f32 (see precision.ts). Gradients below
   * 6e-8 are lost then: give the optimiser a `lossScale`. Compiling throws DeviceError where the adapter has no shader-f16.
   * Default: `full`, all f32. */
  readonly precision?: Precision
}

export type Precision = 'full' | 'mixed'
export const precisions: readonly Precision[] = ['full', 'mixed']

export interface Stages<R> {
  readonly traced: Graph
  readonly simplified: Graph
  readonly fused: Graph
  readonly recomputed: Graph
  readonly plan: Plan
  /** What the function returned. */
  readonly result: R
  /** Nodes as traced that are not in `simplified` since another has their value, each with that one. */
  readonly replaced: ReadonlyMap<Node, Node>
  /** The derivative, with respect to each tensor that a gradient was carried back through, of what it is the gradient of; of
   * several gradients the first. */
  readonly cotangents: ReadonlyMap<Tensor, Tensor>
}

const recomputes = ['auto', 'cheap', 'none']

/** Throws OptionError for what is none of the options of `compile`, and for values that are none of theirs. */
export function checkCompileOptions(options: CompileOptions): void {
  const of = 'compile'
  const { fuse, recompute, memoryBudget, precision, instrument, onProgress, tune } = optionsOf(
    of,
    options,
    { ...free, watch: false },
  )
  if (fuse !== undefined && fuse !== 'apart' && typeof fuse !== 'boolean')
    refuseOption(of, `fuse is true, false or 'apart', not ${shown(fuse)}`)
  if (recompute !== undefined && typeof recompute !== 'function')
    checkChoice(of, 'recompute', recompute, recomputes)
  if (precision !== undefined) checkChoice(of, 'precision', precision, precisions)
  if (memoryBudget !== undefined) bytesOfBudget(memoryBudget)
  for (const [name, value] of Object.entries({ instrument, onProgress }))
    if (value !== undefined && typeof value !== 'function')
      refuseOption(of, `${name} is a function, not ${shown(value)}`)
  if (tune !== undefined) optionsOf('tune', tune, freeOfTune)
}

/** Those that have no default here. */
const free = {
  fuse: undefined,
  instrument: undefined,
  recompute: undefined,
  memoryBudget: undefined,
  precision: undefined,
  onProgress: undefined,
  cache: undefined,
  tune: undefined,
}
/** Options of tuning. */
export const freeOfTune = { seconds: undefined, again: false, keep: true, onProgress: undefined }

/** Takes a function of tensors all the way to a plan for a device with capabilities `caps`. No device is needed.
 * Throws ShapeError for types that are none, and when the function uses an argument or an assignment of another program,
 * OptionError for options that do not exist. */
export function stages<R>(
  fn: (...inputs: Tensor[]) => R,
  types: readonly TensorType[],
  caps: Caps,
  options: StageOptions = {},
): Stages<R> {
  checkCompileOptions(options)
  types.forEach((type, i) => {
    checkType(`argument ${i}`, type)
  })
  const inputs: Tensor[] = []
  const { result, trace } = tracing(() => {
    types.forEach((type, position) => {
      inputs.push(apply(inputOp, [], { type, position })[0])
    })
    return fn(...inputs)
  })
  const written = graphOf(types, leavesOf(result), trace.assigns)
  refuseStrangers(written, [...inputs, ...trace.assigns])
  const plain = withConditions(written, trace.conditions)
  const traced = options.instrument?.(plain) ?? plain
  const replaced = new Map<Node, Node>()
  const simplified = cutLarge(separate(simplify(traced, replaced)), caps)
  const maxBuffers = caps.maxStorageBuffers
  const kernels =
    options.fuse === false
      ? fuseNothing(simplified)
      : giveStatistics(
          fuse(simplified, { maxBuffers, onLoad: worksOnLoad[caps.kind] }),
          caps.kind,
          maxBuffers,
        )
  const joined = options.fuse === false ? kernels : inlineVectors(kernels, maxBuffers)
  const fused = stored(hoistNumbers(unalias(joined), maxBuffers), caps, options)
  const replan: Replan = (smaller) => void stages(fn, smaller, caps, options)
  const recomputed = recomputedWithin(fused, caps, options, replan)
  witness.recomputed?.(fused, recomputed)
  const { memoryBudget } = options
  const budget = memoryBudget === undefined ? undefined : bytesOfBudget(memoryBudget)
  const joins = (options.fuse ?? true) === true
  const planned = joins ? joinUpdates(recomputed, caps, budget) : plan(recomputed, caps)
  const { cotangents } = trace
  return { traced, simplified, fused, recomputed, plan: planned, result, replaced, cotangents }
}

/** The graph with its values stored in the precision that is asked for. */
function stored(graph: Graph, caps: Caps, { precision = 'full' }: StageOptions): Graph {
  if (precision === 'full') return graph
  if (!caps.f16)
    throw new DeviceError(
      `precision mixed stores f16, and ${caps.name} has no shader-f16`,
      "leave precision out, or open an adapter that has it: 'atrous doctor' says which",
    )
  return narrow(graph)
}

function recomputedWithin(
  fused: Graph,
  caps: Caps,
  { recompute: how, memoryBudget }: StageOptions,
  replan: Replan,
): Graph {
  if (memoryBudget !== undefined) {
    if (how !== undefined && how !== 'auto' && how !== 'cheap')
      throw new OptionError('memoryBudget decides what is recomputed', 'leave recompute out')
    return graphWithin(fused, caps, bytesOfBudget(memoryBudget), deviceProfiles[caps.kind], replan)
  }
  const made = recompute(fused, how)
  return typeof how === 'function' ? made : spare(made)
}

/** Only what its own trace made can be an argument or an assignment of a program. */
function refuseStrangers(graph: Graph, own: readonly Tensor[]): void {
  const known = new Set(own.map((t) => t.node))
  // The last one is the one that the function itself took: it may have come from others.
  const stranger = graph.nodes.findLast(
    (n) => (n.op.name === 'input' || n.op.name === 'assign') && !known.has(n),
  )
  if (!stranger) return
  const user = graph.nodes.find((n) => n.inputs.some((x) => x.node === stranger)) ?? stranger
  throw new ShapeError(
    user.op.name,
    `an ${stranger.op.name === 'input' ? 'argument' : 'assignment'} of another program has no value here`,
    [showType(stranger.types[0])],
    user.path,
    'return it from that program, and give the result to this one as an argument',
  )
}

/** The tensors of a structure, in a fixed order. Throws OptionError for a promise anywhere in it, AtrousError for what else cannot be
 * returned. */
export function leavesOf(tree: unknown): Tensor[] {
  if (tree instanceof Tensor) return [tree]
  if (tree instanceof Promise) refusePromise(tree)
  if (tree instanceof Variable)
    throw notReturned(`the variable ${tree.name}`, 'return its value: read(variable)')
  if (tree instanceof DeviceTensor)
    throw notReturned('a result of a run', 'give it as an argument, or keep it outside')
  if (tree instanceof Map || tree instanceof Set) throw notReturned(tree.constructor.name)
  if (Array.isArray(tree)) return tree.flatMap(leavesOf)
  if (tree && typeof tree === 'object') return Object.values(tree).flatMap(leavesOf)
  if (tree === undefined || tree === null) return []
  throw notReturned(typeof tree)
}

const notReturned = (what: string, hint?: string) =>
  new AtrousError(
    `a compiled function returned ${what}; it can return tensors, arrays and records of them`,
    hint,
  )

/** What follows an `await` would not be traced. */
function refusePromise(result: Promise<unknown>): never {
  // Nobody waits for it.
  result.catch(() => undefined)
  throw new OptionError(
    'a compiled function is async',
    'it is called once, to write down what the device does: await results outside of it',
  )
}

/** The structure with each tensor replaced, in the order of `leavesOf`. */
export function mapLeaves(tree: unknown, next: () => unknown): unknown {
  if (tree instanceof Tensor) return next()
  if (Array.isArray(tree)) return tree.map((t) => mapLeaves(t, next))
  if (tree && typeof tree === 'object')
    return Object.fromEntries(Object.entries(tree).map(([k, v]) => [k, mapLeaves(v, next)]))
  return tree
}

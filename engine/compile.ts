// Programs: a function, traced and planned once for each set of argument types that it meets.

import type { Caps } from './adapters/adapter.ts'
import type { Device } from './device.ts'
import type { DeviceTensor } from './device-tensor.ts'
import type { TensorType } from './dtype.ts'
import { DeviceError, OptionError, StaleTensorError } from './errors.ts'
import { type Graph, graphOf } from './graph.ts'
import { scalar } from './ops/source.ts'
import { firstNonFinite, type Watched, watched } from './passes/watch.ts'
import {
  type Argument,
  checkArguments,
  checkCount,
  isStatic,
  keptForLater,
  keyOf,
  type Parameter,
  type Static,
  typesOf,
  type Value,
} from './run/arguments.ts'
import { CompiledPlan, type CompileProgress, type Times } from './run/program.ts'
import type { Turns } from './run/turns.ts'
import { forgetGone } from './run/variables.ts'
import {
  checkCompileOptions,
  type Mapped,
  mapLeaves,
  type StageOptions,
  type Stages,
  stages,
} from './stages.ts'
import type { Tensor, Variable } from './tensor.ts'
import { tunedFirst } from './tuning/first.ts'
import type { TuneOptions } from './tuning/run.ts'

export type { Argument } from './run/arguments.ts'
export type { CompileProgress } from './run/program.ts'

export interface CompileOptions extends StageOptions {
  /** Test every value for NaN and infinity at each run; the first node that made one is named in a NonFiniteError.
   * Slow: each run waits for the device. */
  readonly watch?: boolean
  /** Told of each kernel of a plan that is ready, before the plan first runs; those made for other programs are ready at once.
   * What it throws, the run throws. */
  readonly onProgress?: (progress: CompileProgress) => void
  /** Plans kept, one per set of argument types and static arguments; default 8. */
  readonly cache?: number
  /** Measures, before the first run with arguments of new types, which configurations of kernels are the fastest for them,
   * `seconds` in all (see `Device.tune`). Default: nothing is measured. */
  readonly tune?: Omit<TuneOptions, 'stages'>
}

export interface Program<R> {
  /** Runs once. Resolves when the commands are on their way; the results stay on the device until they are disposed.
   * Arguments belong to the caller again when this returns: host data is copied, and device tensors may be disposed.
   * Whatever is asked of a device happens in the order of asking, also behind a first run, which waits for its
   * kernels. Throws OptionError or ShapeError for arguments that do not fit, StaleTensorError when the function took
   * in a tensor, made outside of it, that reads a value of a variable that has been overwritten. */
  run(...args: Argument[]): Promise<Mapped<R, DeviceTensor>>
  /** The stages of the plan for arguments of these types; strings and booleans are static arguments. */
  stages(...types: (TensorType | Static)[]): Stages<R>
  /** Runs once with a timestamp around each kernel: milliseconds of each step of the plan, in its order. Throws DeviceError
   * where the device gives no timestamps. */
  profile(...args: Argument[]): Promise<number[]>
  /** Milliseconds of each dispatch of the plan, run by itself, again and again: what `profile` cannot tell without timestamps, or
   * where they are rounded. Assignments happen as often, so that what the variables hold is of no use afterwards. */
  profileApart(...args: Argument[]): Promise<Times>
  /** Releases buffers and plans once the runs that were asked for are on their way. Results that are still held live on. */
  dispose(): void
  [Symbol.dispose](): void
}

interface Entry<R> {
  readonly stages: Stages<R>
  /** What it was planned with. */
  readonly caps: Caps
  readonly watched: Watched | undefined
  /** Number, among the arguments, of each input of the graph. */
  readonly positions: readonly number[]
  readonly captured: readonly Captured[]
  /** Pipelines and buffers, from the first run on. */
  compiled: Promise<CompiledPlan> | undefined
  /** The same, once it is there. */
  ready: CompiledPlan | undefined
}

/** A read of a variable that was traced before the function was. */
interface Captured {
  readonly variable: Variable
  readonly version: number
}

type Types = readonly (TensorType | Static)[]

export function compileProgram<R>(
  device: Device,
  fn: (...args: Parameter[]) => R,
  options: CompileOptions,
): Program<R> {
  checkCompileOptions(options)
  const limit = options.cache ?? 8
  if (!(limit >= 1)) throw new OptionError(`cache: ${limit} plans are none`, 'use 1 or more')
  if (typeof fn !== 'function')
    throw new OptionError(
      `compile takes a function, not ${typeof fn}`,
      'as compile((x) => relu(x))',
    )
  const entries = new Map<string, Entry<R>>()
  const { turns } = device
  const tuneBefore = options.tune && tunedFirst(device, fn, options.tune, options)

  const build = (types: Types): Entry<R> => {
    let watch: Watched | undefined
    const { bound, tensors, positions } = bindStatic(fn, types)
    const begun = scalar(0).node.id
    const { caps } = device
    const made = stages(bound, tensors, caps, {
      ...options,
      ...(options.watch && {
        instrument: (graph) => {
          watch = watched(options.instrument?.(graph) ?? graph)
          return watch.graph
        },
      }),
    })
    const captured = capturedBefore(begun, made.traced)
    const later = { compiled: undefined, ready: undefined }
    return { stages: made, caps, watched: watch, positions, captured, ...later }
  }
  const entry = (types: Types): Entry<R> => {
    checkCount(types.length, fn.length)
    const key = keyOf(types)
    let found = entries.get(key)
    if (found) entries.delete(key)
    else found = build(types)
    // Re-inserted at each use, so that the first is the one longest unused.
    entries.set(key, found)
    if (entries.size > limit) {
      const [oldest] = entries.keys()
      release(turns, entries.get(oldest)!)
      entries.delete(oldest)
    }
    return found
  }
  /** The entry, planned with what tuning has found meanwhile. */
  const renewed = (types: Types): Entry<R> => {
    const key = keyOf(types)
    const old = entries.get(key)
    if (old && old.caps !== device.caps) {
      release(turns, old)
      entries.delete(key)
    }
    return entry(types)
  }
  /** Pipelines and buffers of an entry; what failed is tried again by a later run. */
  const made = (e: Entry<R>): Promise<CompiledPlan> => {
    if (e.compiled) return e.compiled
    const compiled = CompiledPlan.make(device, e.stages.plan, options.onProgress)
    e.compiled = compiled
    compiled.then(
      (plan) => {
        e.ready = plan
      },
      () => {
        if (e.compiled === compiled) e.compiled = undefined
      },
    )
    return compiled
  }
  /** Gives `use` the plan for these arguments: at once where it is ready and nothing waits, else in its turn; `alone` where nothing else
   * may be made or run meanwhile. What waits has its assignments counted: whatever is asked next comes after it. */
  const withPlan = async <T>(
    args: readonly Argument[],
    use: (
      plan: CompiledPlan,
      values: readonly Value[],
      entry: Entry<R>,
      counted: boolean,
    ) => Promise<T>,
    alone = false,
  ): Promise<T> => {
    const checked = checkArguments(args)
    const types = typesOf(checked)
    const values = checked.filter((v): v is Value => !isStatic(v))
    const e = entry(types)
    checkFresh(e.captured)
    const tune = tuneBefore?.(types)
    if (e.ready && !tune && !turns.busy && !alone) return use(e.ready, values, e, false)
    const own = keptForLater(values)
    for (const v of e.stages.plan.assigned) v.version++
    // Kernels are made while others run, unless these must be alone.
    const making = tune || turns.alone ? undefined : made(e)
    making?.catch(() => {})
    try {
      return await turns.wait(async () => {
        await tune?.()
        const now = tune ? renewed(types) : e
        return use(await (making ?? made(now)), own.values, now, true)
      }, alone)
    } finally {
      own.release()
    }
  }
  const drop = () => {
    for (const e of entries.values()) release(turns, e)
    entries.clear()
  }
  const dispose = () => {
    drop()
    // Runs that tune first plan again in their turn.
    if (tuneBefore) turns.after(drop)
  }
  return {
    run: (...args) =>
      withPlan(args, async (plan, values, e, counted) => {
        const results = await plan.run(values, counted)
        if (e.watched) await watchOver(e.watched, e.positions, results)
        return mapLeaves(e.stages.result, () => results.shift()) as Mapped<R, DeviceTensor>
      }),
    profile: async (...args) => {
      const { name, timestamps } = device.caps
      if (!timestamps)
        throw new DeviceError(`profile: ${name} gives no timestamps`, 'use profileApart')
      return withPlan(args, (plan, values) => plan.profile(values), true)
    },
    profileApart: (...args) => withPlan(args, (plan, values) => plan.profileApart(values), true),
    stages: (...types) => entry(typesOf(types)).stages,
    dispose,
    [Symbol.dispose]: dispose,
  }
}

/** The function of tensors alone that is left when static arguments are given. */
export function bindStatic<R>(fn: (...args: Parameter[]) => R, types: Types) {
  const positions = [...types.keys()].filter((i) => !isStatic(types[i]))
  const bound = (...inputs: Tensor[]) => {
    const rest = [...inputs]
    return fn(...types.map((t) => (isStatic(t) ? t : rest.shift()!)))
  }
  return { bound, positions, tensors: types.filter((t): t is TensorType => !isStatic(t)) }
}

/** Reads of variables by nodes that are older than node number `begun`. */
function capturedBefore(begun: number, traced: Graph): Captured[] {
  const old = traced.nodes.filter((n) => n.op.name === 'variable' && n.id < begun)
  return old.map((n) => n.attrs as unknown as Captured)
}

/** Throws StaleTensorError when a tensor reads a value of a variable that has been overwritten. */
export const refuseStale = (t: Tensor): void =>
  checkFresh(capturedBefore(Number.POSITIVE_INFINITY, graphOf([], [t], [])))

function checkFresh(captured: readonly Captured[]): void {
  for (const { variable } of captured) forgetGone(variable)
  const stale = captured.find((c) => c.variable.version !== c.version)
  if (!stale) return
  throw new StaleTensorError(
    `a tensor reads ${stale.variable.name} as it was before it was overwritten`,
    'build the tensor again after the update, or inside the function that is compiled',
  )
}

function release<R>(turns: Turns, e: Entry<R>): void {
  turns.after(() => {
    if (e.ready) e.ready.dispose()
    else
      e.compiled?.then(
        (plan) => plan.dispose(),
        () => {},
      )
  })
}

/** Takes the flags from the end of the results and throws if one is raised; the results are disposed then. */
async function watchOver(
  watch: Watched,
  positions: readonly number[],
  results: DeviceTensor[],
): Promise<void> {
  if (!watch.values.length) return
  const flags = results.pop()!
  try {
    const found = await flags.read()
    const error = firstNonFinite(watch, found, positions)
    if (error) throw error
  } catch (error) {
    for (const r of results) r.dispose()
    throw error
  } finally {
    flags.dispose()
  }
}

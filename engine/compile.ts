// Programs: a function, traced and planned once for each set of argument types that it meets.

import type { Device } from './device.ts'
import type { DeviceTensor } from './device-tensor.ts'
import { type HostArray, showType, type TensorType } from './dtype.ts'
import { NonFiniteError, OptionError } from './errors.ts'
import { hostTensor } from './ops/source.ts'
import { CompiledPlan } from './program.ts'
import { type Mapped, mapLeaves, type StageOptions, type Stages, stages } from './stages.ts'
import type { HostTensor, Tensor } from './tensor.ts'
import { type Watched, watched } from './watch.ts'

/** What a program takes: host data with a shape, a result of another program, or a number (an f32 scalar). */
export type Argument = HostTensor | DeviceTensor | number

export interface CompileOptions extends StageOptions {
  /** Test every value for NaN and infinity at each run; the first node that made one is named in a NonFiniteError.
   * Slow: each run waits for the device. */
  readonly watch?: boolean
  /** Plans kept, one per set of argument types; default 8. */
  readonly cache?: number
}

export interface Program<R> {
  /** Runs once. Resolves when the commands are on their way; the results stay on the device. */
  run(...args: Argument[]): Promise<Mapped<R, DeviceTensor>>
  /** The stages of the plan for arguments of these types. */
  stages(...types: TensorType[]): Stages<R>
  /** Runs once with a timestamp around each kernel: milliseconds of each step of the plan, in its order. */
  profile(...args: Argument[]): Promise<number[]>
  /** Releases buffers and plans. Results that are still held live on. */
  dispose(): void
  [Symbol.dispose](): void
}

interface Entry<R> {
  readonly stages: Stages<R>
  readonly compiled: Promise<CompiledPlan>
  readonly watched: Watched | undefined
}

export function compileProgram<R>(
  device: Device,
  fn: (...inputs: Tensor[]) => R,
  options: CompileOptions,
): Program<R> {
  const limit = options.cache ?? 8
  if (!(limit >= 1)) throw new OptionError(`cache: ${limit} plans are none`, 'use 1 or more')
  const entries = new Map<string, Entry<R>>()

  const build = (types: readonly TensorType[]): Entry<R> => {
    let watch: Watched | undefined
    const made = stages(fn, types, device.caps, {
      ...options,
      ...(options.watch && {
        instrument: (graph) => {
          watch = watched(graph)
          return watch.graph
        },
      }),
    })
    return { stages: made, compiled: CompiledPlan.make(device, made.plan), watched: watch }
  }
  const entry = (types: readonly TensorType[]): Entry<R> => {
    const key = types.map(showType).join()
    let found = entries.get(key)
    if (found) entries.delete(key)
    else found = build(types)
    // Re-inserted at each use, so that the first is the one longest unused.
    entries.set(key, found)
    if (entries.size > limit) {
      const [oldest] = entries.keys()
      release(entries.get(oldest)!)
      entries.delete(oldest)
    }
    return found
  }
  const dispose = () => {
    for (const e of entries.values()) release(e)
    entries.clear()
  }
  return {
    async run(...args) {
      const values = args.map((a) => (typeof a === 'number' ? hostTensor(a) : a))
      const { compiled, stages: made, watched: watch } = entry(values.map(plainType))
      const results = await (await compiled).run(values)
      if (watch) await report(watch, results.pop()!)
      const rest = [...results]
      return mapLeaves(made.result, () => rest.shift()) as Mapped<R, DeviceTensor>
    },
    async profile(...args) {
      const values = args.map((a) => (typeof a === 'number' ? hostTensor(a) : a))
      return (await entry(values.map(plainType)).compiled).profile(values)
    },
    stages: (...types) => entry(types).stages,
    dispose,
    [Symbol.dispose]: dispose,
  }
}

const plainType = ({ dtype, shape }: TensorType): TensorType => ({ dtype, shape })

function release<R>(entry: Entry<R>): void {
  entry.compiled.then(
    (c) => c.dispose(),
    () => undefined,
  )
}

async function report(watch: Watched, flags: DeviceTensor): Promise<void> {
  const found: HostArray = await flags.read()
  flags.dispose()
  const first = found.findIndex((f: number) => f !== 0)
  if (first < 0) return
  const node = watch.nodes[first]
  throw new NonFiniteError(
    `${node.op.name} in ${node.path || 'the program'} made a value that is not finite: ${showType(node.types[0])}`,
    'its inputs were finite; look at their range, or lower the learning rate',
  )
}

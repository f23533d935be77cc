// A compiled function on a device: pipelines and buffers for a plan, and the running of it.

import type { Device } from '../device.ts'
import { DeviceTensor } from '../device-tensor.ts'
import { storageBytes } from '../dtype.ts'
import { DeviceError, OutOfMemoryError } from '../errors.ts'
import { needsOf } from '../plan/needs.ts'
import type { Plan } from '../plan/plan.ts'
import { layoutUniforms } from '../plan/uniforms.ts'
import type { HostTensor, Variable } from '../tensor.ts'
import { type Buffer, kernelsByKey, usage, writePadded } from './buffers.ts'
import { type ClockKind, clockOf, repeatFor } from './clock.ts'
import { heirsOf, type Uses, usesOf } from './donate.ts'
import { Replay, type RunBuffers } from './replay.ts'
import { submit, timed } from './submit.ts'
import { runsInFlight } from './uploads.ts'
import type { Move } from './variables.ts'

/** How many outputs of a program may be held before a run makes new buffers. */
const outputDepth = 3
/** Runs that may wait for the adapter. */
const inFlight = runsInFlight - 1

type Heirs = ReturnType<typeof heirsOf>

const hostBytes = (args: readonly (HostTensor | DeviceTensor)[]): number =>
  args.reduce((n, a) => n + (a instanceof DeviceTensor ? 0 : a.data.byteLength), 0)

/** How far the pipelines of a program are. */
export interface CompileProgress {
  /** Distinct kernels that are ready, and all that the plan has. */
  readonly made: number
  readonly total: number
  /** The newest. */
  readonly label: string
}

/** Milliseconds of each dispatch of a plan, and how they were measured. */
export interface Times {
  readonly ms: readonly number[]
  readonly by: ClockKind
}

export class CompiledPlan {
  readonly plan: Plan
  readonly #device: Device
  readonly #replay: Replay
  readonly #uniforms: Buffer
  readonly #inputs: readonly Buffer[]
  readonly #constants: readonly Buffer[]
  readonly #uses: Uses
  #placed: { readonly at: number; readonly buffers: readonly Buffer[] } | undefined
  readonly #spare: Buffer[][]
  readonly #pending: Promise<unknown>[] = []
  #ran = false
  #disposed = false

  private constructor(
    device: Device,
    plan: Plan,
    replay: Replay,
    uniforms: Buffer,
    inputs: readonly Buffer[],
    constants: readonly Buffer[],
  ) {
    this.#device = device
    this.plan = plan
    this.#replay = replay
    this.#uniforms = uniforms
    this.#inputs = inputs
    this.#constants = constants
    this.#uses = usesOf(plan)
    this.#spare = plan.graph.outputs.map(() => [])
  }

  /** Makes pipelines (all at once), uniforms and buffers. Variables move together here, so that what they leave is gone before the
   * first run makes activation memory. */
  static async make(
    device: Device,
    plan: Plan,
    onProgress?: (progress: CompileProgress) => void,
  ): Promise<CompiledPlan> {
    const dispatches = plan.steps.flatMap((s) => s.dispatches)
    const { words } = layoutUniforms(dispatches)
    const kernels = kernelsByKey(dispatches.map((d) => d.dispatch.kernel))
    const total = kernels.size
    let made = 0
    const making = [...kernels].map(async ([label, kernel]) => {
      const pipeline = await device.pipelines.get(kernel)
      onProgress?.({ made: ++made, total, label })
      return [label, pipeline] as const
    })
    const byKey = new Map(await device.settle(Promise.all(making)))
    const pipelines = dispatches.map((d) => byKey.get(d.dispatch.kernel.key)!)
    const all: Buffer[] = []
    const make = (bytes: number, label: string, flags?: number) => {
      const buffer = device.buffers.make(bytes, label, flags)
      all.push(buffer)
      return buffer
    }
    let move: Move | undefined
    try {
      await device.guarded(
        () => {
          move = device.together(plan.pools)
          const flags = usage.uniform | usage.storage | usage.copyDst
          const uniforms = make(words.byteLength, 'uniforms', flags)
          device.gpu.queue.writeBuffer(uniforms.gpu, 0, words)
          for (const [i, t] of plan.graph.inputs.entries()) make(storageBytes(t), `input ${i}`)
          for (const c of plan.constants) {
            const buffer = make(storageBytes(c), 'constant')
            writePadded(device.gpu, buffer, c)
          }
        },
        () => needsOf(plan),
      )
      move?.done()
    } catch (error) {
      for (const b of all) device.buffers.free(b)
      move?.undo()
      throw error
    }
    const [uniforms, ...rest] = all
    const inputs = rest.splice(0, plan.graph.inputs.length)
    const replay = new Replay(device, plan, pipelines, uniforms)
    return new CompiledPlan(device, plan, replay, uniforms, inputs, rest)
  }

  /** Encodes and submits one run: arguments are written, and versions counted unless they were when it was asked for, before it
   * returns. Resolves once the commands are on their way; the results are device tensors. */
  async run(
    args: readonly (HostTensor | DeviceTensor)[],
    counted = false,
  ): Promise<DeviceTensor[]> {
    const device = this.#device
    const { variables } = this.plan
    const known = this.#placed?.at === device.placements
    const fresh = known ? [] : variables.filter((v) => !device.holds(v))
    const apart = !known && this.plan.pools.some((pool) => !device.areTogether(pool))
    const heirs = heirsOf(args, this.plan, this.#uses)
    let outputs: DeviceTensor[] = []
    let move: Move | undefined
    const work = () => {
      device.check()
      if (apart) move = device.together(this.plan.pools)
      const { buffers, results } = this.#prepare(args, heirs)
      outputs = results
      submit(device.gpu, this.#replay.bind(buffers))
      if (!counted) for (const v of this.plan.assigned) v.version++
      // The queue is in order: what is written there next comes after this run.
      for (const a of args) if (a instanceof DeviceTensor && a.donated) a.dispose()
    }
    // Only the first run, and those that make buffers, can fail: to ask costs a round trip.
    if (this.#ran && !fresh.length && !apart && !this.#grows(heirs)) work()
    else
      try {
        await device.guarded(work, () => needsOf(this.plan))
        move?.done()
      } catch (error) {
        for (const o of outputs) o.dispose()
        move?.undo()
        if (error instanceof OutOfMemoryError) this.#forget(fresh)
        throw error
      }
    this.#ran = true
    const done = device.gpu.queue.onSubmittedWorkDone()
    device.uploads.add(hostBytes(args), done)
    this.#pending.push(done)
    if (this.#pending.length > inFlight) await device.settle(this.#pending.shift()!)
    return outputs
  }

  /** Whether the next run makes buffers. */
  #grows(heirs: Heirs): boolean {
    const small = this.#device.arena.bytes < this.plan.activationBytes
    return small || this.#spare.some((list, output) => !list.length && !heirs.has(output))
  }

  /** Lets go of all buffers that may have been made in a run for which there was no memory. */
  #forget(fresh: readonly Variable[]): void {
    const device = this.#device
    for (const b of this.#spare.flat()) device.buffers.free(b)
    for (const list of this.#spare) list.length = 0
    for (const v of fresh) device.forget(v)
    device.arena.drop()
  }

  /** Buffers for one run: arguments written, results fresh. */
  #prepare(
    args: readonly (HostTensor | DeviceTensor)[],
    heirs: Heirs = new Map(),
  ): { buffers: RunBuffers; results: DeviceTensor[] } {
    const device = this.#device
    device.check()
    const { plan } = this
    const slabs = device.arena.slabs(plan.activationBytes, plan.slabBytes)
    const inputs = args.map((arg, i) => this.#bindInput(arg, i))
    const variables = this.#variables()
    const results: DeviceTensor[] = []
    try {
      for (const i of plan.graph.outputs.keys()) results.push(this.#result(i, heirs.get(i)?.take()))
    } catch (error) {
      for (const r of results) r.dispose()
      throw error
    }
    const outputs = results.map((r) => r.buffer)
    return { results, buffers: { inputs, outputs, slabs, variables, constants: this.#constants } }
  }

  /** Buffers of the variables; asked for only when some variable's has changed. */
  #variables(): readonly Buffer[] {
    const device = this.#device
    if (this.#placed?.at !== device.placements) {
      const buffers = this.plan.variables.map((v) => device.place(v))
      this.#placed = { at: device.placements, buffers }
    }
    return this.#placed.buffers
  }

  // Apart from the rest of a run: what gives a buffer back must not lead to the results.
  #result(output: number, inherited: Buffer | undefined): DeviceTensor {
    const device = this.#device
    const { dtype, shape } = this.plan.graph.outputs[output]
    const buffer =
      inherited ??
      this.#spare[output].pop() ??
      device.buffers.make(storageBytes({ dtype, shape }), `output ${output}`)
    return new DeviceTensor(device, { dtype, shape }, buffer, () => this.#giveBack(output, buffer))
  }

  /** Runs once with a timestamp around each kernel: milliseconds of each step of the plan; browsers quantise them. The device
   * must have timestamp-query. */
  async profile(args: readonly (HostTensor | DeviceTensor)[]): Promise<number[]> {
    this.#device.together(this.plan.pools).done()
    const { buffers, results } = this.#prepare(args)
    const ms = await timed(this.#device, this.#replay.bind(buffers)).finally(() => {
      for (const r of results) r.dispose()
    })
    let at = 0
    return this.plan.steps.map((s) => {
      let sum = 0
      for (const _ of s.dispatches) sum += ms[at++]
      return sum
    })
  }

  /** Runs each dispatch by itself, again and again, and gives the milliseconds of one run of each, in the order of the plan, and by
   * which clock. Updates happen as often as that: the variables' values are of no use afterwards. Nothing else may run on the device
   * meanwhile, nor be compiled for it. */
  async profileApart(args: readonly (HostTensor | DeviceTensor)[]): Promise<Times> {
    const device = this.#device
    device.together(this.plan.pools).done()
    const { kind, clock, close } = clockOf(device)
    const { buffers, results } = this.#prepare(args)
    const ms: number[] = []
    try {
      const commands = this.#replay.bind(buffers)
      // What every dispatch reads is there then.
      submit(device.gpu, commands)
      await device.idle()
      for (const c of commands) {
        if (!('pipeline' in c)) continue
        const [x, y, z] = c.grid
        const work = { steps: [c], groups: x * y * z }
        const repeat = repeatFor(await clock(work, 1))
        ms.push((await clock(work, repeat)) / repeat)
      }
    } finally {
      close()
      for (const r of results) r.dispose()
    }
    return { ms, by: kind }
  }

  /** Releases what this program owns; its results live on. */
  dispose(): void {
    if (this.#disposed) return
    this.#disposed = true
    const { buffers } = this.#device
    for (const b of [this.#uniforms, ...this.#inputs, ...this.#constants, ...this.#spare.flat()])
      buffers.free(b)
    for (const list of this.#spare) list.length = 0
  }

  #giveBack(output: number, buffer: Buffer): void {
    const keep = !this.#disposed && this.#spare[output].length < outputDepth
    if (keep) this.#spare[output].push(buffer)
    else this.#device.buffers.free(buffer)
  }

  #bindInput(arg: HostTensor | DeviceTensor, i: number): Buffer {
    if (arg instanceof DeviceTensor) {
      if (arg.device !== this.#device)
        throw new DeviceError(
          `argument ${i} lives on another device`,
          'read it there and pass the numbers',
        )
      return arg.buffer
    }
    writePadded(this.#device.gpu, this.#inputs[i], arg)
    return this.#inputs[i]
  }
}

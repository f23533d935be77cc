// A compiled function on a device: pipelines, bind groups and commands for a plan, and the running of it.

import type { Move } from '../shaders/kernel.ts'
import { type Buffer, usage, writePadded } from './buffers.ts'
import type { Device } from './device.ts'
import { DeviceTensor } from './device-tensor.ts'
import { storageBytes } from './dtype.ts'
import { DeviceError, OutOfMemoryError } from './errors.ts'
import { needsOf } from './needs.ts'
import type { Place, Plan, PlannedDispatch, PlannedMove } from './plan.ts'
import { type Step, submissionEnds, submit, timed } from './submit.ts'
import type { HostTensor, Node, Variable } from './tensor.ts'
import { layoutUniforms } from './uniforms.ts'

/** One dispatch, ready but for the buffers that may change from run to run. */
interface Command {
  readonly node: Node
  readonly pipeline: GPUComputePipeline
  readonly layout: GPUBindGroupLayout
  readonly grid: readonly [number, number, number]
  readonly uniform: { readonly offset: number; readonly size: number }
  readonly places: readonly Place[]
  /** Bind groups by the identities of the buffers that they bind. */
  readonly groups: Map<string, GPUBindGroup>
  readonly submit: boolean
}

/** The buffer of a place, in one run. */
type Bind = (place: Place) => Bound
type Bound = { readonly buffer: Buffer; readonly offset: number }

const moveOf = ({ fromByte, toByte, bytes }: Move, from: Bound, to: Bound): Step => ({
  from: from.buffer.gpu,
  fromByte: from.offset + fromByte,
  to: to.buffer.gpu,
  toByte: to.offset + toByte,
  bytes,
})

/** How many outputs of a program may be held before a run makes new buffers. */
const outputDepth = 3
/** Submissions that may wait for the adapter. */
const inFlight = 2
/** Bind groups kept per command; more only if a program's arguments keep coming from different buffers. */
const groupsPerCommand = 16

export class CompiledPlan {
  readonly plan: Plan
  readonly #device: Device
  readonly #commands: readonly (Command | PlannedMove)[]
  readonly #uniforms: Buffer
  readonly #inputs: readonly Buffer[]
  readonly #constants: ReadonlyMap<HostTensor, Buffer>
  readonly #spare: Buffer[][]
  readonly #pending: Promise<unknown>[] = []
  #ran = false
  #disposed = false

  private constructor(
    device: Device,
    plan: Plan,
    commands: readonly (Command | PlannedMove)[],
    uniforms: Buffer,
    inputs: readonly Buffer[],
    constants: ReadonlyMap<HostTensor, Buffer>,
  ) {
    this.#device = device
    this.plan = plan
    this.#commands = commands
    this.#uniforms = uniforms
    this.#inputs = inputs
    this.#constants = constants
    this.#spare = plan.graph.outputs.map(() => [])
  }

  /** Makes pipelines (all at once), uniforms and buffers. */
  static async make(device: Device, plan: Plan): Promise<CompiledPlan> {
    const dispatches = plan.steps.flatMap((s) => s.dispatches)
    const { ranges, words } = layoutUniforms(dispatches)
    const pipelines = await Promise.all(
      dispatches.map((d) => device.pipelines.get(d.dispatch.kernel)),
    )
    const made: Buffer[] = []
    const make = (bytes: number, label: string, flags?: number) => {
      const buffer = device.buffers.make(bytes, label, flags)
      made.push(buffer)
      return buffer
    }
    const constants = new Map<HostTensor, Buffer>()
    try {
      await device.guarded(
        () => {
          const uniforms = make(words.byteLength, 'uniforms', usage.uniform | usage.copyDst)
          device.gpu.queue.writeBuffer(uniforms.gpu, 0, words)
          for (const [i, t] of plan.graph.inputs.entries()) make(storageBytes(t), `input ${i}`)
          for (const c of plan.constants) {
            const buffer = make(storageBytes(c), 'constant')
            writePadded(device.gpu, buffer, c)
            constants.set(c, buffer)
          }
        },
        () => needsOf(plan),
      )
    } catch (error) {
      for (const b of made) device.buffers.free(b)
      throw error
    }
    const [uniforms, ...rest] = made
    const inputs = rest.slice(0, plan.graph.inputs.length)
    const ends = submissionEnds(plan, device.caps)
    let i = 0
    const command = (node: Node, { dispatch, places }: PlannedDispatch): Command => ({
      node,
      pipeline: pipelines[i],
      layout: device.pipelines.layout(dispatch.kernel),
      grid: dispatch.grid,
      uniform: ranges[i],
      places,
      groups: new Map(),
      submit: ends.has(i++),
    })
    const commands = plan.steps.flatMap((s) => [
      ...s.moves,
      ...s.dispatches.map((d) => command(s.node, d)),
    ])
    return new CompiledPlan(device, plan, commands, uniforms, inputs, constants)
  }

  /** Encodes and submits one run: arguments are written, and versions counted, before it returns. Resolves once the
   * commands are on their way; the results are device tensors. */
  async run(args: readonly (HostTensor | DeviceTensor)[]): Promise<DeviceTensor[]> {
    const device = this.#device
    const { variables } = this.plan
    const fresh = variables.filter((v) => !device.holds(v))
    let outputs: DeviceTensor[] = []
    const work = () => {
      const { bind, results } = this.#prepare(args)
      outputs = results
      submit(device.gpu, this.#bound(bind))
      for (const v of this.plan.assigned) v.version++
    }
    // Only the first run, and those that make buffers, can fail: to ask costs a round trip.
    if (this.#ran && !fresh.length && !this.#grows()) work()
    else
      try {
        await device.guarded(work, () => needsOf(this.plan))
      } catch (error) {
        for (const o of outputs) o.dispose()
        if (error instanceof OutOfMemoryError) this.#forget(fresh)
        throw error
      }
    this.#ran = true
    this.#pending.push(device.gpu.queue.onSubmittedWorkDone())
    if (this.#pending.length > inFlight) await device.settle(this.#pending.shift()!)
    return outputs
  }

  /** Whether the next run makes buffers. */
  #grows(): boolean {
    const small = this.#device.arenaBytes < this.plan.activationBytes
    return small || this.#spare.some((list) => !list.length)
  }

  /** Lets go of all buffers that may have been made in a run for which there was no memory. */
  #forget(fresh: readonly Variable[]): void {
    const device = this.#device
    for (const b of this.#spare.flat()) device.buffers.free(b)
    for (const list of this.#spare) list.length = 0
    for (const v of fresh) device.release(v)
    device.dropArena()
  }

  /** Buffers for one run: arguments written, results fresh, every place with its buffer. */
  #prepare(args: readonly (HostTensor | DeviceTensor)[]): {
    bind: Bind
    results: DeviceTensor[]
  } {
    const device = this.#device
    device.check()
    const { plan } = this
    const arena = device.arena(plan.activationBytes, plan.slabBytes)
    const inputs = args.map((arg, i) => this.#bindInput(arg, i))
    const variables = new Map(plan.variables.map((v) => [v, device.place(v)]))
    const results: DeviceTensor[] = []
    try {
      for (const i of plan.graph.outputs.keys()) results.push(this.#result(i))
    } catch (error) {
      for (const r of results) r.dispose()
      throw error
    }
    const bind: Bind = (p) => {
      switch (p.kind) {
        case 'slab':
          return {
            buffer: arena[Math.floor(p.offset / plan.slabBytes)],
            offset: p.offset % plan.slabBytes,
          }
        case 'input':
          return { buffer: inputs[p.position], offset: 0 }
        case 'output':
          return { buffer: results[p.position].buffer, offset: 0 }
        case 'variable':
          return { buffer: variables.get(p.variable)!, offset: 0 }
        case 'constant':
          return { buffer: this.#constants.get(p.value)!, offset: 0 }
      }
    }
    return { bind, results }
  }

  // Apart from the rest of a run: what gives a buffer back must not lead to the results.
  #result(output: number): DeviceTensor {
    const device = this.#device
    const { dtype, shape } = this.plan.graph.outputs[output]
    const buffer =
      this.#spare[output].pop() ??
      device.buffers.make(storageBytes({ dtype, shape }), `output ${output}`)
    return new DeviceTensor(device, { dtype, shape }, buffer, () => this.#giveBack(output, buffer))
  }

  /** Runs once with a timestamp around each kernel: milliseconds of each step of the plan. Needs the feature
   * timestamp-query; browsers quantise it. */
  async profile(args: readonly (HostTensor | DeviceTensor)[]): Promise<number[]> {
    const { bind, results } = this.#prepare(args)
    for (const v of this.plan.assigned) v.version++
    const ms = await timed(this.#device, [...this.#bound(bind)]).finally(() => {
      for (const r of results) r.dispose()
    })
    let at = 0
    return this.plan.steps.map((s) => {
      let sum = 0
      for (const _ of s.dispatches) sum += ms[at++]
      return sum
    })
  }

  /** Releases what this program owns; its results live on. */
  dispose(): void {
    if (this.#disposed) return
    this.#disposed = true
    const { buffers } = this.#device
    for (const b of [
      this.#uniforms,
      ...this.#inputs,
      ...this.#constants.values(),
      ...this.#spare.flat(),
    ])
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

  *#bound(bind: Bind): Generator<Step> {
    for (const c of this.#commands)
      yield 'move' in c
        ? moveOf(c.move, bind(c.from), bind(c.to))
        : { pipeline: c.pipeline, group: this.#group(c, bind), grid: c.grid, submit: c.submit }
  }

  #group(c: Command, bind: Bind): GPUBindGroup {
    const bound = c.places.map(bind)
    const key = bound.map((b) => b.buffer.id).join()
    let group = c.groups.get(key)
    if (!group) {
      if (c.groups.size >= groupsPerCommand) c.groups.clear()
      group = this.#device.gpu.createBindGroup({
        layout: c.layout,
        label: c.node.path || c.node.op.name,
        entries: [
          { binding: 0, resource: { buffer: this.#uniforms.gpu, ...c.uniform } },
          ...bound.map((b, i) => ({
            binding: i + 1,
            resource: { buffer: b.buffer.gpu, offset: b.offset, size: c.places[i].bytes },
          })),
        ],
      })
      c.groups.set(key, group)
    }
    return group
  }
}

// A compiled function on a device: pipelines, bind groups and commands for a plan, and the running of it.

import type { Caps } from './adapter.ts'
import { type Buffer, usage } from './buffers.ts'
import type { Device } from './device.ts'
import { DeviceTensor } from './device-tensor.ts'
import { storageBytes } from './dtype.ts'
import { DeviceError } from './errors.ts'
import type { Place, Plan, PlannedDispatch } from './plan.ts'
import { showBytes, titleOf } from './print.ts'
import type { HostTensor, Node } from './tensor.ts'

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
  /** A submission ends after this command, so that none keeps the adapter busy for long. */
  readonly submit: boolean
}

/** How many outputs of a program may be held before a run makes new buffers. */
const outputDepth = 3
/** Submissions that may wait for the adapter. */
const inFlight = 2
/** Bind groups kept per command; more only if a program's arguments keep coming from different buffers. */
const groupsPerCommand = 16

export class CompiledPlan {
  readonly plan: Plan
  readonly #device: Device
  readonly #commands: readonly Command[]
  readonly #uniforms: Buffer
  readonly #inputs: readonly Buffer[]
  readonly #constants: ReadonlyMap<HostTensor, Buffer>
  readonly #spare: Buffer[][]
  readonly #pending: Promise<unknown>[] = []
  #ran = false

  private constructor(
    device: Device,
    plan: Plan,
    commands: readonly Command[],
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
    const dispatches = plan.steps.flatMap((s) => s.dispatches.map((d) => ({ node: s.node, ...d })))
    const layout = layoutUniforms(dispatches, 256)
    const pipelines = await Promise.all(
      dispatches.map((d) => device.pipelines.get(d.dispatch.kernel)),
    )
    const { buffers } = device
    const uniforms = buffers.make(
      layout.bytes.length * 4,
      'uniforms',
      usage.uniform | usage.copyDst,
    )
    device.gpu.queue.writeBuffer(uniforms.gpu, 0, layout.bytes)
    const inputs = plan.graph.inputs.map((t, i) => buffers.make(storageBytes(t), `input ${i}`))
    const constants = new Map<HostTensor, Buffer>()
    for (const c of plan.constants) {
      const buffer = buffers.make(storageBytes(c), 'constant')
      writePadded(device.gpu, buffer, c)
      constants.set(c, buffer)
    }
    const ends = submissionEnds(plan, device.caps)
    const commands = dispatches.map(
      (d, i): Command => ({
        node: d.node,
        pipeline: pipelines[i],
        layout: device.pipelines.layout(d.dispatch.kernel),
        grid: d.dispatch.grid,
        uniform: layout.ranges[i],
        places: d.places,
        groups: new Map(),
        submit: ends.has(i),
      }),
    )
    return new CompiledPlan(device, plan, commands, uniforms, inputs, constants)
  }

  /** Encodes and submits one run. Resolves once the commands are on their way; the results are device tensors. */
  async run(args: readonly (HostTensor | DeviceTensor)[]): Promise<DeviceTensor[]> {
    const device = this.#device
    const first = !this.#ran
    this.#ran = true
    if (first) device.pushScopes()
    const { bind, outputs } = this.#prepare(args)
    this.#encode(bind)
    if (first) await device.popScopes(() => this.#needs())
    for (const v of this.plan.assigned) v.version++
    this.#pending.push(device.gpu.queue.onSubmittedWorkDone())
    if (this.#pending.length > inFlight) await device.settle(this.#pending.shift()!)
    return outputs
  }

  /** Buffers for one run: arguments written, results fresh, every place with its buffer. */
  #prepare(args: readonly (HostTensor | DeviceTensor)[]): {
    bind: (p: Place) => { buffer: Buffer; offset: number }
    outputs: DeviceTensor[]
  } {
    const device = this.#device
    device.check()
    const { plan } = this
    const arena = device.arena(plan.activationBytes, plan.slabBytes)
    const inputs = args.map((arg, i) => this.#bindInput(arg, i))
    const variables = new Map(plan.variables.map((v) => [v, device.place(v)]))
    const outputs = plan.graph.outputs.map((t, i) => {
      const buffer = this.#spare[i].pop() ?? device.buffers.make(storageBytes(t), `output ${i}`)
      const type = { dtype: t.dtype, shape: t.shape }
      return new DeviceTensor(device, type, buffer, () => this.#giveBack(i, buffer))
    })
    const bind = (p: Place): { buffer: Buffer; offset: number } => {
      switch (p.kind) {
        case 'slab':
          return {
            buffer: arena[Math.floor(p.offset / plan.slabBytes)],
            offset: p.offset % plan.slabBytes,
          }
        case 'input':
          return { buffer: inputs[p.position], offset: 0 }
        case 'output':
          return { buffer: outputs[p.position].buffer, offset: 0 }
        case 'variable':
          return { buffer: variables.get(p.variable)!, offset: 0 }
        case 'constant':
          return { buffer: this.#constants.get(p.value)!, offset: 0 }
      }
    }
    return { bind, outputs }
  }

  /** Runs once with a timestamp around each kernel: milliseconds of each step of the plan. Needs the feature
   * timestamp-query; browsers quantise it. */
  async profile(args: readonly (HostTensor | DeviceTensor)[]): Promise<number[]> {
    const device = this.#device
    const { gpu } = device
    const count = this.#commands.length
    const most = 2048
    const ms: number[] = []
    const { bind, outputs } = this.#prepare(args)
    const resolve = device.buffers.make(16 * most, 'timestamps', usage.queryResolve | usage.copySrc)
    for (let from = 0; from < count; from += most) {
      const part = this.#commands.slice(from, from + most)
      const set = gpu.createQuerySet({ type: 'timestamp', count: 2 * part.length })
      const encoder = gpu.createCommandEncoder()
      part.forEach((c, i) => {
        const pass = encoder.beginComputePass({
          timestampWrites: {
            querySet: set,
            beginningOfPassWriteIndex: 2 * i,
            endOfPassWriteIndex: 2 * i + 1,
          },
        })
        pass.setPipeline(c.pipeline)
        pass.setBindGroup(0, this.#group(c, bind))
        pass.dispatchWorkgroups(...c.grid)
        pass.end()
      })
      encoder.resolveQuerySet(set, 0, 2 * part.length, resolve.gpu, 0)
      gpu.queue.submit([encoder.finish()])
      const words = await device.readBuffer(resolve, { dtype: 'u32', shape: [4 * part.length] })
      const ticks = new BigUint64Array(words.buffer, 0, 2 * part.length)
      part.forEach((_, i) => {
        ms.push(Number(ticks[2 * i + 1] - ticks[2 * i]) / 1e6)
      })
      set.destroy()
    }
    device.buffers.free(resolve)
    for (const o of outputs) o.dispose()
    for (const v of this.plan.assigned) v.version++
    let at = 0
    return this.plan.steps.map((s) => {
      let sum = 0
      for (const _ of s.dispatches) sum += ms[at++]
      return sum
    })
  }

  /** Releases what this program owns; its results live on. */
  dispose(): void {
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

  /** What the plan asked for, for the message when there is not enough. */
  #needs(): string {
    const { activationBytes, steps } = this.plan
    const peak = steps.reduce((a, b) => (b.live > a.live ? b : a))
    const where = peak.node.path ? ` in ${peak.node.path}` : ''
    return `the plan needs ${showBytes(activationBytes)} of activations (most at ${titleOf(peak.node)}${where})`
  }

  #giveBack(output: number, buffer: Buffer): void {
    if (this.#spare[output].length < outputDepth) this.#spare[output].push(buffer)
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

  #encode(bind: (p: Place) => { buffer: Buffer; offset: number }): void {
    const { gpu } = this.#device
    let encoder = gpu.createCommandEncoder()
    let pass = encoder.beginComputePass()
    let last: GPUComputePipeline | undefined
    this.#commands.forEach((c, i) => {
      if (c.pipeline !== last) pass.setPipeline(c.pipeline)
      last = c.pipeline
      pass.setBindGroup(0, this.#group(c, bind))
      pass.dispatchWorkgroups(...c.grid)
      if (!c.submit || i === this.#commands.length - 1) return
      pass.end()
      gpu.queue.submit([encoder.finish()])
      encoder = gpu.createCommandEncoder()
      pass = encoder.beginComputePass()
      last = undefined
    })
    pass.end()
    gpu.queue.submit([encoder.finish()])
  }

  #group(c: Command, bind: (p: Place) => { buffer: Buffer; offset: number }): GPUBindGroup {
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

/** One uniform buffer for all dispatches; equal blocks are stored once. */
function layoutUniforms(dispatches: readonly PlannedDispatch[], alignment: number) {
  const known = new Map<string, number>()
  const blocks: Uint32Array[] = []
  let end = 0
  const ranges = dispatches.map(({ dispatch: { params } }) => {
    const key = params.join()
    let offset = known.get(key)
    if (offset === undefined) {
      offset = end
      known.set(key, offset)
      blocks.push(params)
      end += Math.ceil(params.byteLength / alignment) * alignment
    }
    return { offset, size: params.byteLength }
  })
  const bytes = new Uint32Array(Math.max(end, alignment) / 4)
  let at = 0
  for (const b of blocks) {
    bytes.set(b, at / 4)
    at += Math.ceil(b.byteLength / alignment) * alignment
  }
  return { ranges, bytes }
}

/** Rough speed of an adapter, floating-point operations per second. Only submissions are sized by it. */
const speed: Record<Caps['kind'], number> = {
  discrete: 5e12,
  integrated: 3e11,
  lavapipe: 1e10,
  swiftshader: 2e9,
  unknown: 1e10,
}

/** Dispatch numbers after which a submission ends: each is estimated below 100 ms. */
function submissionEnds(plan: Plan, caps: Caps): Set<number> {
  const ends = new Set<number>()
  let busy = 0
  let i = 0
  for (const { node, dispatches } of plan.steps) {
    const { flops } = node.op.cost(node.inputs, node.types, node.attrs)
    busy += flops / speed[caps.kind] + dispatches.length * 2e-5
    i += dispatches.length
    if (busy < 0.1) continue
    ends.add(i - 1)
    busy = 0
  }
  return ends
}

/** Writes host data; device buffers are whole vec4s, and writes must be whole words. */
export function writePadded(gpu: GPUDevice, to: Buffer, from: HostTensor): void {
  const { data } = from
  if (data.byteLength % 4 === 0) {
    gpu.queue.writeBuffer(to.gpu, 0, data as Uint8Array<ArrayBuffer>)
    return
  }
  const padded = new Uint8Array(Math.ceil(data.byteLength / 4) * 4)
  padded.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
  gpu.queue.writeBuffer(to.gpu, 0, padded)
}

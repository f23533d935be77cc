// The commands of a plan with everything bound, in one flat list that is submitted again and again. A run compares its buffers
// with those of the run before and binds only the commands that touch another one; where none changed it makes nothing at all.

import type { Buffer } from './buffers.ts'
import type { Device } from './device.ts'
import type { Place, Plan, PlannedDispatch, PlannedMove } from './plan.ts'
import { type BoundMove, type Step, submissionEnds } from './submit.ts'
import type { Variable } from './tensor.ts'
import { layoutUniforms } from './uniforms.ts'

/** The buffers of one run, each list in the order of the plan. */
export interface RunBuffers {
  readonly inputs: readonly Buffer[]
  readonly outputs: readonly Buffer[]
  /** Slabs of the activation memory; there may be more than the plan needs. */
  readonly slabs: readonly Buffer[]
  readonly variables: readonly Buffer[]
  readonly constants: readonly Buffer[]
}

/** A range of the buffer with number `slot`. */
interface Range {
  readonly slot: number
  readonly offset: number
  readonly bytes: number
}

interface Command {
  readonly label: string
  readonly pipeline: GPUComputePipeline
  readonly layout: GPUBindGroupLayout
  readonly grid: readonly [number, number, number]
  readonly uniform: { readonly offset: number; readonly size: number }
  readonly ranges: readonly Range[]
  readonly submit: boolean
}

interface Copy {
  readonly move: PlannedMove['move']
  readonly from: Range
  readonly to: Range
}

/** Bind groups kept, per command; more are made only where arguments and results keep coming from different buffers. */
const groupsPerCommand = 16

export class Replay {
  readonly #device: Device
  readonly #uniforms: Buffer
  readonly #commands: readonly (Command | Copy)[]
  /** Numbers of the commands that touch each buffer. */
  readonly #users: readonly (readonly number[])[]
  /** Of the first buffer that is the same in most runs: arguments and results come before it. */
  readonly #lasting: number
  readonly #buffers: Buffer[]
  readonly #steps: Step[]
  /** Commands with the same places and words share one. */
  readonly #groups = new Map<string, GPUBindGroup>()

  /** `pipelines` are those of the plan's dispatches, in order. */
  constructor(
    device: Device,
    plan: Plan,
    pipelines: readonly GPUComputePipeline[],
    uniforms: Buffer,
  ) {
    this.#device = device
    this.#uniforms = uniforms
    const { rangeOf, slots, lasting } = numbered(plan)
    const { ranges } = layoutUniforms(plan.steps.flatMap((s) => s.dispatches))
    const ends = submissionEnds(plan, device.caps)
    let i = 0
    const command = (label: string, { dispatch, places }: PlannedDispatch): Command => ({
      label,
      pipeline: pipelines[i],
      layout: device.pipelines.layout(dispatch.kernel),
      grid: dispatch.grid,
      uniform: ranges[i],
      ranges: places.map(rangeOf),
      submit: ends.has(i++),
    })
    const commands = plan.steps.flatMap(({ node, moves, dispatches }) => [
      ...moves.map(({ move, from, to }) => ({ move, from: rangeOf(from), to: rangeOf(to) })),
      ...dispatches.map((d) => command(node.path || node.op.name, d)),
    ])
    const users: number[][] = Array.from({ length: slots }, () => [])
    commands.forEach((c, at) => {
      for (const { slot } of 'move' in c ? [c.from, c.to] : c.ranges) users[slot].push(at)
    })
    this.#commands = commands
    this.#users = users
    this.#lasting = lasting
    this.#buffers = new Array(slots)
    this.#steps = new Array(commands.length)
  }

  /** The commands on these buffers; the list is the same one each time. */
  bind({ inputs, outputs, slabs, variables, constants }: RunBuffers): readonly Step[] {
    let slot = 0
    let changed: Set<number> | undefined
    for (const list of [inputs, outputs, variables, constants, slabs])
      for (const buffer of list) {
        if (slot === this.#buffers.length) break
        if (buffer !== this.#buffers[slot]) {
          // What was bound instead is gone for good, and what it was bound with too.
          if (slot >= this.#lasting) this.#groups.clear()
          this.#buffers[slot] = buffer
          changed ??= new Set()
          for (const at of this.#users[slot]) changed.add(at)
        }
        slot++
      }
    if (changed) for (const at of changed) this.#steps[at] = this.#bound(this.#commands[at])
    return this.#steps
  }

  #bound(c: Command | Copy): Step {
    if ('move' in c) return this.#boundMove(c)
    const { pipeline, grid, submit } = c
    return { pipeline, group: this.#group(c), grid, submit }
  }

  #boundMove({ move: { fromByte, toByte, bytes }, from, to }: Copy): BoundMove {
    return {
      from: this.#buffers[from.slot].gpu,
      fromByte: from.offset + fromByte,
      to: this.#buffers[to.slot].gpu,
      toByte: to.offset + toByte,
      bytes,
    }
  }

  #group({ label, layout, uniform, ranges }: Command): GPUBindGroup {
    const buffers = this.#buffers
    const places = ranges.map((r) => `${buffers[r.slot].id} ${r.offset} ${r.bytes}`)
    const key = `${layout.label} ${uniform.offset} ${uniform.size} ${places}`
    const known = this.#groups.get(key)
    if (known) return known
    if (this.#groups.size >= groupsPerCommand * this.#commands.length) this.#groups.clear()
    const group = this.#device.gpu.createBindGroup({
      layout,
      label,
      entries: [
        { binding: 0, resource: { buffer: this.#uniforms.gpu, ...uniform } },
        ...ranges.map(({ slot, offset, bytes }, i) => ({
          binding: i + 1,
          resource: { buffer: buffers[slot].gpu, offset, size: bytes },
        })),
      ],
    })
    this.#groups.set(key, group)
    return group
  }
}

/** Numbers the buffers of a plan: arguments, results, variables, constants, slabs. */
function numbered({ graph, variables, constants, activationBytes, slabBytes }: Plan) {
  const outputs = graph.inputs.length
  const lasting = outputs + graph.outputs.length
  const slabs = lasting + variables.length + constants.length
  const variableAt = new Map<Variable, number>(variables.map((v, i) => [v, lasting + i]))
  const constantAt = new Map(constants.map((c, i) => [c, lasting + variables.length + i]))
  const at = (slot: number, { bytes }: Place, offset = 0): Range => ({ slot, offset, bytes })
  const rangeOf = (p: Place): Range => {
    switch (p.kind) {
      case 'slab':
        return at(slabs + Math.floor(p.offset / slabBytes), p, p.offset % slabBytes)
      case 'input':
        return at(p.position, p)
      case 'output':
        return at(outputs + p.position, p)
      case 'variable':
        return at(variableAt.get(p.variable)!, p)
      case 'constant':
        return at(constantAt.get(p.value)!, p)
    }
  }
  return { rangeOf, lasting, slots: slabs + Math.ceil(activationBytes / slabBytes) }
}

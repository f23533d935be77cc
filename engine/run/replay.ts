// The commands of a plan with everything bound, in one flat list that is submitted again and again. A run compares its buffers
// with those of the run before and binds only the commands that touch another one; where none changed it makes nothing at all.

import type { Table } from '../../shaders/kernel.ts'
import type { Device } from '../device.ts'
import type { Place, Plan, PlannedDispatch, PlannedMove, ValuePlace } from '../plan/plan.ts'
import type { Span } from '../plan/spans.ts'
import { layoutUniforms } from '../plan/uniforms.ts'
import type { Variable } from '../tensor.ts'
import type { Buffer } from './buffers.ts'
import { type BoundMove, type Step, submissionEnds } from './submit.ts'

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

/** Ranges of one buffer, bound from the first to the last. */
interface SpanRange {
  readonly parts: readonly Range[]
}

/** Words behind the uniforms that say where the values of spans are. */
interface TableRange {
  readonly table: Table
  readonly spans: readonly SpanRange[]
  readonly offset: number
  readonly size: number
}

interface Command {
  readonly label: string
  readonly pipeline: GPUComputePipeline
  readonly layout: GPUBindGroupLayout
  readonly grid: readonly [number, number, number]
  readonly uniform: { readonly offset: number; readonly size: number }
  readonly ranges: readonly (Range | SpanRange)[]
  readonly table: TableRange | undefined
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
    const { ranges, tables } = layoutUniforms(plan.steps.flatMap((s) => s.dispatches))
    const ends = submissionEnds(plan, device.caps)
    let i = 0
    const spanOf = ({ places }: Span): SpanRange => ({ parts: places.map(rangeOf) })
    const tableOf = (p: Place | undefined): TableRange | undefined =>
      p?.kind === 'table'
        ? { table: p.table, spans: p.spans.map(spanOf), ...tables[i]! }
        : undefined
    const command = (label: string, { dispatch, places }: PlannedDispatch): Command => ({
      label,
      table: tableOf(places.at(-1)),
      pipeline: pipelines[i],
      layout: device.pipelines.layout(dispatch.kernel),
      grid: dispatch.grid,
      uniform: ranges[i],
      ranges: places
        .filter((p) => p.kind !== 'table')
        .map((p) => (p.kind === 'span' ? spanOf(p) : rangeOf(p))),
      submit: ends.has(i++),
    })
    const commands = plan.steps.flatMap(({ node, moves, dispatches }) => [
      ...moves.map(({ move, from, to }) => ({ move, from: rangeOf(from), to: rangeOf(to) })),
      ...dispatches.map((d) => command(node.path || node.op.name, d)),
    ])
    const users: number[][] = Array.from({ length: slots }, () => [])
    commands.forEach((c, at) => {
      const ranges = 'move' in c ? [c.from, c.to] : c.ranges
      for (const { slot } of ranges.flatMap((r) => ('parts' in r ? r.parts : r)))
        users[slot].push(at)
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
    if (c.table) this.#fill(c.table)
    const { pipeline, grid, submit } = c
    return { pipeline, group: this.#group(c), grid, submit }
  }

  #boundMove({ move: { fromByte, toByte, bytes }, from, to }: Copy): BoundMove {
    return {
      from: this.#buffers[from.slot].gpu,
      fromByte: this.#start(from) + fromByte,
      to: this.#buffers[to.slot].gpu,
      toByte: this.#start(to) + toByte,
      bytes,
    }
  }

  /** Where a range begins in its buffer. */
  #start({ slot, offset }: Range): number {
    return this.#buffers[slot].offset + offset
  }

  #resource(r: Range | SpanRange): { id: number; buffer: GPUBuffer; offset: number; size: number } {
    const parts = 'parts' in r ? r.parts : [r]
    const { id, gpu } = this.#buffers[parts[0].slot]
    let [offset, end] = [Number.POSITIVE_INFINITY, 0]
    for (const p of parts) {
      const start = this.#start(p)
      offset = Math.min(offset, start)
      end = Math.max(end, start + p.bytes)
    }
    return { id, buffer: gpu, offset, size: end - offset }
  }

  #fill({ table, spans, offset, size }: TableRange): void {
    const words = new Uint32Array(size / 4)
    const starts = spans.map((s) => this.#resource(s).offset)
    table.fill(words, (span, index) => this.#start(spans[span].parts[index]) - starts[span])
    this.#device.gpu.queue.writeBuffer(this.#uniforms.gpu, offset, words)
  }

  #group({ label, layout, uniform, ranges, table }: Command): GPUBindGroup {
    const resources = ranges.map((r) => this.#resource(r))
    const places = resources.map((r) => `${r.id} ${r.offset} ${r.size}`)
    const key = `${layout.label} ${uniform.offset} ${uniform.size} ${places} ${table?.offset}`
    const known = this.#groups.get(key)
    if (known) return known
    if (this.#groups.size >= groupsPerCommand * this.#commands.length) this.#groups.clear()
    const bound = [uniform, ...resources, ...(table ? [table] : [])].map((r) => ({
      buffer: this.#uniforms.gpu,
      ...r,
    }))
    const group = this.#device.gpu.createBindGroup({
      layout,
      label,
      entries: bound.map(({ buffer, offset, size }, binding) => ({
        binding,
        resource: { buffer, offset, size },
      })),
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
  const at = (slot: number, { bytes }: { bytes: number }, offset = 0): Range => ({
    slot,
    offset,
    bytes,
  })
  const rangeOf = (p: ValuePlace): Range => {
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

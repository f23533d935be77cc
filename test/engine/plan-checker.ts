// A plan played through on memory that remembers whose value each range holds: whoever reads must find its own value there,
// complete and of the right version.

import type { Caps } from '../../engine/adapters/adapter.ts'
import { sizeOf, storageBytes } from '../../engine/dtype.ts'
import { baseOf, identity, outputsOf } from '../../engine/graph.ts'
import { assignedBy } from '../../engine/passes/fused.ts'
import type { Plan, PlannedValue, PlanStep, ValuePlace } from '../../engine/plan/plan.ts'
import { titleOf } from '../../engine/print.ts'
import type { Node, Tensor, Variable } from '../../engine/tensor.ts'
import type { Access, Slot } from '../../shaders/kernel.ts'
import {
  bufferOf,
  overlap,
  type Range,
  rangeOf,
  rangeText,
  variableRange,
  wrongBindings,
} from './plan-ranges.ts'

/** What a range of memory holds: a value, or the scratch of a step. */
type Held = Tensor | string
type Slab = Extract<ValuePlace, { kind: 'slab' }>

const isEmpty = (t: Tensor) => !sizeOf(t.shape)
const variableOf = ({ attrs }: { attrs: object }) => (attrs as { variable: Variable }).variable

/** Throws an error that names the step for a plan in which
 * - a kernel reads what was not written, was overwritten since, or is another version of a variable;
 * - ranges of one dispatch overlap where one may be written, or a buffer is bound for reading and for writing; values of one binding
 *   are not in one buffer;
 * - a range lies across slabs, beyond the memory that is counted, or at an odd offset;
 * - a kernel is missing or runs twice, an update is missing, or a result is not where it is returned from;
 * - the bytes alive are not what is said. */
export function checkPlan(plan: Plan, caps: Pick<Caps, 'alignment'>): void {
  const memory = new Memory(plan, caps)
  const kernels = plan.graph.nodes.filter(
    ({ op }) => op.kind === 'structured' || op.kind === 'fused',
  )
  const ran = new Set(plan.steps.map(({ node }) => node))
  if (ran.size !== plan.steps.length) throw new Error('plan: a kernel runs twice')
  if (ran.size !== kernels.length || kernels.some((node) => !ran.has(node)))
    throw new Error('plan: a kernel of the graph is missing, or one is not of the graph')
  plan.steps.forEach((step, at) => {
    memory.play(step, at)
  })
  memory.checkEnd()
  memory.checkValues()
}

class Memory {
  readonly #plan: Plan
  readonly #caps: Pick<Caps, 'alignment'>
  /** Where each value is, if all of it is still there. */
  readonly #at = new Map<Held, Range>()
  /** The values of each buffer. */
  readonly #in = new Map<string, Set<Held>>()
  /** First and last step at which a value in activation memory is written or read. */
  readonly #used = new Map<Held, { place: Slab; from: number; to: number }>()
  #doing = 'at the start'

  constructor(plan: Plan, caps: Pick<Caps, 'alignment'>) {
    this.#plan = plan
    this.#caps = caps
    for (const node of plan.graph.nodes)
      if (node.op.kind === 'source') this.#hold(sourceRange(node), node.output())
  }

  #fail(problem: string): never {
    throw new Error(`plan: ${this.#doing}: ${problem}`)
  }

  #hold(range: Range, value: Held): void {
    const values = this.#in.get(range.buffer) ?? new Set()
    this.#in.set(range.buffer, values)
    for (const other of values) {
      if (!overlap(this.#at.get(other)!, range)) continue
      values.delete(other)
      this.#at.delete(other)
    }
    values.add(value)
    this.#at.set(value, range)
  }

  #holds(range: Range, value: Held): boolean {
    const at = this.#at.get(value)
    return at?.buffer === range.buffer && at.from === range.from && at.to === range.to
  }

  /** The range of a place, if a value may be there. */
  #rangeOf(place: ValuePlace): Range {
    const range = rangeOf(place)
    if (place.kind === 'slab') {
      const { slabBytes, activationBytes } = this.#plan
      if (place.offset % this.#caps.alignment) this.#fail(`offset ${place.offset} is not aligned`)
      if (Math.floor(range.from / slabBytes) !== Math.floor((range.to - 1) / slabBytes))
        this.#fail(`${rangeText(range)} lie across slabs of ${slabBytes}`)
      if (range.to > activationBytes || range.from < 0)
        this.#fail(`${rangeText(range)} are outside of ${activationBytes} bytes`)
    }
    return range
  }

  play(step: PlanStep, at: number): void {
    const { node } = step
    this.#doing = `step ${at}, ${titleOf(node)}${node.path ? ` in ${node.path}` : ''}`
    /** Ranges that the step has written so far. */
    const written = new Map<Held, Range>()
    const valueOf = ({ kind, index }: Slot): Held =>
      kind === 'input'
        ? baseOf(node.inputs[index])
        : kind === 'output'
          ? node.output(index)
          : `scratch ${at}.${index}`
    const use = (value: Held, place: ValuePlace) => {
      if (place.kind !== 'slab') return
      const used = this.#used.get(value)
      if (used) used.to = at
      else this.#used.set(value, { place, from: at, to: at })
    }
    const touch = (slot: Slot, place: ValuePlace): void => {
      const value = valueOf(slot)
      const range = this.#rangeOf(place)
      use(value, place)
      if (slot.kind === 'input') {
        if (!isEmpty(value as Tensor) && !this.#holds(range, value))
          this.#fail(`input ${slot.index} is not at ${rangeText(range)}`)
      } else if (!written.has(value)) {
        written.set(value, range)
        this.#hold(range, value)
      } else if (!this.#holds(range, value))
        this.#fail(`${slot.kind} ${slot.index} was overwritten within the step, or is elsewhere`)
    }
    for (const { move, from, to } of step.moves) {
      touch(move.from, from)
      touch(move.to, to)
      const [a, b] = [this.#rangeOf(from), this.#rangeOf(to)]
      if (bufferOf(a, this.#plan) === bufferOf(b, this.#plan))
        this.#fail('a copy within one buffer')
      if (move.fromByte + move.bytes > from.bytes || move.toByte + move.bytes > to.bytes)
        this.#fail('a copy of more bytes than there are')
    }
    for (const { dispatch, places: bound } of step.dispatches) {
      const { kernel } = dispatch
      const wrong = wrongBindings(kernel.access, bound, this.#plan)
      if (wrong) this.#fail(wrong)
      // What a span holds is touched value by value.
      const spanned = dispatch.spans ?? []
      const buffers = [...dispatch.buffers, ...spanned.flat()]
      const places = bound.flatMap((p): readonly ValuePlace[] =>
        p.kind === 'span' ? p.places : p.kind === 'table' ? [] : [p],
      )
      const access = [
        ...kernel.access.slice(0, dispatch.buffers.length),
        ...spanned.flatMap((slots, s) =>
          slots.map(() => kernel.access[dispatch.buffers.length + s]),
        ),
      ]
      // Reads first: what a dispatch writes must not lie on what it reads.
      buffers.forEach((slot, i) => {
        if (slot.kind === 'input') touch(slot, places[i])
      })
      buffers.forEach((slot, i) => {
        if (slot.kind !== 'input') touch(slot, places[i])
      })
      this.#updateInPlace(step, access, buffers, places, written)
    }
    for (const t of outputsOf(node))
      if (!isEmpty(t) && !(written.has(t) && this.#holds(written.get(t)!, t)))
        this.#fail(`output ${t.index} was not written`)
  }

  /** A kernel that updates variables binds all that it reads for writing; where a new version is an output of the node it has the
   * place of the old one. */
  #updateInPlace(
    { node }: PlanStep,
    access: readonly Access[],
    slots: readonly Slot[],
    places: readonly ValuePlace[],
    written: Map<Held, Range>,
  ): void {
    slots.forEach(({ kind }, i) => {
      const place = places[i]
      if (kind !== 'input' || place.kind !== 'variable' || access[i] !== 'read_write') return
      const next = outputsOf(node).find((t) => {
        const by = assignedBy(node, t.index)
        return by && variableOf(by) === place.variable
      })
      if (!next) {
        if (outputsOf(node).some((t) => assignedBy(node, t.index))) return
        this.#fail(`${place.variable.name} is written but not assigned`)
      }
      const range = this.#rangeOf(place)
      written.set(next, range)
      this.#hold(range, next)
    })
  }

  checkEnd(): void {
    this.#doing = 'at the end'
    const { outputs, assigns, nodes } = this.#plan.graph
    outputs.forEach((t, position) => {
      const range = { buffer: `output ${position}`, from: 0, to: storageBytes(t) }
      if (!isEmpty(t) && !this.#holds(range, baseOf(t))) this.#fail(`no result ${position}`)
    })
    const last = new Map<Variable, Tensor>()
    for (const t of assigns) {
      const by = assignedBy(t.node, t.index)
      if (!by) this.#fail(`an update is no update: ${titleOf(t.node)}`)
      last.set(variableOf(by), t)
    }
    for (const [variable, t] of last)
      if (!isEmpty(t) && !this.#holds(variableRange(variable), t))
        this.#fail(`${variable.name} does not have its last value`)
    const updates = nodes.flatMap((n) => outputsOf(n).filter((t) => assignedBy(n, t.index)))
    if (updates.length !== new Set(assigns).size)
      this.#fail(`${updates.length} updates run of ${assigns.length}`)
  }

  /** Every use of a value lies within the place and time that the plan says it has. */
  checkValues(): void {
    const { values, steps } = this.#plan
    this.#doing = 'values'
    const planned = new Map(values.flatMap((v) => (v.tensor ? [[v.tensor, v] as const] : [])))
    for (const [value, { place, from, to }] of this.#used) {
      if (typeof value === 'string') continue // Scratch memory has no name there.
      const v = planned.get(value)
      if (!v) this.#fail(`one that step ${from} makes is not among them`)
      if (v.from > from || v.to < to)
        this.#fail(`one of steps ${v.from} to ${v.to} is used at ${from} to ${to}`)
      if (v.offset !== place.offset || v.bytes < place.bytes)
        this.#fail(`one is not at ${v.offset}`)
    }
    const change = new Float64Array(steps.length + 1)
    for (const { bytes, from, to } of values) {
      change[from] += bytes
      change[to + 1] -= bytes
    }
    let live = 0
    steps.forEach((step, at) => {
      live += change[at]
      if (live !== step.live) this.#fail(`${live} bytes are alive at step ${at}, not ${step.live}`)
    })
    const { lowerBound, activationBytes } = this.#plan
    const most = Math.max(0, ...steps.map((s) => s.live))
    const end = Math.max(0, ...values.map((v) => v.offset + v.bytes))
    if (lowerBound !== most || activationBytes !== end)
      this.#fail(`${activationBytes} bytes, at least ${lowerBound}: ${end} and ${most} are right`)
    const byStart = [...values].sort((a, b) => a.from - b.from)
    let alive: PlannedValue[] = []
    for (const v of byStart) {
      alive = alive.filter((other) => other.to >= v.from)
      for (const other of alive)
        if (v.offset < other.offset + other.bytes && other.offset < v.offset + v.bytes)
          this.#fail(`two share memory at step ${v.from}`)
      alive.push(v)
    }
  }
}

function sourceRange(node: Node): Range {
  const { position, variable, value } = node.attrs as {
    position: number
    variable: Variable
    value: object
  }
  if (node.op.name === 'variable') return variableRange(variable)
  const buffer = node.op.name === 'input' ? `input ${position}` : `constant ${identity(value)}`
  return { buffer, from: 0, to: storageBytes(node.types[0]) }
}

// Several values behind one binding: all that a joint kernel reads and writes of the activation memory, and all of its variables,
// each bound from the first of them to the last. In the activation memory the planner knows where they are. Variables that are bound
// together get a buffer together when the program runs, and a table tells the kernel where they are in it.

import type { Dispatch, Slot, Table } from '../../shaders/kernel.ts'
import { storageBytes } from '../dtype.ts'
import type { Variable } from '../tensor.ts'
import type { PlannedDispatch, ValuePlace } from './plan.ts'

/** Values bound together: all variables, or all of one slab. Between them may lie others, which the kernel leaves alone. */
export interface Span {
  readonly kind: 'span'
  readonly places: readonly ValuePlace[]
  /** Of a span of variables, those alone; what is bound may be more. */
  readonly bytes: number
}

/** Words that say where the values of spans are. */
export interface TablePlace {
  readonly kind: 'table'
  readonly table: Table
  readonly spans: readonly Span[]
  readonly bytes: number
}

/** What WebGPU allows one binding, and where slabs end. */
export interface BindingLimits {
  readonly slabBytes: number
  readonly maxBindingBytes: number
}

/** A dispatch with the places of its bindings; or several in its stead, where those of one span cannot be bound together. */
export function placed(
  dispatch: Dispatch,
  at: (slot: Slot) => ValuePlace,
  limits: BindingLimits,
): PlannedDispatch[] {
  const { buffers, table, halves } = dispatch
  const spans = (dispatch.spans ?? []).map((slots) => spanOf(slots.map(at)))
  if (halves && !spans.every((s) => fits(s, limits)))
    return halves().flatMap((d) => placed(d, at, limits))
  const tables: TablePlace[] = table
    ? [{ kind: 'table', table, spans, bytes: 4 * Math.max(4, table.words) }]
    : []
  return [{ dispatch, places: [...buffers.map(at), ...spans, ...tables] }]
}

function spanOf(places: readonly ValuePlace[]): Span {
  const slabs = places.flatMap((p) => (p.kind === 'slab' ? [p] : []))
  const bytes = slabs.length
    ? Math.max(...slabs.map((p) => p.offset + p.bytes)) - Math.min(...slabs.map((p) => p.offset))
    : places.reduce((n, p) => n + p.bytes, 0)
  return { kind: 'span', places, bytes }
}

function fits({ places, bytes }: Span, { slabBytes, maxBindingBytes }: BindingLimits): boolean {
  const slabs = new Set(
    places.flatMap((p) => (p.kind === 'slab' ? [Math.floor(p.offset / slabBytes)] : [])),
  )
  return bytes <= maxBindingBytes && slabs.size <= 1
}

/** Variables that must share a buffer; no variable is in two lists. */
export function poolsOf(dispatches: readonly PlannedDispatch[]): Variable[][] {
  const pools = new Pools()
  for (const place of dispatches.flatMap((d) => d.places)) {
    if (place.kind !== 'span') continue
    const own = place.places.flatMap((p) => (p.kind === 'variable' ? [p.variable] : []))
    if (own.length) pools.join(own)
  }
  return pools.lists()
}

/** Lists of variables that share a buffer. */
export class Pools {
  readonly #listOf = new Map<Variable, Variable[]>()

  /** Puts variables into one list, with all that share one with any of them, unless `fits` says no to it. */
  join(variables: readonly Variable[], fits = (_: readonly Variable[]) => true): boolean {
    const near = new Set(variables.map((v) => this.#listOf.get(v)))
    near.delete(undefined)
    const [first = [], ...others] = near as Set<Variable[]>
    const fresh = new Set(variables.filter((v) => !this.#listOf.has(v)))
    const more = [...others.flat(), ...fresh]
    if (!more.length) return true
    if (!fits([...first, ...more])) return false
    // Lists that grow and grow are not made anew each time.
    first.push(...more)
    for (const v of more) this.#listOf.set(v, first)
    return true
  }

  lists(): Variable[][] {
    return [...new Set(this.#listOf.values())]
  }
}

/** Bytes of variables that share a buffer, each where a binding may begin. */
export const poolBytes = (pool: Iterable<Variable>, alignment: number): number => {
  let bytes = 0
  for (const v of pool) bytes += Math.ceil(storageBytes(v) / alignment) * alignment
  return bytes
}

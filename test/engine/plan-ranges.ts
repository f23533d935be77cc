// Which bytes of which buffers the bindings of a dispatch cover, and what WebGPU allows of them together.

import { storageBytes } from '../../engine/dtype.ts'
import { identity } from '../../engine/graph.ts'
import type { Place, Plan, ValuePlace } from '../../engine/plan/plan.ts'
import type { Variable } from '../../engine/tensor.ts'
import type { Access } from '../../shaders/kernel.ts'

export interface Range {
  /** The buffer: ranges of different buffers never overlap. */
  readonly buffer: string
  readonly from: number
  readonly to: number
}

/** Of ranges of one buffer. */
export const overlap = (a: Range, b: Range) => a.from < b.to && b.from < a.to
export const rangeText = ({ buffer, from, to }: Range) => `${buffer}, bytes ${from} to ${to}`

export const variableRange = (v: Variable): Range => ({
  buffer: `variable ${identity(v)}`,
  from: 0,
  to: storageBytes(v),
})

export function rangeOf(place: ValuePlace): Range {
  switch (place.kind) {
    case 'slab':
      return { buffer: 'slab', from: place.offset, to: place.offset + place.bytes }
    case 'variable':
      return { ...variableRange(place.variable), to: place.bytes }
    case 'constant':
      return { buffer: `constant ${identity(place.value)}`, from: 0, to: place.bytes }
    default:
      return { buffer: `${place.kind} ${place.position}`, from: 0, to: place.bytes }
  }
}

/** The device's buffer: activation memory comes in several. */
export const bufferOf = ({ buffer, from }: Range, { slabBytes }: Plan): string =>
  buffer === 'slab' ? `slab ${Math.floor(from / slabBytes)}` : buffer

/** What is wrong with the bindings of a dispatch, if anything is. */
export function wrongBindings(
  access: readonly Access[],
  places: readonly Place[],
  plan: Plan,
): string | undefined {
  const bound = places.map((place, i) => ({
    place,
    access: access[i],
    pool: poolOf(place, plan),
    range: boundRange(place),
  }))
  for (const [i, { place, access, pool, range }] of bound.entries()) {
    if (access === 'read_write' && ['input', 'constant', 'table'].includes(place.kind))
      return `a kernel may write an ${place.kind}`
    if (place.kind === 'span' && !isOneBuffer(place.places, pool, plan))
      return 'the values of one binding are in several buffers'
    for (const [k, other] of bound.slice(0, i).entries()) {
      const pooled = pool !== undefined && pool === other.pool
      if (!pooled && bufferOf(range, plan) !== bufferOf(other.range, plan)) continue
      const both = `bindings ${k + 1} and ${i + 1}`
      if (access !== other.access) return `${both} read and write one buffer`
      if (access === 'read') continue
      // Where a variable lies between others of its buffer is known only when the program runs.
      if (pooled && [place, other.place].some(({ kind }) => kind === 'span'))
        return `${both} may overlap`
      if (range.buffer === other.range.buffer && overlap(range, other.range))
        return `${both} overlap: ${rangeText(range)}`
    }
  }
  return undefined
}

/** All that a binding covers. */
function boundRange(place: Place): Range {
  if (place.kind === 'table') return { buffer: 'table', from: 0, to: place.bytes }
  if (place.kind !== 'span') return rangeOf(place)
  const ranges = place.places.map(rangeOf)
  return {
    buffer: ranges[0].buffer,
    from: Math.min(...ranges.map((r) => r.from)),
    to: Math.max(...ranges.map((r) => r.to)),
  }
}

function isOneBuffer(places: readonly ValuePlace[], pool: number | undefined, plan: Plan): boolean {
  if (places.every(({ kind }) => kind === 'variable')) return pool !== undefined
  const slabs = places.flatMap((p) =>
    p.kind === 'slab' ? [p.offset, p.offset + p.bytes - 1] : [Number.NaN],
  )
  return new Set(slabs.map((at) => Math.floor(at / plan.slabBytes))).size === 1
}

/** The number of the buffer that all variables of a place share. */
function poolOf(place: Place, { pools }: Plan): number | undefined {
  const places = place.kind === 'span' ? place.places : [place]
  const numbers = places.map((p) =>
    p.kind === 'variable' ? pools.findIndex((pool) => pool.includes(p.variable)) : -1,
  )
  return numbers[0] >= 0 && numbers.every((n) => n === numbers[0]) ? numbers[0] : undefined
}

// The values of variables on a device. Each is made when it is first used, and goes when it is released or when nobody
// holds its variable any more. A variable has a buffer of its own until a program updates it together with others: then all of
// them move into one, which lives as long as any of them.

import type { Device } from '../device.ts'
import { storageBytes } from '../dtype.ts'
import { DeviceError } from '../errors.ts'
import { hostTensor } from '../ops/source.ts'
import { poolBytes } from '../plan/spans.ts'
import type { HostTensor, Variable } from '../tensor.ts'
import { partOf } from '../trace.ts'
import { type Buffer, partOf as partOfBuffer, writePadded } from './buffers.ts'

const owners = new WeakMap<Variable, Device>()

/** What a device held is lost with it: tensors that read it are stale, as after a release. */
export function forgetGone(variable: Variable): void {
  if (!owners.get(variable)?.gone) return
  owners.delete(variable)
  if (variable.version) variable.version++
}

/** A buffer of several variables, each with its part. */
interface Pool {
  readonly buffer: Buffer
  readonly members: Map<Buffer, WeakRef<Variable>>
}

/** Variables on their way into a buffer together. */
export interface Move {
  /** Frees what they left. */
  done(): void
  /** Gives them back what they left; those that had no memory before are where they were put. */
  undo(): void
}

export class Variables {
  /** Grows whenever a variable gets, changes or loses its buffer. */
  changes = 0
  readonly #device: Device
  readonly #buffers = new WeakMap<Variable, Buffer>()
  /** Buffers of the variables that live, for the count; a buffer does not know its variable. */
  readonly #live = new Set<Buffer>()
  /** Where a variable's buffer is part of another. */
  readonly #pools = new Map<Buffer, Pool>()
  readonly #collected = new FinalizationRegistry<Buffer>((buffer) => this.#free(buffer))

  constructor(device: Device) {
    this.#device = device
  }

  get bytes(): number {
    let bytes = 0
    for (const b of this.#live) bytes += b.bytes
    return bytes
  }

  has(variable: Variable): boolean {
    return this.#buffers.has(variable)
  }

  /** Memory of a variable, filled with its initial value at first use. */
  place(variable: Variable): Buffer {
    const known = this.#buffers.get(variable)
    if (known) return known
    const value = this.#initial(variable)
    const buffer = this.#device.buffers.make(storageBytes(variable), variable.name)
    this.#fill(variable, buffer, value)
    this.#live.add(buffer)
    return buffer
  }

  /** Whether variables share a buffer. */
  areTogether(variables: readonly Variable[]): boolean {
    const [pool, ...others] = new Set(variables.map((v) => this.#poolOf(v)))
    return pool !== undefined && !others.length
  }

  /** Gives each list of variables one buffer, with all that share one with any of them; those that have memory elsewhere move.
   * What they leave is kept until it is known that there was memory for this. */
  together(lists: readonly (readonly Variable[])[]): Move {
    const moves: Move[] = []
    const undo = () => {
      for (const m of moves.reverse()) m.undo()
    }
    try {
      for (const variables of lists)
        if (!this.areTogether(variables)) moves.push(this.#gather(this.#near(variables)))
    } catch (error) {
      undo()
      throw error
    }
    return {
      done: () => {
        for (const m of moves) m.done()
      },
      undo,
    }
  }

  /** Variables and all that share a buffer with any of them; without these if they are too many to be bound at once. */
  #near(variables: readonly Variable[]): ReadonlySet<Variable> {
    const pools = new Set(variables.map((v) => this.#poolOf(v)))
    const near = [...pools].flatMap((p) => (p ? [...p.members.values()] : []))
    const all = new Set([...variables, ...near.flatMap((ref) => ref.deref() ?? [])])
    const { alignment, maxBindingBytes, maxBufferBytes } = this.#device.caps
    const fits = poolBytes(all, alignment) <= Math.min(maxBindingBytes, maxBufferBytes)
    return fits ? all : new Set(variables)
  }

  #poolOf(variable: Variable): Pool | undefined {
    const buffer = this.#buffers.get(variable)
    return buffer && this.#pools.get(buffer)
  }

  #gather(variables: ReadonlySet<Variable>): Move {
    const { buffers, gpu, caps } = this.#device
    // What can be refused is refused before anything moves.
    const values = new Map<Variable, HostTensor>()
    for (const v of variables) if (!this.has(v)) values.set(v, this.#initial(v))
    const whole = buffers.make(poolBytes(variables, caps.alignment), 'variables')
    const pool: Pool = { buffer: whole, members: new Map() }
    this.#live.add(whole)
    const encoder = gpu.createCommandEncoder()
    const moved: { variable: Variable; from: Buffer; to: Buffer }[] = []
    let offset = 0
    for (const variable of variables) {
      const bytes = storageBytes(variable)
      const to = partOfBuffer(whole, offset, bytes)
      offset += poolBytes([variable], caps.alignment)
      pool.members.set(to, new WeakRef(variable))
      this.#pools.set(to, pool)
      const from = this.#buffers.get(variable)
      if (!from) {
        this.#fill(variable, to, values.get(variable)!)
        continue
      }
      encoder.copyBufferToBuffer(from.gpu, from.offset, to.gpu, to.offset, bytes)
      this.#hold(variable, to)
      moved.push({ variable, from, to })
    }
    gpu.queue.submit([encoder.finish()])
    return {
      done: () => {
        for (const { from } of moved) this.#free(from)
      },
      undo: () => {
        for (const { variable, from, to } of moved) {
          // It may have been released, or have moved on.
          const isThere = this.#buffers.get(variable) === to
          if (isThere) this.#hold(variable, from)
          this.#free(isThere ? to : from)
        }
      },
    }
  }

  /** The value that a variable has at first. Throws DeviceError for one that lives on another device. */
  #initial(variable: Variable): HostTensor {
    forgetGone(variable)
    const owner = owners.get(variable)
    if (owner && owner !== this.#device && !owner.gone)
      throw new DeviceError(
        `${variable.name} lives on another device`,
        'a model belongs to the device that first ran it: read its state there and load it into a new model',
      )
    const data = variable.initial()
    return partOf(`variable ${variable.name}`, () =>
      hostTensor(data, variable.shape, variable.dtype),
    )
  }

  #fill(variable: Variable, buffer: Buffer, value: HostTensor): void {
    writePadded(this.#device.gpu, buffer, value)
    owners.set(variable, this.#device)
    this.#hold(variable, buffer)
  }

  #hold(variable: Variable, buffer: Buffer): void {
    this.changes++
    const old = this.#buffers.get(variable)
    if (old) this.#collected.unregister(old)
    this.#buffers.set(variable, buffer)
    this.#collected.register(variable, buffer, buffer)
  }

  /** Gives the memory of a variable back. */
  release(variable: Variable): void {
    const buffer = this.#buffers.get(variable)
    if (!buffer) return
    this.#buffers.delete(variable)
    this.#collected.unregister(buffer)
    owners.delete(variable)
    // Tensors that read what was here are stale; what was never overwritten comes back as it was.
    if (variable.version) variable.version++
    this.#free(buffer)
  }

  #free(buffer: Buffer): void {
    this.changes++
    const pool = this.#pools.get(buffer)
    if (pool) {
      this.#pools.delete(buffer)
      pool.members.delete(buffer)
      if (pool.members.size) return
    }
    const whole = pool?.buffer ?? buffer
    this.#live.delete(whole)
    this.#device.buffers.free(whole)
  }
}

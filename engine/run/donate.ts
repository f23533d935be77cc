// Donated arguments: memory that dies within a run, and the results that may lie where they lay. A result may where it is first
// written after the last command that reads the argument; within one dispatch WebGPU binds no buffer both to be read and written.

import { DeviceTensor } from '../device-tensor.ts'
import { storageBytes } from '../dtype.ts'
import type { Place, Plan } from '../plan/plan.ts'
import type { HostTensor } from '../tensor.ts'

/** Numbers of commands, by argument and by result. */
export interface Uses {
  /** −1 for an argument that nothing reads. */
  readonly lastRead: readonly number[]
  readonly firstWrite: readonly number[]
}

export function usesOf({ graph, steps }: Plan): Uses {
  const lastRead = graph.inputs.map(() => -1)
  const firstWrite = graph.outputs.map(() => Number.POSITIVE_INFINITY)
  let at = 0
  const touch = (p: Place) => {
    if (p.kind === 'input') lastRead[p.position] = at
    if (p.kind === 'output') firstWrite[p.position] = Math.min(firstWrite[p.position], at)
    // Spans are of variables and of activation memory.
  }
  for (const { moves, dispatches } of steps)
    for (const places of [
      ...moves.map((m) => [m.from, m.to]),
      ...dispatches.map((d) => d.places),
    ]) {
      for (const p of places) touch(p)
      at++
    }
  return { lastRead, firstWrite }
}

/** For results, by number, the donated argument whose memory each takes. */
export function heirsOf(
  args: readonly (HostTensor | DeviceTensor)[],
  { graph }: Plan,
  { lastRead, firstWrite }: Uses,
): ReadonlyMap<number, DeviceTensor> {
  const free = new Map<DeviceTensor, number>()
  args.forEach((arg, i) => {
    if (arg instanceof DeviceTensor && arg.donated)
      free.set(arg, Math.max(free.get(arg) ?? -1, lastRead[i]))
  })
  const heirs = new Map<number, DeviceTensor>()
  if (!free.size) return heirs
  graph.outputs.forEach((type, output) => {
    const bytes = Math.max(16, storageBytes(type))
    for (const [tensor, last] of free) {
      if (last >= firstWrite[output] || tensor.buffer.bytes !== bytes) continue
      heirs.set(output, tensor)
      free.delete(tensor)
      return
    }
  })
  return heirs
}

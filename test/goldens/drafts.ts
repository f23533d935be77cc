// Folders of golden cases made for a test: a small one of our own, and copies of given cases, changed before they are
// written. They live in the folder for temporary files.

import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type SafeTensor, writeSafetensors } from '../../train/weights/safetensors.ts'
import type { GoldenCase } from './format.ts'

/** A case that can still be changed: its line of the index, and what will be in its file. */
export interface Draft {
  // biome-ignore lint/suspicious/noExplicitAny: tests put everything here that must not be there
  entry: Record<string, any>
  readonly tensors: Map<string, SafeTensor>
  /** The list of parameters of a network case. */
  // biome-ignore lint/suspicious/noExplicitAny: as above
  readonly network?: any
}

/** y = a · b with b broadcast, and its gradients, in numbers that f32 holds exactly. */
export function ownDraft(id = 'own.mul'): Draft {
  const f32 = (shape: number[], ...data: number[]): SafeTensor => ({
    dtype: 'F32',
    shape,
    data: Float32Array.from(data),
  })
  const tensors = new Map([
    ['a', f32([2, 3], 1, 2, 3, 4, 5, 6)],
    ['b', f32([3], 1, -2, 0.5)],
    ['y', f32([2, 3], 1, -4, 1.5, 4, -10, 3)],
    ['gy', f32([2, 3], 1, 1, 2, 1, 3, 4)],
    ['d_a', f32([2, 3], 1, -2, 1, 1, -6, 2)],
    ['d_b', f32([3], 5, 17, 30)],
  ])
  const roles = ['input', 'input', 'output', 'upstream', 'grad', 'grad']
  const entry = {
    id,
    op: 'mul',
    file: `${id}.safetensors`,
    attributes: { broadcast: 'lead' },
    layout: 'ND',
    tensors: [...tensors].map(([name, { dtype, shape }], i) => ({
      ...{ name, role: roles[i], dtype, shape },
    })),
    tolerance: { metric: 'rel_l2', default: 1e-5 },
  }
  return { entry, tensors }
}

/** A copy of a case that was read. */
export function draftOf(c: GoldenCase): Draft {
  const { id, op, layout, notes } = c
  const entry = {
    ...{ id, op, layout, notes, file: `${id}.safetensors` },
    attributes: structuredClone(c.attributes),
    tensors: structuredClone(c.listed),
    tolerance: structuredClone(c.toleranceRule),
  }
  const copies = [...c.tensors].map(
    ([name, t]) => [name, { ...t, data: t.data.slice() } as SafeTensor] as const,
  )
  const network = op === 'network' ? structuredClone(c.network()) : undefined
  return { entry, tensors: new Map(copies), network }
}

/** Adds to one value of a tensor: its largest, where an error weighs least. */
export function nudge({ tensors }: Draft, name: string, by: number): void {
  const data = tensors.get(name)!.data as Float32Array
  data[largestOf(data)] += by
}

/** Changes one value of a tensor so that nothing allows it. */
export function damage(draft: Draft, name: string): void {
  const { dtype, data } = draft.tensors.get(name)!
  // A mask is turned round: its numbers may be codes, of which the next one may be right as well.
  if (dtype === 'U8') (data as Uint8Array)[largestOf(data as Uint8Array)] ^= 1
  else nudge(draft, name, dtype === 'F32' ? 0.05 : 1)
}

const largestOf = (data: ArrayLike<number>): number =>
  Array.from(data).reduce((best, v, i) => (Math.abs(v) > Math.abs(data[best]) ? i : best), 0)

/** Writes drafts as a folder of golden cases. */
export function writeFolder(drafts: readonly Draft[]): string {
  const folder = mkdtempSync(join(tmpdir(), 'atrous-goldens-'))
  for (const { entry, tensors, network } of drafts) {
    const path = join(folder, entry['id'])
    writeFileSync(`${path}.safetensors`, writeSafetensors(tensors))
    if (network) writeFileSync(`${path}.params.json`, JSON.stringify(network))
  }
  writeIndex(folder, { cases: drafts.map(({ entry }) => entry) })
  return folder
}

export function writeIndex(folder: string, index: unknown): void {
  writeFileSync(join(folder, 'index.json'), JSON.stringify(index))
}

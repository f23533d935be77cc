// The words that kernels take besides buffers: one uniform buffer for all dispatches of a plan. Tables come last, since what is in
// them is known only when the program runs.

import type { PlannedDispatch } from './plan.ts'

/** Of an offset that every device accepts. */
const alignment = 256

/** Where the block of each dispatch lies, and where its table, and the words; equal blocks are stored once. */
export function layoutUniforms(dispatches: readonly PlannedDispatch[]) {
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
  const tables = dispatches.map(({ places }) => {
    const place = places.at(-1)
    if (place?.kind !== 'table') return undefined
    const range = { offset: end, size: place.bytes }
    end += Math.ceil(place.bytes / alignment) * alignment
    return range
  })
  const words = new Uint32Array(Math.max(end, alignment) / 4)
  let at = 0
  for (const b of blocks) {
    words.set(b, at / 4)
    at += Math.ceil(b.byteLength / alignment) * alignment
  }
  return { ranges, tables, words }
}

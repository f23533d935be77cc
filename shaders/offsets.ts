// Where counted things go: exclusive prefix sums of u32 counts, in place.
//
//   c[i] becomes Σ_{j < i} c[j]
//
// Segments of 64 are summed, their sums are summed again until one segment is left, and then, from the top down, each
// segment is walked from the sum of what lies before it. One invocation walks a segment: no workgroup memory and no
// barrier, so it compiles fast everywhere, and integer sums are exact in any order.

import { type Dispatch, overIndex, perIndex, type Slot } from './kernel.ts'

const SEGMENT = 64

const up = perIndex({
  key: 'offsets/up',
  params: 'n: u32',
  bindings: [
    { name: 'counts', access: 'read_write', elem: 'u32' },
    { name: 'sums', access: 'read_write', elem: 'u32' },
  ],
  body: /* wgsl */ `
  var sum = 0u;
  for (var e = ${SEGMENT}u * i; e < min(${SEGMENT}u * (i + 1u), p.n); e++) { sum += counts[e]; }
  sums[i] = sum;`,
})

const down = perIndex({
  key: 'offsets/down',
  params: 'n: u32, top: u32',
  bindings: [
    { name: 'counts', access: 'read_write', elem: 'u32' },
    { name: 'sums', access: 'read_write', elem: 'u32' },
  ],
  body: /* wgsl */ `
  var sum = 0u;
  if (p.top == 0u) { sum = sums[i]; }
  for (var e = ${SEGMENT}u * i; e < min(${SEGMENT}u * (i + 1u), p.n); e++) {
    let count = counts[e];
    counts[e] = sum;
    sum += count;
  }`,
})

/** Bytes of the scratch buffers that `offsets` of n counts needs: one a level. */
export function offsetsScratch(n: number): number[] {
  const levels = [Math.max(1, Math.ceil(n / SEGMENT))]
  while (levels[levels.length - 1] > 1) levels.push(Math.ceil(levels[levels.length - 1] / SEGMENT))
  return levels.map((sums) => 4 * sums)
}

/** Replaces the n counts by their offsets; `sums` are the buffers that `offsetsScratch` asks for. */
export function offsets(counts: Slot, n: number, sums: readonly Slot[]): Dispatch[] {
  const sizes = [n]
  for (const _ of sums) sizes.push(Math.ceil(sizes[sizes.length - 1] / SEGMENT))
  const buffers = (level: number) => [level === 0 ? counts : sums[level - 1], sums[level]]
  const levels = sums.map((_, level) => level)
  const top = levels.length - 1
  return [
    ...levels.slice(0, top).map((l) => overIndex(up, sizes[l + 1], buffers(l), sizes[l])),
    ...levels
      .reverse()
      .map((l) => overIndex(down, sizes[l + 1], buffers(l), sizes[l], l === top ? 1 : 0)),
  ]
}

// Watches a tensor for values that are not finite.
//
//   status[0] = min(status[0], order)    if any element is NaN or ±∞
//
// After a program, status[0] is the order number of the first watched tensor that went wrong (or what the host wrote
// before, if none did). Tests are on bits, since drivers fold x ≠ x to false. The minimum is of integers, so the order of the
// atomics does not show.

import { type Access, input, output, overIndex, perIndex, type Recipe } from './kernel.ts'

/** Loads per invocation, spread so that neighbours read neighbours. */
const LOADS = 8

/** Inputs x; outputs status (one u32, read and written). */
export function watchFinite(spec: {
  readonly elem: 'f32' | 'f16'
  readonly count: number
  /** Smaller is earlier. */
  readonly order: number
  readonly access: readonly Access[]
}): Recipe {
  const { elem, count, order, access } = spec
  const words = elem === 'f16' ? Math.ceil(count / 2) : count
  const vec = words % 4 === 0 && count % 2 === 0
  const type = vec ? 'vec4u' : 'u32'
  const any = (test: string) => (vec ? `any(${test})` : `(${test})`)
  const wrong = (w: string, mask: string) => any(`(${w} & ${type}(${mask})) == ${type}(${mask})`)
  const half = `let tail = select(0xffffffffu, 0xffffu, p.odd == 1u && at == p.words - 1u);
    let w = x[at]${vec ? '' : ' & tail'};
    bad |= ${wrong('w', '0x7c00u')} | ${wrong('w', '0x7c000000u')};`
  const kernel = perIndex({
    key: `watchFinite/${elem}`,
    params: 'words: u32, order: u32, odd: u32,',
    bindings: [
      { name: 'x', access: access[0], elem: 'u32', vec },
      { name: 'status', access: 'read_write', elem: 'u32', atomic: true },
    ],
    body: /* wgsl */ `
  var bad = false;
  for (var at = i; at < p.words; at += p.count) {
    ${elem === 'f16' ? half : `bad |= ${wrong('x[at]', '0x7f800000u')};`}
  }
  if (bad) { atomicMin(&status[0], p.order); }`,
  })
  const units = vec ? words / 4 : words
  const slots = [input(0), output(0)]
  const params = [units, order, count % 2]
  return {
    scratch: [],
    dispatches: [overIndex(kernel, Math.ceil(units / LOADS), slots, ...params)],
  }
}

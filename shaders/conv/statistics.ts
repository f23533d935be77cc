// Mean and variance of each channel of what a convolution stores, without reading it again: for batch normalisation in
// training. A block of the kernel has whole columns of its pixels in registers; it writes for each of its channels
//
//   mean_b = Σ y / n_b       M2_b = Σ (y − mean_b)²       over the n_b pixels of block b (the last may have fewer)
//
// each in two steps, an invocation's own pixels and then those of the invocations below one another, in order. A second
// kernel joins blocks in fixed order by Chan's formula, as in moments.ts.

import {
  type Caps,
  type Dispatch,
  output,
  overIndex,
  perIndex,
  type Recipe,
  type Slot,
  scratch,
} from '../kernel.ts'
import { moments } from '../moments.ts'

/** How invocations share a block: `across` along the channels; workgroup memory that is free at the end, a vec4 for each sum of
 * an invocation. */
export interface Sharing {
  readonly lanes: number
  readonly across: number
  readonly memory: string
}

/** WGSL after the store: `sums` holds what was stored, rows × cols vec4s of which the first `live` rows are pixels of y. */
export const tally = (cols: number, pixels: number, { lanes, across, memory }: Sharing) => {
  const each = (body: (j: number) => string) =>
    Array.from({ length: cols }, (_, j) => body(j)).join('\n  ')
  const own = (j: number, term: string) =>
    `for (var i = 0u; i < live; i++) { let y = sums[i * ${cols}u + ${j}u]; own += ${term}; }`
  const down = lanes / across
  // Every invocation of a column has the whole sum, so that it is added in the same order in each.
  const total = (j: number) =>
    `for (var r = 0u; r < ${down}u; r++) { total${j} += ${memory}[(r * ${across}u + laneX) * ${cols}u + ${j}u]; }`
  const summed = (term: (j: number) => string) => /* wgsl */ `
  workgroupBarrier();
  ${each((j) => `{ var own = vec4f(); ${own(j, term(j))} ${memory}[lane * ${cols}u + ${j}u] = own; }`)}
  workgroupBarrier();
  ${each((j) => `total${j} = vec4f(); ${total(j)}`)}`
  return /* wgsl */ `
  ${each((j) => `var total${j} = vec4f();`)}
  let inBlock = f32(min(${pixels}u, p.n * p.oh * p.ow - block * ${pixels}u));
  ${summed(() => 'y')}
  ${each((j) => `let mean${j} = total${j} / inBlock;`)}
  ${summed((j) => `(y - mean${j}) * (y - mean${j})`)}
  if (lane < ${across}u) {
    ${each((j) => `if (column + laneX + ${j * across}u < quads) { let to = block * quads + column + laneX + ${j * across}u; means[to] = mean${j}; squares[to] = total${j}; }`)}
  }`
}

/** Blocks that one invocation joins, but for the last ones. */
const joined = 32

/** What is left to do after a kernel that tallies: scratch `first` and the next are its means and squares, of blocks of
 * `size` pixels; outputs `to` and the next become mean and variance. */
export function joinTallies(
  { blocks, size, pixels, quads }: Record<'blocks' | 'size' | 'pixels' | 'quads', number>,
  first: number,
  to: number,
): Recipe {
  const bytes = (units: number) => 16 * units * quads
  const sizes = [bytes(blocks), bytes(blocks)]
  const dispatches: Dispatch[] = []
  let from: Slot[] = [scratch(first), scratch(first + 1)]
  let unit = size
  for (let units = blocks; ; ) {
    const each = units <= 8 * joined ? units : joined
    const groups = Math.ceil(units / each)
    const last = groups === 1
    const next = first + sizes.length
    const results = last ? [output(to), output(to + 1)] : [scratch(next), scratch(next + 1)]
    if (!last) sizes.push(bytes(groups), bytes(groups))
    const words = [quads, units, each, unit, pixels, last ? 1 : 0]
    dispatches.push(overIndex(joinKernel, groups * quads, [...from, ...results], ...words))
    if (last) return { scratch: sizes, dispatches }
    from = results
    units = groups
    unit *= each
  }
}

const joinKernel = perIndex({
  key: 'joinTallies',
  params: 'quads: u32, units: u32, each: u32, unit: u32, pixels: u32, last: u32',
  bindings: ['means', 'squares', 'mean', 'spread'].map((name) => ({
    ...{ name, access: 'read_write', elem: 'f32', vec: true },
  })),
  body: /* wgsl */ `
  let column = i % p.quads;
  let first = i / p.quads * p.each;
  let end = min(first + p.each, p.units);
  var at = first * p.quads + column;
  var all = min(p.unit, p.pixels - first * p.unit);
  var m = means[at];
  var m2 = squares[at];
  for (var u = first + 1u; u < end; u++) {
    at += p.quads;
    let seen = all;
    all += min(p.unit, p.pixels - u * p.unit);
    let share = f32(all - seen) / f32(all);
    let d = means[at] - m;
    m += d * share;
    m2 += squares[at] + d * d * (f32(seen) * share);
  }
  mean[i] = m;
  spread[i] = select(m2, m2 / f32(p.pixels), p.last == 1u);`,
})

/** A recipe followed by the moments of its output 0, an f32 or f16 tensor [rows, channels], as outputs 1 and 2. */
export function thenMoments(
  recipe: Recipe,
  of: { readonly rows: number; readonly channels: number; readonly elem: 'f32' | 'f16' },
  caps: Caps,
): Recipe {
  const { rows, channels: inner, elem } = of
  const after = moments({ outer: 1, rows, inner, access: 'read_write', elem }, caps)
  const place = ({ kind, index }: Slot): Slot => {
    if (kind === 'scratch') return scratch(recipe.scratch.length + index)
    return kind === 'input' ? output(0) : output(index + 1)
  }
  return {
    ...recipe,
    scratch: [...recipe.scratch, ...after.scratch],
    dispatches: [
      ...recipe.dispatches,
      ...after.dispatches.map((d) => ({ ...d, buffers: d.buffers.map(place) })),
    ],
  }
}

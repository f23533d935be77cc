// Sums of what falls on the same place (scatter.ts), for many sources: the places are sorted (sort.ts), so that what goes
// to j is one run of the sorted sources. Where every element has a number of its own, the places of all elements of y are
// sorted as one axis.
//
// Runs may be long: blocks of 64, 64² … neighbours that lie in one run are summed before, and the walk along a run takes
// the largest block that begins where it stands. So terms are combined in a fixed tree, and no sum is long.

import {
  type Access,
  type Binding,
  type Caps,
  type Dispatch,
  type Elem,
  input,
  loadScalar,
  output,
  overIndex,
  perIndex,
  type Recipe,
  type Slot,
  scratch,
} from './kernel.ts'
import { baseBinding, type Lanes, lanesOf, type ScatterSpec, storeSums } from './scatter-frame.ts'
import { sortOrder } from './sort.ts'
import type { IndexElem } from './take.ts'

/** log₂ of how many blocks make one of the next level. */
const SHIFT = 6

/** Inputs index, src and perhaps base; outputs y. */
export function sortedSums(spec: ScatterSpec, caps: Caps): Recipe {
  const { elem, index, base, access } = spec
  // The axis that is sorted: that of the numbers, or all elements as one.
  const { outer, n, m, inner } = spec.shared
    ? spec
    : {
        outer: 1,
        n: spec.outer * spec.n * spec.inner,
        m: spec.outer * spec.m * spec.inner,
        inner: 1,
      }
  const lanes = lanesOf(elem, inner)
  const { vec, type, columns, scalar, load } = lanes
  const src = input(1)
  const [keys, order, runs, begins, blocks] = [0, 1, 2, 3, 4].map(scratch)
  const bits = Math.max(1, 32 - Math.clz32(n))
  const sort = sortOrder({ rows: 1, m, bits, access: ['read_write'], caps })
  const sortSlot = ({ kind, index: k }: Slot): Slot =>
    kind === 'input' ? keys : kind === 'output' ? order : scratch(5 + k)
  const all = outer * columns
  // Blocks of 64, 64², … sources, level by level, while a level has more than 64.
  const levels: number[] = []
  for (let k = Math.floor(m / 64); k > 0; k = k > 64 ? Math.floor(k / 64) : 0) levels.push(k)
  const count = levels.reduce((a, b) => a + b, 0)
  const dispatches: Dispatch[] = [
    overIndex(
      places(index, access[0]),
      m,
      [input(0), keys],
      ...(spec.shared ? [n, m, 1, n] : [spec.n, spec.m, spec.inner, n]),
    ),
    ...sort.dispatches.map((d) => ({ ...d, buffers: d.buffers.map(sortSlot) })),
    overIndex(sortedKeys, m, [keys, order, runs]),
    overIndex(runBegins, n + 1, [runs, begins], m),
  ]
  levels.forEach((blocksHere, level) => {
    const before = levels.slice(0, level).reduce((a, b) => a + b, 0)
    const below = level ? before - levels[level - 1] : 0
    const from = level ? [] : [order, src]
    dispatches.push(
      overIndex(
        blockSums(lanes, elem, level ? undefined : access[1]),
        blocksHere * all,
        [runs, ...from, blocks],
        ...[m, n, all, columns, SHIFT * (level + 1), before, below],
      ),
    )
  })
  const kernel = perIndex({
    key: 'scatterAdd/runs',
    params: 'total: u32, n: u32, m: u32, inner: u32, columns: u32, most: u32',
    bindings: [
      { name: 'begins', access: 'read_write', elem: 'u32' },
      { name: 'order', access: 'read_write', elem: 'u32' },
      { name: 'src', access: access[1], elem, vec },
      { name: 'blocks', access: 'read_write', elem: scalar, vec },
      ...baseBinding(spec, access[2], vec),
      { name: 'y', access: 'read_write', elem, vec },
    ],
    functions: /* wgsl */ `
fn sumAt(e: u32) -> ${type} {
  let row = e / p.inner;
  let o = row / p.n;
  let j = row - o * p.n;
  let i = e - row * p.inner;
  let end = begins[j + 1u];
  var sum = ${base ? load('base', 'e') : `${type}()`};
  for (var at = begins[j]; at < end; ) {
    var shift = 0u;
    var first = 0u;
    while (shift < p.most) {
      let size = 1u << (shift + ${SHIFT}u);
      if ((at & (size - 1u)) != 0u || end - at < size) { break; }
      first += select(0u, p.m >> shift, shift > 0u);
      shift += ${SHIFT}u;
    }
    if (shift == 0u) {
      sum += ${load('src', '(o * p.m + order[at]) * p.inner + i')};
    } else {
      sum += blocks[(first + (at >> shift)) * p.columns + o * p.inner + i];
    }
    at += 1u << shift;
  }
  return sum;
}`,
    body: storeSums(lanes),
  })
  const total = outer * n * columns
  const slots = [begins, order, src, blocks, ...(base ? [input(2)] : []), output(0)]
  const params = [total, n, m, columns, all, SHIFT * levels.length]
  dispatches.push(overIndex(kernel, Math.ceil(total / lanes.each), slots, ...params))
  return {
    scratch: [
      4 * m,
      4 * m,
      4 * m,
      4 * (n + 1),
      Math.max(4, count * outer * inner) * 4,
      ...sort.scratch,
    ],
    dispatches,
  }
}

/** The place of each source; those that go nowhere get the number after the last. */
const places = (index: IndexElem, access: Access) =>
  perIndex({
    key: 'scatterAdd/places',
    params: 'n: u32, m: u32, inner: u32, nowhere: u32',
    bindings: [
      { name: 'index', access, elem: index },
      { name: 'keys', access: 'read_write', elem: 'u32' },
    ],
    body: /* wgsl */ `
  let j = u32(${loadScalar('index', index, 'i')});
  let row = i / p.inner;
  let place = ((row / p.m) * p.n + j) * p.inner + (i - row * p.inner);
  keys[i] = select(p.nowhere, place, j < p.n);`,
  })

const sortedKeys = perIndex({
  key: 'scatterAdd/sorted',
  bindings: [
    { name: 'keys', access: 'read_write', elem: 'u32' },
    { name: 'order', access: 'read_write', elem: 'u32' },
    { name: 'runs', access: 'read_write', elem: 'u32' },
  ],
  body: 'runs[i] = keys[order[i]];',
})

/** begins[j] = how many keys are below j. */
const runBegins = perIndex({
  key: 'scatterAdd/begins',
  params: 'm: u32',
  bindings: [
    { name: 'runs', access: 'read_write', elem: 'u32' },
    { name: 'begins', access: 'read_write', elem: 'u32' },
  ],
  body: /* wgsl */ `
  var low = 0u;
  var high = p.m;
  while (low < high) {
    let middle = (low + high) / 2u;
    if (runs[middle] < i) { low = middle + 1u; } else { high = middle; }
  }
  begins[i] = low;`,
})

/** The sums of blocks that lie in one run, from the sources (bound as `access` says) or from the blocks of the level
 * below, which begin at `below`; other blocks are never read. */
const blockSums = (lanes: Lanes, elem: Elem, access: Access | undefined) => {
  const { vec, type, scalar, load } = lanes
  const sources: Binding[] = access
    ? [
        { name: 'order', access: 'read_write', elem: 'u32' },
        { name: 'src', access, elem, vec },
      ]
    : []
  const term = access
    ? load('src', `(o * p.m + order[64u * block + k]) * p.inner + column`)
    : 'blocks[(p.below + 64u * block + k) * p.columns + rest]'
  return perIndex({
    key: `scatterAdd/blocks/${access ? 'lowest' : 'next'}`,
    params: 'm: u32, n: u32, columns: u32, inner: u32, shift: u32, before: u32, below: u32',
    bindings: [
      { name: 'runs', access: 'read_write', elem: 'u32' },
      ...sources,
      { name: 'blocks', access: 'read_write', elem: scalar, vec },
    ],
    body: /* wgsl */ `
  let block = i / p.columns;
  let key = runs[block << p.shift];
  if (key >= p.n || key != runs[((block + 1u) << p.shift) - 1u]) { return; }
  let rest = i - block * p.columns;
  ${access ? 'let o = rest / p.inner; let column = rest - o * p.inner;' : ''}
  var sum = ${type}();
  for (var k = 0u; k < 64u; k++) { sum += ${term}; }
  blocks[(p.before + block) * p.columns + rest] = sum;`,
  })
}

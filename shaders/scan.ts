// Running sums along one axis of x seen as [outer, rows, inner]:
//
//   y[o, r, i] = Σ_{q ≤ r} x[o, q, i]        exclusive: q < r        reverse: rows counted from the end
//
// A column is cut into blocks of rows. The sums of the blocks are summed up the same way, block by block of blocks, until
// a column has one; then, downwards, each block starts from the sum of those before it. So a result is the sum of
// a few block sums, each of few terms: the error grows with the logarithm of the length, as in a pairwise sum, and
// the order is fixed by the sizes alone. An invocation has one block of one column, or of four neighbouring columns.

import {
  type Access,
  type Caps,
  type Dispatch,
  declare,
  type Elem,
  gridFor,
  input,
  loadScalar,
  loadVec,
  output,
  type Recipe,
  register,
  type Slot,
  scratch,
  words,
} from './kernel.ts'

export interface ScanProblem {
  readonly elem: Elem
  readonly outer: number
  readonly rows: number
  readonly inner: number
  readonly reverse: boolean
  readonly exclusive: boolean
  readonly access: Access
}

const workgroup = 64

/** Input: x; output: y in the register type of x. */
export function scan(problem: ScanProblem, caps: Caps): Recipe {
  const { outer, inner } = problem
  const columns = inner % 4 === 0 ? inner / 4 : inner
  const block = caps.kind === 'discrete' || caps.kind === 'integrated' ? 32 : 128
  // Level 0 is x; level k has the sums of the blocks of level k − 1.
  const levels = [problem.rows]
  for (let n = problem.rows; n > block; levels.push(n)) n = Math.ceil(n / block)
  const slots = levels.map((_, k): Slot => (k ? scratch(k - 1) : input(0)))
  const dispatch = (level: number, kind: Kind): Dispatch => {
    const rows = levels[level]
    const blocks = Math.ceil(rows / block)
    const type = level ? register(problem.elem) : problem.elem
    const access = level ? 'read_write' : problem.access
    const { reverse, exclusive } = level ? { reverse: false, exclusive: true } : problem
    const above = kind === 'sums' || blocks > 1 ? [slots[level + 1]] : []
    const buffers = [slots[level], ...above, ...(kind === 'out' ? [output(0)] : [])]
    const lanes = columns === inner ? 'single' : 'columns'
    return {
      kernel: {
        key: `scan ${kind} ${above.length} ${lanes} ${type} ${access}`,
        get code() {
          return source(kind, above.length > 0, lanes === 'columns', type, access)
        },
        access: buffers.map((_, k) => (k ? 'read_write' : access)),
      },
      buffers,
      params: words(
        ...[rows, columns, blocks, block, outer * blocks * columns],
        ...[reverse ? 1 : 0, exclusive ? 1 : 0],
      ),
      grid: gridFor(outer * blocks * columns, workgroup),
    }
  }
  const higher = levels.map((_, k) => k).slice(1)
  return {
    scratch: levels.slice(1).map((n) => Math.ceil((outer * n * inner) / 4) * 16),
    dispatches: [
      ...higher.map((k) => dispatch(k - 1, 'sums')),
      ...higher.reverse().map((k) => dispatch(k, 'inside')),
      dispatch(0, 'out'),
    ],
  }
}

/** The sum of each block, for the level above; running sums in place; or running sums of x. */
type Kind = 'sums' | 'inside' | 'out'

function source(kind: Kind, above: boolean, vec: boolean, elem: Elem, access: Access): string {
  const part = register(elem)
  const type = vec ? `vec4<${part}>` : part
  const decls = [declare(1, 'x', access, elem, vec)]
  if (above) decls.push(declare(2, 'sums', 'read_write', part, vec))
  if (kind === 'out') decls.push(declare(decls.length + 1, 'y', 'read_write', part, vec))
  const put = kind === 'out' ? 'y' : 'x'
  const store = `${put}[at] = base + select(run + v, run, p.exclusive == 1u);`
  return `struct Params { rows: u32, columns: u32, blocks: u32, block: u32, count: u32, reverse: u32, exclusive: u32 }
@group(0) @binding(0) var<uniform> p: Params;
${decls.join('\n')}
@compute @workgroup_size(${workgroup})
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * ${workgroup}u + id.x;
  if (i >= p.count) { return; }
  let column = i % p.columns;
  let rest = i / p.columns;
  let first = rest % p.blocks * p.block;
  let o = rest / p.blocks;
  ${kind === 'sums' ? '' : `let base = ${above ? 'sums[i]' : `${type}()`};`}
  var run = ${type}();
  for (var r = first; r < min(first + p.block, p.rows); r++) {
    let at = (o * p.rows + select(r, p.rows - 1u - r, p.reverse == 1u)) * p.columns + column;
    let v = ${vec ? loadVec('x', elem, 'at') : loadScalar('x', elem, 'at')};
    ${kind === 'sums' ? '' : store}
    run += v;
  }
  ${kind === 'sums' ? 'sums[i] = run;' : ''}
}`
}

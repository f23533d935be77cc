// One pointwise body over many tensors in one dispatch: the update of every parameter of a network, for one, which by itself
// is a kernel of its own for each parameter. (The idea is that of PyTorch's multi-tensor optimisers.)
//
//   for each member m and element e of it:    out_m[e] = f(in₀_m[e], in₁_m[e], …)
//
// The members' tensors lie in few buffers, each bound once from the first of them to the last. A table says where: first one word for
// each block of 1,024 elements, the place of its member's row; then the rows,
//
//   first block of the member · groups of four elements · where each operand begins in its binding, in vec4s · the member's numbers
//
// so that a workgroup finds its range with two loads and no division, and an element's index is a sum.

import { type Access, type Dispatch, gridFor, type Slot, words } from './kernel.ts'
import { mathFor } from './math.ts'
import { helpersFor } from './random.ts'

/** How all members have their operand number j. All elements are f32. */
export interface JointOperand {
  /** Which buffers hold it: one binding for all variables, one for all of the activation memory, or, as every member then has the
   * same tensor of one element, a binding of its own. */
  readonly space: 'variables' | 'activations' | Access
  /** One element, the same for all of the member's. */
  readonly scalar: boolean
  /** Only written. */
  readonly fresh?: boolean
}

export interface JointMember {
  readonly count: number
  /** Where each operand is. */
  readonly slots: readonly Slot[]
  /** Numbers in the code, as many for each. */
  readonly constants: readonly number[]
}

export interface JointKernel {
  readonly operands: readonly JointOperand[]
  readonly members: readonly JointMember[]
  /** The operand that each result overwrites. */
  readonly writes: readonly number[]
  /** Names the structure of the pasted code. */
  readonly key: string
  emit(
    inputs: readonly string[],
    constants: readonly string[],
    index: string,
  ): { code: string; results: readonly string[] }
}

const WORKGROUP = 64
/** Groups of four elements in a block. */
const BLOCK = 256
const isSpanned = ({ space }: JointOperand) => space === 'variables' || space === 'activations'

/** The dispatch of all members. Where their values in the activation memory cannot be bound together it falls into halves, and a
 * single member into one that binds each of its own. */
export function joint(k: JointKernel): Dispatch {
  const of = (space: JointOperand['space']) =>
    [...k.operands.keys()].filter((j) => k.operands[j].space === space)
  const [variables, activations] = [of('variables'), of('activations')]
  const apart = [variables, ...activations.map((j) => [j])]
  const together = activations.length ? [variables, activations] : [variables]
  const middle = k.members.length >> 1
  const halves = () =>
    middle
      ? [k.members.slice(0, middle), k.members.slice(middle)].map((members) =>
          joint({ ...k, members }),
        )
      : [dispatchOf(k, apart)]
  return { ...dispatchOf(k, together), halves }
}

/** With the operands of each list behind one binding. */
function dispatchOf(k: JointKernel, spans: readonly (readonly number[])[]): Dispatch {
  const own = [...k.operands.keys()].filter((j) => !isSpanned(k.operands[j]))
  const rowWords = 2 + spans.flat().length + k.members[0].constants.length
  const blocks = k.members.map(({ count }) => Math.ceil(count / (4 * BLOCK)))
  const total = blocks.reduce((a, b) => a + b, 0)
  return {
    kernel: {
      key: `joint ${k.operands.map(mark).join()} ${spans.map((s) => s.join('.')).join()} >${k.writes} ${k.key}`,
      get code() {
        return source(k, own, spans)
      },
      access: [
        ...own.map((j) => k.operands[j].space as Access),
        ...spans.map(() => 'read_write' as const),
        'read',
      ],
    },
    buffers: own.map((j) => k.members[0].slots[j]),
    spans: spans.map((list) => k.members.flatMap(({ slots }) => list.map((j) => slots[j]))),
    table: {
      words: total + rowWords * k.members.length,
      fill: (table, offsetOf) => {
        let [block, row] = [0, total]
        const floats = new Float32Array(table.buffer, table.byteOffset, table.length)
        k.members.forEach(({ count, constants }, m) => {
          table.fill(row, block, block + blocks[m])
          table.set([block, Math.ceil(count / 4)], row)
          let at = row + 2
          spans.forEach((list, s) => {
            for (const i of list.keys()) table[at++] = offsetOf(s, m * list.length + i) / 16
          })
          floats.set(constants, at)
          block += blocks[m]
          row += rowWords
        })
      },
    },
    params: words(total),
    grid: gridFor(total, 1),
  }
}

const mark = ({ space, scalar, fresh }: JointOperand) =>
  `${space === 'variables' ? 'v' : space === 'activations' ? 'a' : space}${scalar ? '1' : ''}${fresh ? '!' : ''}`

function source(
  k: JointKernel,
  own: readonly number[],
  spans: readonly (readonly number[])[],
): string {
  const at = new Map(spans.flat().map((j, i) => [j, i]))
  const spanOf = (j: number) => spans.findIndex((list) => list.includes(j))
  const element = (j: number) => `b${spanOf(j)}[o${j}${k.operands[j].scalar ? '' : ' + i'}]`
  const bases = [
    ...[...at].map(([j, i]) => `let o${j} = t[row + ${2 + i}u];`),
    ...k.members[0].constants.map(
      (_, i) => `let n${i} = vec4f(bitcast<f32>(t[row + ${2 + at.size + i}u]));`,
    ),
  ]
  const loads = k.operands.flatMap(({ scalar, fresh }, j) => {
    if (fresh) return []
    if (!at.has(j)) return [`let a${j} = vec4f(x${j}[0]);`]
    return [`let a${j} = ${scalar ? `vec4f(${element(j)}.x)` : element(j)};`]
  })
  const names = k.operands.flatMap(({ fresh }, j) => (fresh ? [] : [`a${j}`]))
  const constants = k.members[0].constants.map((_, i) => `n${i}`)
  const { code, results } = k.emit(names, constants, '')
  const stores = k.writes.map((j, r) => `${element(j)} = ${results[r]};`)
  const helpers = helpersFor(code)
  let binding = 0
  const storage = (access: Access, name: string, type: string) =>
    `@group(0) @binding(${++binding}) var<storage, ${access}> ${name}: array<${type}>;`
  const decls = [
    ...own.map((j) => storage(k.operands[j].space as Access, `x${j}`, 'f32')),
    ...spans.map((_, s) => storage('read_write', `b${s}`, 'vec4f')),
    storage('read', 't', 'u32'),
  ]
  return /* wgsl */ `@group(0) @binding(0) var<uniform> p: vec4u;
${decls.join('\n')}
${helpers}${mathFor(helpers + code)}
@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let block = group.y * groups.x + group.x;
  if (block >= p.x) { return; }
  let row = t[block];
  let first = (block - t[row]) * ${BLOCK}u;
  let end = min(first + ${BLOCK}u, t[row + 1u]);
  ${bases.join('\n  ')}
  for (var i = first + lane; i < end; i += ${WORKGROUP}u) {
    ${loads.join('\n    ')}
    ${code}
    ${stores.join('\n    ')}
  }
}`
}

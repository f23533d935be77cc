// Between class maps and class scores: x is [rows, c], labels are [rows].
//
//   takeLabel     y[r] = x[r, label[r]], or 0 where the label is not in [0, c)
//   scatterLabel  y[r, j] = j = label[r] ? dy[r] : 0          (the gradient of takeLabel)
//   oneHot        y[r, j] = j = label[r] ? 1 : 0
//
// A negative i32 label read as u32 is larger than any class count, so one comparison serves all label types. Where the
// output is u8, one invocation makes the four elements that share a word.

import {
  type Access,
  type Elem,
  input,
  loadScalar,
  output,
  overIndex,
  perIndex,
  type Recipe,
  register,
  storeVec,
} from './kernel.ts'

export type LabelElem = 'u8' | 'i32' | 'u32'

/** Scores are [rows, c]. */
export interface LabelSpec {
  readonly rows: number
  readonly c: number
  /** Element type of the labels. */
  readonly labels: LabelElem
  readonly access: readonly Access[]
}

const label = (elem: Elem, row: string) => `u32(${loadScalar('labels', elem, row)})`

/** y = the score at the label. Inputs x f32 [rows, c], labels [rows]; outputs y f32 [rows]. */
export function takeLabel({ rows, c, labels, access }: LabelSpec): Recipe {
  const kernel = perIndex({
    key: 'takeLabel',
    params: 'c: u32',
    bindings: [
      { name: 'x', access: access[0], elem: 'f32' },
      { name: 'labels', access: access[1], elem: labels },
      { name: 'y', access: 'read_write', elem: 'f32' },
    ],
    body: /* wgsl */ `
  let j = ${label(labels, 'i')};
  var v = 0.0;
  if (j < p.c) { v = x[i * p.c + j]; }
  y[i] = v;`,
  })
  const slots = [input(0), input(1), output(0)]
  return { scratch: [], dispatches: [overIndex(kernel, rows, slots, c)] }
}

/** y = dy at the label, 0 elsewhere. Inputs dy f32 [rows], labels [rows]; outputs y f32 [rows, c]. */
export function scatterLabel({ rows, c, labels, access }: LabelSpec): Recipe {
  const bindings = [
    { name: 'dy', access: access[0], elem: 'f32' },
    { name: 'labels', access: access[1], elem: labels },
  ] as const
  return atLabel('scatterLabel', bindings, rows, c, labels, 'dy[r]')
}

/** y = 1 at the label, 0 elsewhere. Inputs labels [rows]; outputs y [rows, c] of type `elem`. */
export function oneHot(spec: LabelSpec & { readonly elem: Elem }): Recipe {
  const { rows, c, labels, access, elem } = spec
  const bindings = [{ name: 'labels', access: access[0], elem: labels }] as const
  if (elem !== 'u8')
    return atLabel('oneHot', bindings, rows, c, labels, `${register(elem)}(1)`, elem)
  const kernel = perIndex({
    key: 'oneHot',
    params: 'c: u32, total: u32',
    bindings: [...bindings, { name: 'y', access: 'read_write', elem: 'u8' }],
    body: /* wgsl */ `
  var r = 4u * i / p.c;
  var j = 4u * i - r * p.c;
  var packed = 0u;
  for (var k = 0u; k < min(4u, p.total - 4u * i); k++) {
    packed |= select(0u, 1u, ${label(labels, 'r')} == j) << (8u * k);
    j++;
    if (j == p.c) { j = 0u; r++; }
  }
  y[i] = packed;`,
  })
  const count = Math.ceil((rows * c) / 4)
  return {
    scratch: [],
    dispatches: [overIndex(kernel, count, [input(0), output(0)], c, rows * c)],
  }
}

/** Writes `value` (of row r) at each row's label and 0 elsewhere. */
function atLabel(
  key: string,
  bindings: readonly { name: string; access: Access; elem: Elem }[],
  rows: number,
  c: number,
  labels: LabelElem,
  value: string,
  elem: Elem = 'f32',
): Recipe {
  const vec = c % 4 === 0
  const type = register(elem)
  const hot = vec
    ? `select(vec4<${type}>(), vec4<${type}>(value), (vec4u(4u * j) + vec4u(0u, 1u, 2u, 3u)) == vec4u(${label(labels, 'r')}))`
    : `select(${type}(), value, j == ${label(labels, 'r')})`
  const kernel = perIndex({
    key,
    params: 'c: u32',
    bindings: [...bindings, { name: 'y', access: 'read_write', elem, vec }],
    body: /* wgsl */ `
  let r = i / p.c;
  let j = i - r * p.c;
  let value = ${value};
  ${vec ? storeVec('y', elem, 'i', hot) : `y[i] = ${elem === 'f16' ? `f16(${hot})` : hot};`}`,
  })
  const cv = vec ? c / 4 : c
  const slots = [...bindings.map((_, k) => input(k)), output(0)]
  return { scratch: [], dispatches: [overIndex(kernel, rows * cv, slots, cv)] }
}

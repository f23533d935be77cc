// How a convolution ends: four neighbouring channels of one pixel go through the fused tail and are stored.
//
// With vecOut everything moves as vec4s. Without, cout is no multiple of four: operands are gathered one by one and the
// channels past cout are computed from whatever their addresses hold (a read out of bounds is some value of
// the binding in WGSL) and never stored.

import {
  type Access,
  declare,
  type Elem,
  loadScalar,
  loadVec,
  type Operand,
  register,
  storeVec,
  type Tail,
} from '../kernel.ts'

/** What a kernel's text takes from its tail. */
export interface Ending {
  /** The pasted tail, which may need functions of math.ts. */
  readonly work: string
  /** Declarations and `finish(base, pixel, column, value)`: column counts vec4s and is inside of y,
   * base is y's first element. Gives the first of what it stores, before rounding. */
  readonly functions: string
  /** Names the tail with the types and accesses that it is bound with. */
  readonly key: string
  readonly access: readonly Access[]
  readonly half: boolean
}

/** The ending of a kernel whose tail binds storage from `slot` on: operands, then outputs. */
export function ending(tail: Tail, vecOut: boolean, yAccess: Access, slot: number): Ending {
  const { operands, outputs } = tail
  if (!vecOut && outputs.includes('u8'))
    throw new Error('a convolution stores u8 only where its channels are a multiple of 4')
  const half = [...operands.map((o) => o.elem), ...outputs].includes('f16')
  const values = operands.map((_, k) => `v${k}`)
  const { code, results } = tail.emit('value', values)
  const returned = `vec4<${register(outputs[0])}>`
  const functions = /* wgsl */ `
${operands.map((o, k) => declare(slot + k, `t${k}`, o.access, o.elem, vecOut && o.mode !== 'scalar')).join('\n')}
${outputs.map((e, k) => declare(slot + operands.length + k, `y${k}`, yAccess, e, vecOut)).join('\n')}
fn finish(base: u32, pixel: u32, column: u32, value: vec4f) -> ${returned} {
  let o = 4u * column;
  let e = base + pixel * p.cout + o;
  ${operands.map((o, k) => `let v${k} = ${load(o, `t${k}`, vecOut)};`).join('\n  ')}
  ${code}
  ${results.map((r, k) => store(`y${k}`, outputs[k], r, k, vecOut)).join('\n  ')}
  return ${results[0]};
}`
  const mark = (o: Operand) => `${o.elem}${o.mode[0]}${o.mode[1]}${o.access === 'read' ? 'r' : 'w'}`
  return {
    work: code,
    functions,
    key: [tail.key, ...operands.map(mark), '>', ...outputs, yAccess].join(','),
    access: [...operands.map((o) => o.access), ...outputs.map(() => yAccess)],
    half,
  }
}

function load({ elem, mode }: Operand, name: string, vecOut: boolean): string {
  const type = `vec4<${register(elem)}>`
  if (mode === 'scalar') return `${type}(${loadScalar(name, elem, '0u')})`
  const at = mode === 'same' ? 'e' : 'o'
  if (vecOut) return loadVec(name, elem, `${at} >> 2u`)
  return `${type}(${[0, 1, 2, 3].map((k) => loadScalar(name, elem, `${at} + ${k}u`)).join(', ')})`
}

function store(name: string, elem: Elem, value: string, k: number, vecOut: boolean): string {
  if (vecOut) return storeVec(name, elem, 'e >> 2u', value)
  const one = `r${k}[lane]`
  return /* wgsl */ `let r${k} = ${value};
  for (var lane = 0u; lane < min(4u, p.cout - o); lane++) {
    ${name}[e + lane] = ${elem === 'f16' ? `f16(${one})` : one};
  }`
}

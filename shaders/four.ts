// The body of an invocation that makes four neighbouring elements one after another, whatever their types: it owns
// whole words even where four of them share one (u8).

import type { Elem } from './kernel.ts'

/** An output: `value` is the WGSL of its register at element `e`. */
export interface FourResult {
  readonly name: string
  readonly elem: Elem
  readonly value: string
}

/** Statements that run `make` for every element `e` from 4·i that is less than p.total, and store what it made. The
 * buffers are declared with `vec` false. */
export function fourElements(make: string, results: readonly FourResult[]): string {
  const bytes = results.filter((r) => r.elem === 'u8')
  const store = ({ name, elem, value }: FourResult) => {
    if (elem === 'u8') return `${name}Word |= (${value} & 255u) << (8u * k);`
    return `${name}[e] = ${elem === 'f16' ? `f16(${value})` : value};`
  }
  return /* wgsl */ `
  ${bytes.map((r) => `var ${r.name}Word = 0u;`).join(' ')}
  for (var k = 0u; k < min(4u, p.total - 4u * i); k++) {
    let e = 4u * i + k;
    ${make}
    ${results.map(store).join('\n    ')}
  }
  ${bytes.map((r) => `${r.name}[i] = ${r.name}Word;`).join(' ')}`
}

// How an invocation of a reduction walks over the rows of its strip, q = strip, strip + S, strip + 2·S, …
//
// A sum adds four terms before it adds them to the others, so that few additions stand in a row:
//
//   a + ((e0 + e1) + (e2 + e3))     and, one by one, what is left over at the end: a + e
//
// Unrolled, the loads of four rows are on their way together, by which a GPU hides what each waits for. Rolled, the
// loads stand in the text once instead of five times, and the additions are the same: the time that lavapipe takes to
// compile loads grows with the square of their number. There a rolled sum takes 1.04 to 1.16 of the time to run.

import type { Part } from './folds.ts'

export interface Walk {
  /** Statements that load row `r` and make its elements. */
  readonly row: string
  readonly values: number
  /** Register type of the elements. */
  readonly value: Part
  /** Element v of the row. */
  given(v: number): string
  /** Statements that take element v into its state. */
  step(v: number): string
}

const over = ({ values }: Walk, f: (v: number) => string) =>
  Array.from({ length: values }, (_, v) => f(v)).join('\n  ')

/** One row after another, from `q` (a variable) on. */
export const walkRows = (walk: Walk) => /* wgsl */ `for (; q < p.rows; q += p.strips) {
    let r = q;
    ${walk.row}
    ${over(walk, walk.step)}
  }`

/** Sums a{v}0 of the elements. */
export const walkAdding = (walk: Walk, unrolled: boolean) =>
  unrolled ? `${inFours(walk)}\n  ${walkRows(walk)}` : rolled(walk)

function inFours(walk: Walk): string {
  const four = [0, 1, 2, 3]
  const term = (v: number, k: number) => `t${v}${k}`
  return /* wgsl */ `for (; q + 3u * p.strips < p.rows; q += 4u * p.strips) {
    ${over(walk, (v) => four.map((k) => `var ${term(v, k)}: vec4<${walk.value}>;`).join(' '))}
    ${four
      .map(
        (k) => `{
    let r = q + ${k}u * p.strips;
    ${walk.row}
    ${over(walk, (v) => `${term(v, k)} = ${walk.given(v)};`)}
    }`,
      )
      .join('\n    ')}
    ${over(walk, (v) => `a${v}0 += (${term(v, 0)} + ${term(v, 1)}) + (${term(v, 2)} + ${term(v, 3)});`)}
  }`
}

function rolled(walk: Walk): string {
  const zero = `vec4<${walk.value}>()`
  return /* wgsl */ `while (q < p.rows) {
    let terms = select(1u, 4u, q + 3u * p.strips < p.rows);
    ${over(walk, (v) => `var even${v} = ${zero}; var sum${v} = ${zero};`)}
    for (var k = 0u; k < terms; k++) {
      let r = q;
      ${walk.row}
      let odd = (k & 1u) == 1u;
      ${over(
        walk,
        (v) => `let e${v} = ${walk.given(v)};
      sum${v} += select(${zero}, even${v} + e${v}, odd);
      even${v} = select(e${v}, ${zero}, odd);`,
      )}
      q += p.strips;
    }
    ${over(walk, (v) => `a${v}0 += sum${v} + even${v};`)}
  }`
}

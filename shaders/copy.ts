// Copies: rows of a block (concat, slice of one axis), and any gather along axes (permute, flip, pad, roll, strided slice).
// Bits are moved as u32 words, in fours where everything is a multiple of 16 bytes, whatever the element type.
//
//   blockCopy    y[r·outStride + outOffset + j] = x[r·inStride + inOffset + j]     r < rows, j < run
//
//   stridedCopy  y[o₀, o₁, …] = x[s₀, s₁, …],  s_a = o_from(a)·step + offset       forward
//                                              s_a = (o_from(a) − offset) / step   divide: only where exact
//                Outside of x, border says: 'constant' the fill value; 'reflect' x without repeating its edge;
//                'replicate' the edge; 'wrap' x again from the other side.
//
// An axis that never leaves x is folded into one stride per output axis, and neighbouring axes that stay neighbours become
// one, so a permutation of [n, h, w, c] that keeps c is a rank 3 copy of vec4s without a test.

import { type Border, type Gather, inUnits, type Plan, simplify } from './gather.ts'
import {
  type Access,
  type Elem,
  f32,
  input,
  type Kernel,
  output,
  overIndex,
  perIndex,
  type Recipe,
  words,
} from './kernel.ts'

export type { AxisMap, Border } from './gather.ts'

const bytesOf = { f32: 4, i32: 4, u32: 4, f16: 2, u8: 1 } as const

/** All counts in elements. */
export interface BlockCopySpec {
  readonly elem: Elem
  readonly rows: number
  readonly run: number
  readonly inStride: number
  readonly inOffset: number
  readonly outStride: number
  readonly outOffset: number
  readonly access: readonly Access[]
}

/** Copies `rows` runs and leaves the rest of the output as it was. Inputs x; outputs y. */
export function blockCopy(spec: BlockCopySpec): Recipe {
  const { elem, rows, access } = spec
  const { run, inStride, inOffset, outStride, outOffset } = spec
  const bytes = [run, inStride, inOffset, outStride, outOffset].map((k) => k * bytesOf[elem])
  const unit = [16, 4].find((u) => bytes.every((b) => b % u === 0))
  const slots = [input(0), output(0)]
  const params = bytes.map((b) => b / (unit ?? 1))
  if (unit) {
    const kernel = runCopy(access[0], unit === 16)
    return { scratch: [], dispatches: [overIndex(kernel, rows * params[0], slots, ...params)] }
  }
  const first = Math.floor(params[4] / 4)
  const count = Math.ceil((params[4] + (rows - 1) * params[3] + params[0]) / 4) - first
  const kernel = byteCopy(access[0])
  return {
    scratch: [],
    dispatches: [overIndex(kernel, count, slots, ...params, rows, first)],
  }
}

const RUN = 'run: u32, inStride: u32, inOffset: u32, outStride: u32, outOffset: u32,'

const runCopy = (access: Access, vec: boolean): Kernel =>
  perIndex({
    key: 'blockCopy',
    params: RUN,
    bindings: [
      { name: 'x', access, elem: 'u32', vec },
      { name: 'y', access: 'read_write', elem: 'u32', vec },
    ],
    body: /* wgsl */ `
  let r = i / p.run;
  let j = i - r * p.run;
  y[r * p.outStride + p.outOffset + j] = x[r * p.inStride + p.inOffset + j];`,
  })

/** One invocation owns one word of y and keeps those of its bytes that no run covers. */
const byteCopy = (access: Access): Kernel =>
  perIndex({
    key: 'blockCopy/bytes',
    params: `${RUN} rows: u32, first: u32,`,
    bindings: [
      { name: 'x', access, elem: 'u32' },
      { name: 'y', access: 'read_write', elem: 'u32' },
    ],
    body: /* wgsl */ `
  let word = p.first + i;
  var packed = y[word];
  for (var k = 0u; k < 4u; k++) {
    // Bytes before the first run wrap to huge numbers, whose row is past the last.
    let b = 4u * word + k - p.outOffset;
    let r = min(b / p.outStride, p.rows - 1u);
    let j = b - r * p.outStride;
    if (j < p.run) {
      let a = r * p.inStride + p.inOffset + j;
      let value = (x[a / 4u] >> (8u * (a % 4u))) & 255u;
      packed = (packed & ~(255u << (8u * k))) | (value << (8u * k));
    }
  }
  y[word] = packed;`,
  })

export interface StridedCopySpec extends Gather {
  readonly elem: Elem
  /** Default 0. */
  readonly fill?: number
  readonly access: readonly Access[]
}

/** Gathers y from x along axes. Inputs x; outputs y. */
export function stridedCopy(spec: StridedCopySpec): Recipe {
  const { elem, border = 'constant', fill = 0, access } = spec
  const size = bytesOf[elem]
  const plan = inUnits(simplify(spec), size, border)
  const { out, axes, base, unit } = plan
  const bytes = unit * size
  const perWord = Math.max(1, 4 / bytes)
  const total = out.reduce((a, b) => a * b, 1)
  const strides = out.map((_, k) =>
    axes.reduce((sum, a) => (a.plain && a.from === k ? sum + a.step * a.stride : sum), 0),
  )
  const shift = axes.reduce((sum, a) => (a.plain ? sum + a.offset * a.stride : sum), base)
  const kernel = perIndex({
    ...fetchElement(plan, border, access[0], bytes),
    body:
      perWord === 1
        ? 'y[i] = fetch(i);'
        : /* wgsl */ `
  var packed = 0u;
  for (var k = 0u; k < min(${perWord}u, p.total - ${perWord}u * i); k++) {
    packed |= fetch(${perWord}u * i + k) << (${32 / perWord}u * k);
  }
  y[i] = packed;`,
  })
  const params = [total, fillBits(elem, fill), shift, ...out.flatMap((n, k) => [n, strides[k]])]
  for (const a of axes) if (!a.plain) params.push(a.step, a.offset, a.size, a.stride)
  const count = Math.ceil(total / perWord)
  return { scratch: [], dispatches: [overIndex(kernel, count, [input(0), output(0)], ...params)] }
}

/** The kernel's structure, with `fetch(e)` for the bits of output element (or unit) e: coordinates of e, then the
 * position in x. Positions are summed as u32; negative strides wrap to the right sum. */
function fetchElement(plan: Plan, border: Border, access: Access, bytes: number) {
  const { out, axes } = plan
  const vec = bytes === 16
  const mask = bytes < 4 ? ` & ${2 ** (8 * bytes) - 1}u` : ''
  const fill = `${vec ? 'vec4u' : 'u32'}(p.fill${mask})`
  const type = vec ? 'vec4u' : 'u32'
  const moved = axes.filter((a) => !a.plain).map((a, k) => ({ ...a, name: `a${k}` }))
  const members = [
    'total: u32, fill: u32, base: u32,',
    ...out.map((_, k) => `n${k}: u32, g${k}: u32,`),
    ...moved.map(
      ({ name: a }) => `${a}Step: i32, ${a}Offset: i32, ${a}Size: i32, ${a}Stride: u32,`,
    ),
  ]
  const coordinates = out.map((_, k) =>
    k === 0
      ? 'at += rest * p.g0; let o0 = i32(rest);'
      : `let c${k} = rest % p.n${k}; rest /= p.n${k}; at += c${k} * p.g${k}; let o${k} = i32(c${k});`,
  )
  const steps = moved.map(({ name: a, from, divide }) =>
    divide
      ? `let ${a}Far = o${from} - p.${a}Offset; let ${a} = ${a}Far / p.${a}Step;
  if (${a} * p.${a}Step != ${a}Far || ${a} < 0 || ${a} >= p.${a}Size) { return ${fill}; }
  at += u32(${a}) * p.${a}Stride;`
      : `var ${a} = o${from} * p.${a}Step + p.${a}Offset;
  ${inside[border](a, fill)}
  at += u32(${a}) * p.${a}Stride;`,
  )
  const element =
    bytes >= 4
      ? 'x[at]'
      : `(x[at / ${4 / bytes}u] >> (${8 * bytes}u * (at % ${4 / bytes}u)))${mask}`
  const structure = moved.map((a) => `${a.from}${a.divide ? 'd' : letters[border]}`).join('')
  return {
    key: `stridedCopy/${bytes}/${out.length}/${structure}`,
    params: members.join(' '),
    bindings: [
      { name: 'x', access, elem: 'u32', vec },
      { name: 'y', access: 'read_write', elem: 'u32', vec },
    ] as const,
    functions: /* wgsl */ `
fn fetch(e: u32) -> ${type} {
  var rest = e;
  var at = p.base;
  ${coordinates.reverse().join('\n  ')}
  ${steps.join('\n  ')}
  return ${element};
}`,
  }
}

const letters = { constant: 'c', reflect: 'r', replicate: 'e', wrap: 'w' } as const

/** What to do with a coordinate that may be outside of [0, size). */
const inside: Record<Border, (a: string, fill: string) => string> = {
  constant: (a, fill) => `if (${a} < 0 || ${a} >= p.${a}Size) { return ${fill}; }`,
  replicate: (a) => `${a} = clamp(${a}, 0, p.${a}Size - 1);`,
  wrap: (a) => `${a} %= p.${a}Size; ${a} += select(0, p.${a}Size, ${a} < 0);`,
  // Reflection has the period 2(size − 1) and is even.
  reflect: (a) => `let ${a}Period = 2 * (p.${a}Size - 1);
  ${a} = abs(${a}) % max(${a}Period, 1);
  ${a} = min(${a}, ${a}Period - ${a});`,
}

/** The word that holds `fill` in each of its elements. */
function fillBits(elem: Elem, fill: number): number {
  if (elem === 'u8') return (fill & 255) * 0x01010101
  if (elem === 'f16') return halfBits(fill) * 0x00010001
  return words(elem === 'f32' ? f32(fill) : fill)[0]
}

/** x rounded to the nearest f16 (ties to even). */
function halfBits(x: number): number {
  const sign = x < 0 || Object.is(x, -0) ? 0x8000 : 0
  const a = Math.abs(x)
  if (Number.isNaN(x)) return 0x7e00
  if (a >= 65520) return sign + 0x7c00
  const e = Math.max(-14, Math.floor(Math.log2(a)))
  const steps = a * 2 ** (10 - e)
  const down = Math.floor(steps)
  const up = steps - down > 0.5 || (steps - down === 0.5 && down % 2 === 1)
  return sign + (e + 14) * 1024 + down + (up ? 1 : 0)
}

// WGSL of the steps of a fused node: one `let` a step, from the names of what was loaded.

import type { TensorType } from '../dtype.ts'
import { type Body, type Ref, type Step, typeOf } from '../passes/fused.ts'

const literal = (value: number): string => {
  const bits = new Uint32Array(new Float32Array([value]).buffer)[0]
  return `vec4f(bitcast<f32>(0x${bits.toString(16)}u))`
}

/** WGSL of `steps`, given the names of values computed elsewhere. Constants become literals unless `constant` names
 * them. */
export function emitSteps(
  body: Body,
  skip: (step: number) => string | undefined,
  inputs: readonly string[],
  types: readonly TensorType[],
  index: string,
  constant: (value: number) => string = literal,
): { code: string; lines: readonly string[]; name: (ref: Ref) => string } {
  const lines: string[] = []
  const names: string[] = []
  const name = (ref: Ref) => ('input' in ref ? inputs[ref.input] : names[ref.step])
  body.steps.forEach((step, i) => {
    const given = skip(i)
    if (given !== undefined) {
      names[i] = given
      return
    }
    names[i] = `s${i}`
    lines.push(`let s${i} = ${expression(step, body, name, types, index, constant)};`)
  })
  return { code: joined(lines), lines, name }
}

const joined = (lines: readonly string[]) => lines.join('\n    ')

function expression(
  step: Step,
  body: Body,
  name: (ref: Ref) => string,
  types: readonly TensorType[],
  index: string,
  constant: (value: number) => string,
): string {
  const { op, attrs, args } = step
  if (op.kind !== 'pointwise') throw new Error(`${op.name} is not pointwise`)
  const out = step.types[0].dtype
  const env = {
    index,
    constants: op.constants(attrs).map(constant),
    types: args.map((a) => typeOf(body, a, types).dtype),
    out,
  }
  const value = op.wgsl(args.map(name), env, attrs)
  // In memory a u8 wraps at 256; it must do so in a register too.
  return out === 'u8' ? `(${value} & vec4u(255u))` : value
}

/** WGSL of a body. */
export interface Pasted {
  /** Statements on what is the same wherever the kernel is: before its loop. */
  readonly once: string
  readonly code: string
  readonly results: readonly string[]
}

/** A body without a structured step as a kernel pastes it in. */
export interface Pasteable {
  /** Names the structure of the code: equal keys, equal code. */
  readonly key: string
  /** Numbers that are words of the kernel, not text. */
  readonly constants: readonly number[]
  /** Statements and one result per output, from the names of loaded inputs and constants. `isFixed` says which inputs are loaded
   * once for several elements; default: none. */
  emit(
    inputs: readonly string[],
    constants: readonly string[],
    index: string,
    isFixed?: (input: number) => boolean,
  ): Pasted
}

/** The numbers of steps, in the order in which their code takes them. */
export const constantsOf = (steps: readonly Step[]): number[] =>
  steps.flatMap(({ op, attrs }) => (op.kind === 'pointwise' ? op.constants(attrs) : []))

/** The whole body, on inputs of the given types. */
export function pasted(body: Body, types: readonly TensorType[]): Pasteable {
  const constants = constantsOf(body.steps)
  const emit: Pasteable['emit'] = (inputs, given, index, isFixed) => {
    let next = 0
    const { lines, name } = emitSteps(
      body,
      () => undefined,
      inputs,
      types,
      index,
      () => given[next++],
    )
    const fixed = isFixed ? fixedSteps(body, isFixed) : new Set()
    return {
      once: joined(lines.filter((_, i) => fixed.has(i))),
      code: joined(lines.filter((_, i) => !fixed.has(i))),
      results: body.results.map(name),
    }
  }
  const { code, results } = emit(
    types.map((_, i) => `a${i}`),
    constants.map((_, i) => `c${i}`),
    'e',
  )
  return { key: `${code}>${results} ${constants.length}`, constants, emit }
}

/** Steps on fixed inputs alone. */
function fixedSteps({ steps }: Body, isFixed: (input: number) => boolean): Set<number> {
  const fixed = new Set<number>()
  steps.forEach(({ op, args }, i) => {
    if (op.kind === 'pointwise' && op.indexed) return
    if (args.every((a) => ('input' in a ? isFixed(a.input) : fixed.has(a.step)))) fixed.add(i)
  })
  return fixed
}

// How a convolution's kernels read an operand: as it lies in memory, or through pointwise work on the way in, such as the
// normalisation and ReLU before the layer, whose result is then never stored. Four neighbouring channels of one pixel at a
// time; what is beside them in a channel operand is found by the channel. Taps outside of the operand are no concern here:
// kernels replace what they read there by zeros afterwards, so that padding is zero and not what the work makes of zero.

import { type Access, declare, loadScalar, loadVec, type Operand, register } from '../kernel.ts'
import type { Load } from '../reduce.ts'

/** What a kernel's text takes from an operand's load. */
export interface Loader {
  /** Names the work with the types and accesses that it is bound with. */
  readonly key: string
  readonly access: readonly Access[]
  readonly half: boolean
  /** Declarations of the storage that it binds, and functions. */
  readonly functions: string
  /** The pasted work, which may need functions of math.ts. */
  readonly work: string
  /** WGSL of the four channels at vec4 `at` of the operand, of which `channel` counts vec4s too; of one channel, with both
   * in elements, where they do not come in fours. */
  at(at: string, channel: string): string
}

/** The loader of operand `name`, which binds storage from `slot` on; `vec`: its channels are a multiple of 4. */
export function loader(name: string, load: Load, vec: boolean, slot: number): Loader {
  const { operands } = load
  const half = operands.some((o) => o.elem === 'f16')
  const key = [load.key, ...operands.map(mark)].join(',')
  const access = operands.map((o) => o.access)
  const named = (k: number) => (load.key ? `${name}${k}` : name)
  const declarations = operands
    .map((o, k) => declare(slot + k, named(k), o.access, o.elem, vec && o.mode !== 'scalar'))
    .join('\n')
  const read = vec ? loadVec : loadScalar
  const common = { key, access, half }
  if (!load.key) {
    const at = (index: string) => read(name, operands[0].elem, index)
    return { ...common, functions: declarations, work: '', at }
  }
  const values = operands.map((_, k) => `v${k}`)
  const { code, results } = load.emit(values)
  const value = ({ elem, mode }: Operand, k: number) => {
    if (mode === 'scalar') return `vec4<${register(elem)}>(${loadScalar(named(k), elem, '0u')})`
    return `vec4<${register(elem)}>(${read(named(k), elem, mode === 'same' ? 'at' : 'channel')})`
  }
  const functions = /* wgsl */ `${declarations}
fn ${name}Made(at: u32, channel: u32) -> ${vec ? 'vec4f' : 'f32'} {
  ${operands.map((o, k) => `let v${k} = ${value(o, k)};`).join('\n  ')}
  ${code}
  return (${results[0]})${vec ? '' : '.x'};
}`
  return { ...common, functions, work: code, at: (at, channel) => `${name}Made(${at}, ${channel})` }
}

const mark = ({ elem, mode, access }: Operand) =>
  `${elem}${mode[0]}${mode[1]}${access === 'read' ? 'r' : 'w'}`

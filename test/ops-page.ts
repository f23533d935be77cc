// docs/ops.md, made from what the engine says of itself: the declarations of its functions, the definitions of its ops, and
// the kernels that their samples become.

import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  bytesOf,
  type DType,
  isFloat,
  showType,
  storageBytes,
  type TensorType,
} from '../engine/dtype.ts'
import { defaultCaps, ops } from '../engine/index.ts'
import { apply, type Op } from '../engine/op.ts'
import { stages } from '../engine/stages.ts'
import { register } from '../shaders/kernel.ts'

const dtypes: readonly DType[] = ['f32', 'f16', 'i32', 'u32', 'u8']

export function opsPage(): string {
  const bytes = (dtype: DType, n: number) => bytesOf({ dtype, shape: [n] })
  const size = (d: DType) => storageBytes({ dtype: d, shape: [5] })
  return `# Dtypes, functions and ops

Made from the code by \`node dist/test/run.js docs --write\`; a test compares it with the code.

| dtype | bytes | in registers | has gradients | bytes that 5 elements take on a device |
|---|---|---|---|---|
${dtypes.map((d) => `| ${d} | ${bytes(d, 1)} | ${register(d)} | ${isFloat(d) ? 'yes' : 'no'} | ${size(d)} |`).join('\n')}

Four u8 are stored in a word. Kernels load and store whole vec4s, so values take multiples of 16 bytes.

## Functions

What a program calls, by the file that defines it. The docstrings there say all of it: shapes, what is
guaranteed, and the errors.

| function | what it gives |
|---|---|
${functions().map(functionRow).join('\n')}

## Ops

What a graph is made of. Functions that are not here are written with these.

| op | shapes of an example | dtypes | derivative | in a kernel with others | kernels | too large to bind | follows |
|---|---|---|---|---|---|---|---|
${ops.map(opRow).join('\n')}

**Dtypes.** What each input may be; inputs that must be of one dtype stand together.

**Derivative.** *yes*: a rule written with other ops, so that it has derivatives too; or why there is none. It
reaches inputs of floating-point dtypes.

**In a kernel with others.** *anywhere*: a pointwise op, computed inside whatever reads or makes it. *before*:
pointwise ops may be computed while it loads. *after*: they may ride on its store. *no memory*: it shows what
its input holds under another shape.

**Kernels.** The families in \`shaders/\` that the example becomes on an unknown adapter with WebGPU's default
limits.

**Too large to bind.** *parts*: a tensor above the adapter's largest binding is worked on in parts; else it is
refused.
`
}

// ---- functions

interface Declared {
  readonly name: string
  readonly file: string
  readonly signature: string
  readonly doc: string
}

// Declarations stand beside the compiled files.
const engine = join(dirname(fileURLToPath(import.meta.url)), '..', 'engine')
const declarations = (file: string) =>
  readFileSync(join(engine, file.replace(/ts$/, 'd.ts')), 'utf8')

/** The functions on tensors that the main entry exports. */
export function functions(): Declared[] {
  const exported = declarations('index.ts').matchAll(/export \{([^}]*)\} from '\.\/(ops\/[^']+)'/g)
  return [...exported].flatMap(([, names, file]) =>
    names
      .split(',')
      .map((n) => n.trim())
      .filter((n) => n && !n.startsWith('type ') && n !== 'ops' && n !== 'pointwise')
      .map((name) => find(name, file)),
  )
}

function find(name: string, file: string): Declared {
  const text = declarations(file)
  const arrow = new RegExp(
    `(?:/\\*\\* ((?:[^*]|\\*(?!/))*) \\*/\\n)?export declare (?:const ${name}: |function ${name}(?=[(<]))(.*?);\\n(?=export|type|/\\*\\*|$)`,
    's',
  )
  const match = arrow.exec(text)
  if (match) {
    const doc = (match[1] ?? '').replace(/\n \* ?/g, ' ').trim()
    return {
      name,
      file,
      doc,
      // The compiler writes some types as they are found: import("../tensor.ts").Tensor
      signature: match[2]
        .replace(/import\("[^"]*"\)\./g, '')
        .replace(/\s+/g, ' ')
        .replace(/ => (?=[^=>]*$)/, ': '),
    }
  }
  for (const [, next] of text.matchAll(/export \* from '\.\/([^']+)'/g))
    try {
      return find(name, join(dirname(file), next))
    } catch {}
  throw new Error(`${name} is not declared in ${file}`)
}

const cell = (text: string) => text.replaceAll('|', '\\|')

function functionRow({ name, file, signature, doc }: Declared): string {
  if (!doc) throw new Error(`${name} in ${file} has no docstring`)
  const first = /^.*?[.;](?= |$)/s.exec(doc)?.[0].replace(/[.;]$/, '') ?? doc
  return `| [\`${cell(name + signature)}\`](../engine/${file}) | ${cell(first)} |`
}

// ---- ops

const no = (problem: string): never => {
  throw new Error(problem)
}

function opRow(op: Op): string {
  const derivative = typeof op.vjp === 'function' ? 'yes' : `no: ${op.vjp.reason}`
  const cells = [op.name, example(op), accepted(op), derivative, fusion(op), kernels(op), parts(op)]
  if (!op.source) throw new Error(`${op.name} does not say what it follows: give it a source`)
  return `| ${[...cells, op.source].map(cell).join(' | ')} |`
}

const plain = ({ dtype, shape }: TensorType): TensorType => ({ dtype, shape })

function example(op: Op): string {
  const [sample] = op.samples
  if (!sample) return ''
  const show = (types: readonly TensorType[]) => types.map(showType).join(' ')
  return `${show(sample.inputs)} → ${show(op.infer(sample.inputs, sample.attrs, no))}`.trim()
}

/** Tried: the inputs of the first sample, those of one dtype together, in every dtype. */
function accepted(op: Op): string {
  const [sample] = op.samples
  if (!sample?.inputs.length) return ''
  const groups = [...new Set(sample.inputs.map((x) => x.dtype))]
  const takes = (from: DType, to: DType): boolean => {
    try {
      const types = sample.inputs.map((x) => plain(x.dtype === from ? { ...x, dtype: to } : x))
      op.infer(types, sample.attrs, no)
      return true
    } catch {
      return false
    }
  }
  const all = groups.map((from) => dtypes.filter((to) => takes(from, to)))
  return all.map((g) => (g.length === dtypes.length ? 'any' : g.join(' '))).join(', ')
}

function fusion(op: Op): string {
  if (op.kind === 'view') return 'no memory'
  if (op.kind === 'pointwise') return op.indexed ? 'anywhere, by its index' : 'anywhere'
  if (op.kind !== 'structured') return ''
  return [op.prologue && 'before', op.tail && 'after'].filter(Boolean).join(', ')
}

function kernels(op: Op): string {
  const [sample] = op.samples
  if (op.kind === 'pointwise') return 'pointwise'
  if (op.kind !== 'structured' || !sample) return ''
  const { plan } = stages(
    (...xs) => apply(op, xs, sample.attrs),
    sample.inputs.map(plain),
    defaultCaps,
  )
  const names = [...plan.kernels].map((key) => /^[\w-]+/.exec(key)?.[0] ?? key)
  return [...new Set(names)].join(' ')
}

const parts = (op: Op): string => {
  if (op.kind === 'structured') return op.windows?.length ? 'parts' : 'refused'
  return op.kind === 'pointwise' || op.kind === 'view' ? 'parts' : ''
}

// What is being traced now: the module path for new nodes, the block and the derivative that they are part of, the function that
// makes them, and which version of each variable a read sees.

import type { Block, Node, Tensor, Variable } from './tensor.ts'

let path = ''
const taps: Map<string, Tensor>[] = []

/** Module path of nodes that are built now. */
export const currentPath = (): string => path

/** Runs `build` with `name` appended to the module path. */
export function scope<T>(name: string, build: () => T): T {
  const outer = path
  path = outer && name ? `${outer}.${name}` : outer || name
  try {
    return build()
  } finally {
    path = outer
  }
}

let source: Node | undefined

/** The node of whose derivative what is built now is a part. */
export const currentSource = (): Node | undefined => source

/** Runs `build`; every node made inside is recorded as part of the derivative of `of`. */
export function derivedFrom<T>(of: Node, build: () => T): T {
  const outer = source
  source = of
  try {
    return build()
  } finally {
    source = outer
  }
}

let block: Block | undefined

/** The outermost block that what is built now is in. */
export const currentBlock = (): Block | undefined => block

/** Runs `build`; every node made inside belongs to one block, or to the one around it. */
export function inBlock<T>(inner: Block, build: () => T): T {
  const outer = block
  block ??= inner
  try {
    return build()
  } finally {
    block = outer
  }
}

let called: string | undefined

/** Runs `build`, which is part of the function `name`: what is refused inside is said of that function, since it is what a
 * person called. Of several the outermost counts. */
export function partOf<T>(name: string, build: () => T): T {
  const outer = called
  called ??= name
  try {
    return build()
  } finally {
    called = outer
  }
}

/** The function that a person called where `op` refuses. */
export const calledAs = (op: string): string => called ?? op

/** Tells listeners of `collect` that the module at the current path returned `value`. */
export function tap(value: Tensor): void {
  for (const t of taps) t.set(path, value)
}

/** Runs `build` and gives, beside its result, what every module inside returned, by module path. */
export function collect<T>(build: () => T): { result: T; values: Map<string, Tensor> } {
  const values = new Map<string, Tensor>()
  taps.push(values)
  try {
    return { result: build(), values }
  } finally {
    taps.splice(taps.indexOf(values), 1)
  }
}

/** Under which an assignment happens: where `ok` is 0 the variable stays as it was `before`. */
export interface Condition {
  readonly ok: Tensor
  readonly before: Tensor
}

/** State of one trace: the current tensor of each variable, its assignments, and counters for random ops. */
export class Trace {
  readonly current = new Map<Variable, Tensor>()
  readonly assigns: Tensor[] = []
  /** The version of its variable before each assignment. */
  readonly before = new Map<Tensor, Tensor>()
  /** Under which assignments happen, of those for which it is settled (see condition.ts). */
  readonly conditions = new Map<Tensor, Condition | 'always'>()
  readonly randomOps = new Map<string, number>()
  /** What `grad` found of each tensor on its way; of several walks the first. */
  readonly cotangents = new Map<Tensor, Tensor>()
}

let trace: Trace | undefined

export const currentTrace = (): Trace | undefined => trace

/** Runs `build` in a fresh trace; nested traces are independent of each other. */
export function tracing<T>(build: () => T): { result: T; trace: Trace } {
  const outer = { trace, path, source, block, called }
  const mine = new Trace()
  trace = mine
  path = ''
  source = block = called = undefined
  try {
    return { result: build(), trace: mine }
  } finally {
    ;({ trace, path, source, block, called } = outer)
  }
}

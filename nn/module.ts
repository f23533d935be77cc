// A module is plain data: variables and other modules in its fields. Paths (`encoder.3.conv1`) follow from the names
// of the fields, and with them the names of variables, of nodes in the graph, and of entries in a checkpoint.

import { AtrousError } from '../engine/errors.ts'
import { add } from '../engine/ops/arithmetic.ts'
import type { RandomKey } from '../engine/ops/random.ts'
import { refuseOption } from '../engine/ops/refuse.ts'
import { Tensor, Variable } from '../engine/tensor.ts'
import { scope, tap } from '../engine/trace.ts'
import { isBuffer } from './parameter.ts'

/** How a network is applied: always an argument, never a flag that a module remembers. */
export interface Mode {
  /** True: dropout drops, and batch norm uses and updates the batch's statistics. */
  readonly train: boolean
  /** Which statistics batch norm uses; default: the batch's in training, else the running ones. `running` in training
   * is the frozen mode of fine-tuning. */
  readonly statistics?: 'batch' | 'running'
  /** Fixes the draws of dropout; needed in training where a network has dropout. */
  readonly random?: RandomKey
  /** Called by each residual unit, in the order of the forward pass, with the two terms of its sum; what it returns is
   * added instead. Measurements put their gates here. */
  readonly residual?: (shortcut: Tensor, branch: Tensor) => readonly [Tensor, Tensor]
}

/** The sum of a residual unit; whole units call this rather than `add`, so that `mode.residual` sees their two paths. */
export const joined = (shortcut: Tensor, branch: Tensor, mode: Mode): Tensor =>
  add(...(mode.residual?.(shortcut, branch) ?? [shortcut, branch]))

/** Throws OptionError for what is no mode, as where none was given to `apply`. */
export function checkMode(op: string, mode: Mode): void {
  const { train, statistics } = mode ?? {}
  if (typeof train !== 'boolean' || ![undefined, 'batch', 'running'].includes(statistics))
    refuseOption(
      op,
      'a mode is needed',
      "apply the model with { train: true } or { train: false }, and perhaps { statistics: 'running' }",
    )
}

/** Any module, whatever it takes and gives. */
export type AnyModule = Module<never, unknown>

/** A part of a network. A subclass keeps its variables and parts in public fields (arrays are allowed) and says in
 * `forward` what it computes; callers use `apply`. */
export abstract class Module<
  Args extends readonly unknown[] = [x: Tensor, mode: Mode],
  Result = Tensor,
> {
  /** The computation itself, written with ops and with `apply` of this module's parts. */
  protected abstract forward(...args: Args): Result

  /** Runs `forward` under this module's path and lets `capture` see what it returns. Throws AtrousError when a module
   * that is not held in a field of the module around it is applied, since its parameters would not be trained. */
  apply(...args: Args): Result {
    return this.enter(() => tapAll(this.forward(...args)))
  }

  /** Runs `build` under this module's path, as `apply` does: for modules that have other ways in beside it. */
  protected enter<R>(build: () => R): R {
    const parent = current
    if (!parent) nameVariables(this)
    const name = parent ? nameWithin(parent, this) : ''
    current = this
    try {
      return scope(name, build)
    } finally {
      current = parent
    }
  }

  /** The trainable variables, each once, in the order of the fields. */
  parameters(): Variable[] {
    return [...this.stateDict().values()].filter((v) => !isBuffer(v))
  }

  /** Running statistics: state that training changes without gradients. */
  buffers(): Variable[] {
    return [...this.stateDict().values()].filter(isBuffer)
  }

  /** All variables by path (`encoder.3.conv1.weight`); one that is held twice has its first path. */
  stateDict(): Map<string, Variable> {
    return nameVariables(this)
  }
}

let current: AnyModule | undefined

interface Tree {
  /** Path of every module below the root. */
  readonly modules: Map<AnyModule, string>
  readonly variables: Map<string, Variable>
}

function treeOf(root: AnyModule): Tree {
  const tree: Tree = { modules: new Map([[root, '']]), variables: new Map() }
  const seen = new Set<Variable>()
  const visit = (value: unknown, path: string): void => {
    if (value instanceof Variable) {
      if (!seen.has(value)) tree.variables.set(path, value)
      seen.add(value)
    } else if (Array.isArray(value)) {
      value.forEach((v, i) => {
        visit(v, `${path}.${i}`)
      })
    } else if (value instanceof Module && !tree.modules.has(value)) {
      tree.modules.set(value, path)
      for (const [name, field] of Object.entries(value))
        if (typeof field === 'object') visit(field, `${path}.${name}`)
    }
  }
  for (const [name, field] of Object.entries(root)) visit(field, name)
  return tree
}

/** The variables by path; each gets its path in `root` as its name. A name only ever grows at the front, so that looking at
 * a part of a model does not rename it, and putting a model into a larger one does. */
export function nameVariables(root: AnyModule): Map<string, Variable> {
  const { variables } = treeOf(root)
  for (const [path, v] of variables) if (v.name === '' || path.endsWith(`.${v.name}`)) v.name = path
  return variables
}

const known = new WeakMap<AnyModule, Map<AnyModule, string>>()

function nameWithin(parent: AnyModule, child: AnyModule): string {
  const name = known.get(parent)?.get(child)
  if (name !== undefined) return name
  const modules = treeOf(parent).modules
  known.set(parent, modules)
  return modules.get(child) ?? refuseStray(parent, child)
}

function refuseStray(parent: AnyModule, child: AnyModule): never {
  throw new AtrousError(
    `a ${child.constructor.name} is applied inside a ${parent.constructor.name} that does not hold it`,
    'keep it in a public field (private # fields cannot be seen), so that its parameters are found',
  )
}

function tapAll<R>(result: R): R {
  if (result instanceof Tensor) tap(result)
  else if (result && typeof result === 'object')
    for (const [name, value] of Object.entries(result))
      if (value instanceof Tensor) scope(name, () => tap(value))
  return result
}

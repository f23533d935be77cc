// A training script saves dicts of dicts: `{'state_dict': {'conv1.weight': …}, 'epoch': 90}`. Here they become one flat
// list of names. What was unpickled may be shared, nested without end, or hold itself, so the walk is bounded.

import { DataError } from '../../engine/errors.ts'
import { shown } from './reader.ts'
import { type TorchTensor, tensorOf } from './torch-pickle.ts'

/** Beyond any real checkpoint: tensors and metadata, values looked at, levels of nesting, characters of a name. */
const MOST = { names: 2 ** 16, visits: 2 ** 20, depth: 32, name: 512 }

export interface Flat {
  readonly tensors: ReadonlyMap<string, TorchTensor>
  readonly metadata: ReadonlyMap<string, string | number | boolean>
  readonly wrappers: readonly string[]
}

/** Tensors by their paths, keys joined with dots and places in lists counted from 0. Numbers, texts and booleans of
 * dicts are metadata; other values are left out. Throws DataError naming `file` where there is no tensor, or no end. */
export function flatten(root: unknown, file: string): Flat {
  const walk = new Walk(file)
  if (!(root instanceof Map || Array.isArray(root)))
    throw walk.error('holds no dict of tensors', 'save a dict: {"weight": tensor}')
  walk.visit(root, [])
  if (!walk.tensors.size) throw walk.error('holds no tensors', 'save a state dict')
  return walk
}

class Walk implements Flat {
  readonly tensors = new Map<string, TorchTensor>()
  readonly metadata = new Map<string, string | number | boolean>()
  readonly #file: string
  readonly #wrappers = new Set<string>()
  readonly #open = new Set<unknown>()
  #visits = 0

  constructor(file: string) {
    this.#file = file
  }

  get wrappers(): string[] {
    return [...this.#wrappers]
  }

  error(problem: string, hint = 'save the state dict alone'): DataError {
    return new DataError(this.#file, problem, hint)
  }

  visit(value: unknown, path: readonly string[]): void {
    const tensor = tensorOf(value)
    if (tensor) this.#add(tensor, path)
    else if (value instanceof Map || Array.isArray(value)) this.#enter(value, path)
    else if (isPlain(value)) this.metadata.set(this.#nameOf(path), value)
  }

  #add(tensor: TorchTensor, path: readonly string[]): void {
    const name = this.#nameOf(path)
    if (this.tensors.has(name)) throw this.error(`has two tensors ${shown(name)}`)
    this.tensors.set(name, tensor)
    if (path.length > 1) this.#wrappers.add(path[0])
  }

  #enter(container: Map<unknown, unknown> | unknown[], path: readonly string[]): void {
    if (this.#open.has(container)) throw this.error('has a list or dict that holds itself')
    if (path.length === MOST.depth) throw this.error(`nests over ${MOST.depth} levels`)
    this.#open.add(container)
    for (const [key, value] of container.entries()) {
      if (++this.#visits > MOST.visits) throw this.error('nests too many values in one another')
      // A history of losses is no metadata.
      if (Array.isArray(container) && isPlain(value)) continue
      if (typeof key === 'string' || typeof key === 'number')
        this.visit(value, [...path, String(key)])
    }
    this.#open.delete(container)
  }

  #nameOf(path: readonly string[]): string {
    if (this.tensors.size + this.metadata.size === MOST.names)
      throw this.error(`has over ${MOST.names} tensors and values`)
    const length = path.reduce((sum, part) => sum + part.length + 1, 0)
    if (length > MOST.name) throw this.error(`has a name of over ${MOST.name} characters`)
    return path.join('.')
  }
}

const isPlain = (value: unknown): value is string | number | boolean =>
  typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'

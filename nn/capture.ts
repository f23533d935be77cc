// Looking inside a network: what its modules returned, by path.

import { OptionError } from '../engine/errors.ts'
import type { Tensor } from '../engine/tensor.ts'
import { collect, currentPath } from '../engine/trace.ts'
import type { Module } from './module.ts'
import { suggest } from './near.ts'

export interface Captured<R> {
  readonly result: R
  /** One tensor per name that was asked for. */
  readonly values: Readonly<Record<string, Tensor>>
}

/** A function that applies `model` and also gives what the modules at `names` returned (`encoder.3.conv1`; a module
 * that returns several tensors has one name for each, as `encoder.3.y`). Where a module runs twice, the last value
 * counts. The function throws OptionError for an unknown name, with the nearest ones. */
export function capture<A extends readonly unknown[], R>(
  model: Module<A, R>,
  names: readonly string[],
): (...args: A) => Captured<R> {
  return (...args) => {
    const prefix = currentPath()
    const { result, values } = collect(() => model.apply(...args))
    const found = new Map(
      [...values].map(([path, value]) => [prefix ? path.slice(prefix.length + 1) : path, value]),
    )
    for (const name of names)
      if (!found.has(name))
        throw new OptionError(`capture: no module ${name} returned a tensor`, hint(name, found))
    return { result, values: Object.fromEntries(names.map((name) => [name, found.get(name)!])) }
  }
}

const hint = (name: string, found: ReadonlyMap<string, Tensor>): string =>
  suggest(
    name,
    [...found.keys()].filter((path) => path !== ''),
  )

// What the runner must know of a topology of the format: which of our networks it is, and what its parts are called there.

import type { Network } from '../../../models/network.ts'
import type { NormOptions } from '../../../models/options.ts'
import type { Attributes } from '../attributes.ts'

export interface Topology {
  /** The network that a case's attributes describe; each attribute of the architecture is read here. */
  build(a: Attributes, norm: NormOptions): Network
  /** Our name of a parameter or running statistic. */
  parameter(name: string): string
  /** What returns an activation; `last` gives the path of the last module of a list (`before` → `before.2`). */
  activation(name: string, last: (list: string) => string): Activation
}

export interface Activation {
  /** A name that `capture` takes. */
  readonly module: string
  /** A ReLU follows before the place that the format means. */
  readonly relu?: boolean
}

/** A name with the scale and shift of batch norm called as here. */
export const ending = (name: string): string =>
  name.replace(/\.gamma$/, '.weight').replace(/\.beta$/, '.bias')

/** What a table has for the text that an attribute must be a key of. */
export function choice<T>(a: Attributes, name: string, table: Readonly<Record<string, T>>): T {
  return table[a.text(name, Object.keys(table))]
}

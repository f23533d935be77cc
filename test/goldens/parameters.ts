// The list beside a network case: what its parameters are called and how their values are made, in order of first use.

import { existsSync, readFileSync } from 'node:fs'
import { type Shape, sizeOf } from '../../engine/dtype.ts'

/** A line of the list. Its values follow from the case's seed and the rest of the line. */
export interface GoldenParameter {
  readonly ordinal: number
  readonly name: string
  /** As stored: [out, in, h, w], of a transposed convolution [in, out, h, w], of a linear layer [out, in]. */
  readonly shape: Shape
  /** `buffer` for running statistics; whatever else is trained. */
  readonly kind: string
  readonly offset: number
  readonly scale: number
}

export interface GoldenNetwork {
  readonly seed: number
  readonly parameters: readonly GoldenParameter[]
  /** Names in the order of the gradients' rows. */
  readonly gradient_order: readonly string[]
  /** In the order of the activations' rows, with shapes [n, c, h, w]. */
  readonly activations: readonly { readonly name: string; readonly shape: Shape }[]
  /** Names in the order of the running statistics' norms. */
  readonly buffers: readonly string[]
}

/** Reads a list. Throws an error that says what is wrong with it. */
export function readNetwork(file: string): GoldenNetwork {
  if (!existsSync(file)) throw new Error(`its list of parameters ${file} is not there`)
  let list: Record<string, unknown>
  try {
    list = JSON.parse(readFileSync(file, 'utf8'))
  } catch (error) {
    throw new Error(`its list of parameters cannot be read as JSON (${(error as Error).message})`)
  }
  const { seed, parameters, gradient_order, activations, buffers = [] } = list ?? {}
  const fits =
    isWhole(seed) &&
    areAll(parameters, isParameter) &&
    areAll(gradient_order, isText) &&
    areAll(buffers, isText) &&
    areAll(activations, (a) => isText(a['name']) && areAll(a['shape'], isWhole))
  if (!fits) throw new Error('its list of parameters is not understood')
  const network = { ...list, buffers } as unknown as GoldenNetwork
  checkNames(network)
  return network
}

/** Every parameter has one place in one of the two orders, by its kind. */
function checkNames({ parameters, gradient_order, buffers }: GoldenNetwork): void {
  for (const [order, kind, names] of [
    ['gradient_order', 'trained', parameters.filter((p) => p.kind !== 'buffer')],
    ['buffers', 'running statistics', parameters.filter((p) => p.kind === 'buffer')],
  ] as const) {
    const listed = order === 'buffers' ? buffers : gradient_order
    const is = listed.toSorted().join()
    const should = names.map((p) => p.name).toSorted()
    if (is !== should.join() || new Set(should).size !== should.length)
      throw new Error(`its ${order} does not name what is ${kind}, each once`)
  }
}

export const countOf = (parameters: readonly GoldenParameter[]): number =>
  parameters.reduce((n, { kind, shape }) => n + (kind === 'buffer' ? 0 : sizeOf(shape)), 0)

type Line = Readonly<Record<string, unknown>>

function isParameter({ name, shape, kind, ordinal, offset, scale }: Line): boolean {
  const numbers = [offset, scale].every((v) => typeof v === 'number')
  return isText(name) && isText(kind) && isWhole(ordinal) && numbers && areAll(shape, isWhole)
}

const areAll = (value: unknown, fits: (v: Line & unknown) => boolean): boolean =>
  Array.isArray(value) && value.every((v) => (v ?? undefined) !== undefined && fits(v))
const isText = (v: unknown): v is string => typeof v === 'string'
const isWhole = (v: unknown): v is number => Number.isSafeInteger(v) && (v as number) >= 0

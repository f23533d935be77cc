// From a file's tensors into a network: which tensor goes where is decided, checked and reported first, without a device;
// then all variables are written, or none.

import type { Device } from '../../engine/device.ts'
import { sameShape } from '../../engine/dtype.ts'
import type { Variable } from '../../engine/tensor.ts'
import {
  below,
  type Converted,
  type KeyMap,
  keyMap,
  prefixes,
  recognized,
  type State,
} from '../../models/keys/index.ts'
import type { AnyModule } from '../../nn/module.ts'
import { checkReport, described, emptyLists, type LoadReport, table } from './report.ts'
import type { Weights } from './tensor.ts'

export interface LoadOptions {
  /** Whose names the file has: a key of `keyMaps`. Default: found out. */
  readonly keys?: string
  /** What stands before the names in the file, as `state_dict.module.`. Default: found out. */
  readonly prefix?: string
  /** Load these variables of the model only: those whose path starts with it, as `backbone`. */
  readonly part?: string
  /** Throw unless all fits (default); false loads what does fit. */
  readonly strict?: boolean
  /** Load weights into a network that was built with other options than they were trained with. Default false. */
  readonly anyForm?: boolean
}

/** Decides what a file gives a model, without writing anything. Throws DataError where the file is of a network that none here
 * is or of names that are nobody's, OptionError for a key map that does not exist. */
export function matchWeights(
  model: AnyModule,
  weights: Weights,
  options: LoadOptions = {},
): { report: LoadReport; values: ReadonlyMap<Variable, Float32Array> } {
  const state = model.stateDict()
  const { map, prefix } = kindOf(weights, state, options)
  const tensors = below(weights.tensors, prefix)
  map.refuse?.(tensors, weights.file)
  const part = options.part === undefined ? '' : `${options.part}.`
  const sources = map.sources(state, tensors)
  const used = new Set([...sources.values()].flatMap(({ names }) => names))
  const values = new Map<Variable, Float32Array>()
  const lists = emptyLists()
  for (const [path, variable] of state) {
    if (!path.startsWith(part)) continue
    const source = sources.get(path)
    if (!source) lists.fresh.push(path)
    else {
      const absent = source.names.filter((name) => !tensors.has(name))
      if (absent.length) lists.missing.push(described(path, absent))
      else place(path, variable, source.convert(...source.names.map((n) => tensors.get(n)!)))
    }
  }
  // Where the model's last layer is none that such files have, theirs is not wanted.
  const headIsNew = ![...used].some(map.isHead)
  for (const name of tensors.keys())
    if (
      !used.has(name) &&
      !map.ignores(name) &&
      !(headIsNew && map.isHead(name)) &&
      !(map.ours && !name.startsWith(part))
    )
      lists.unexpected.push(name)
  if (!options.anyForm) lists.otherForm.push(...differences(model, map))
  const found = { file: weights.file, keys: map.name, prefix, ...lists }
  return { report: { ...found, text: table(found) }, values }

  function place(path: string, variable: Variable, { shape, data }: Converted): void {
    if (!sameShape(shape, variable.shape))
      lists.misshaped.push(`${path} [${shape}] for [${variable.shape}]`)
    else if (!data.every(Number.isFinite)) lists.nonFinite.push(path)
    else {
      lists.loaded.push(path)
      values.set(variable, data)
    }
  }
}

/** Writes a file's weights into a model, whole or not at all. Throws DataError with the report's table where something does
 * not fit, and where a value is NaN or infinite, which `strict: false` does not forgive. */
export function loadWeights(
  device: Device,
  model: AnyModule,
  weights: Weights,
  options: LoadOptions = {},
): LoadReport {
  const { report, values } = matchWeights(model, weights, options)
  checkReport(report, options)
  for (const [variable, data] of values) device.write(variable, data)
  return report
}

/** Options that the model was built with and that mean another network than the one that was trained. */
function differences(model: AnyModule, { expects }: KeyMap): string[] {
  const built = optionsOf(model)
  return Object.entries(expects).flatMap(([name, wanted]) =>
    !Object.hasOwn(built, name) || built[name] === wanted
      ? []
      : [`${name} is ${JSON.stringify(built[name])} for ${JSON.stringify(wanted)}`],
  )
}

function optionsOf(model: object): Readonly<Record<string, unknown>> {
  const { config, options } = model as {
    readonly config?: { readonly options: Readonly<Record<string, unknown>> }
    readonly options?: Readonly<Record<string, unknown>>
  }
  return config?.options ?? options ?? {}
}

type Kind = { readonly map: KeyMap; readonly prefix: string }

function kindOf(weights: Weights, state: State, { keys, prefix }: LoadOptions): Kind {
  const tensors = prefix === undefined ? weights.tensors : below(weights.tensors, prefix)
  const found = keys === undefined && !isOwn(weights) ? recognized(tensors) : undefined
  if (found) return { map: found.map, prefix: (prefix ?? '') + found.prefix }
  const map = keyMap(keys ?? (isTorchs(weights, state, prefix) ? 'torch' : 'atrous'))
  return { map, prefix: prefix ?? commonest(map, weights, state) }
}

/** Of all prefixes in the file, the one below which most of the names that a map looks for are found. */
function commonest(map: KeyMap, { tensors }: Weights, state: State): string {
  let [best, most] = ['', 0]
  for (const prefix of prefixes(tensors.keys())) {
    const file = below(tensors, prefix)
    const names = [...map.sources(state, file).values()].flatMap((source) => source.names)
    const count = names.filter((name) => file.has(name)).length
    if (count > most) [best, most] = [prefix, count]
  }
  return best
}

/** In a file's description: that it was written here, and in what layout. */
export const LAYOUT = 'atrous.layout'

const isOwn = ({ metadata }: Weights): boolean => metadata.has(LAYOUT) || metadata.has('atrous')

/** Whether a file with our names has PyTorch's layout: by its description or, where somebody else wrote it, by its shapes. */
function isTorchs(weights: Weights, state: State, prefix?: string): boolean {
  const { tensors, metadata } = weights
  if (isOwn(weights)) return metadata.get(LAYOUT) === 'torch'
  for (const start of prefix === undefined ? prefixes(tensors.keys()) : [prefix])
    for (const [path, { shape }] of state) {
      const found = tensors.get(start + path)?.shape
      if (
        shape.length === 4 &&
        found &&
        !sameShape(
          found,
          [3, 2, 0, 1].map((axis) => shape[axis]),
        )
      )
        return false
    }
  return true
}

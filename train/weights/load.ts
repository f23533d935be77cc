// From a file's tensors into a network: which tensor goes where is decided, checked and reported first, without a device;
// then all variables are written, or none.

import type { Device } from '../../engine/device.ts'
import { type Shape, sameShape } from '../../engine/dtype.ts'
import { OptionError } from '../../engine/errors.ts'
import type { Variable } from '../../engine/tensor.ts'
import {
  below,
  type Converted,
  commonest,
  type File,
  type KeyMap,
  keyMap,
  recognized,
  type Source,
  type State,
} from '../../models/keys/index.ts'
import type { AnyModule } from '../../nn/module.ts'
import { suggest } from '../../nn/near.ts'
import { checkReport, described, emptyLists, type LoadReport, table } from './report.ts'
import type { Weights, WeightTensor } from './tensor.ts'

export interface LoadOptions {
  /** Whose names the file has: a key of `keyMaps`. Default: found out. */
  readonly keys?: string
  /** What stands before the names in the file, as `state_dict.module.`, or the beginning of that. Default: found out. */
  readonly prefix?: string
  /** Load these variables of the model only: those whose path starts with it. `backbone`, where a model has no field of that name,
   * is all but its last layer, the variables below `head`, `fc` or `classifier`. */
  readonly part?: string
  /** Throw unless all fits (default); false loads what does fit, and does so into a network of another form too, as `anyForm`
   * does. */
  readonly strict?: boolean
  /** Load weights into a network that was built with other options than they were trained with. Default false. */
  readonly anyForm?: boolean
}

/** What a file says without its values. */
export type Listed = Pick<Weights, 'file' | 'metadata'> & {
  readonly tensors: ReadonlyMap<string, Pick<WeightTensor, 'dtype' | 'shape'>>
}

/** A variable that a file gives, and the tensors of the file that it is made of, by their full names. */
export interface Wanted {
  readonly path: string
  readonly variable: Variable
  readonly names: readonly string[]
  readonly convert: Source['convert']
}

/** What a file gives a model as far as names and types tell. */
export interface Matching {
  /** In the model's order. */
  readonly wanted: readonly Wanted[]
  /** Notes what became of a variable, made of the file's values; gives these where they may be written. */
  judge(wanted: Wanted, made: Converted): Float32Array | undefined
  /** Complete once all that is wanted was judged. */
  report(): LoadReport
}

/** Decides what a file gives a model, without writing anything. Throws DataError where the file is of a network that none here
 * is or of names that are nobody's, OptionError for a key map or a part that does not exist. */
export function matchWeights(
  model: AnyModule,
  weights: Weights,
  options: LoadOptions = {},
): { report: LoadReport; values: ReadonlyMap<Variable, Float32Array> } {
  const { wanted, judge, report } = matchNames(model, weights, options)
  const values = new Map<Variable, Float32Array>()
  for (const w of wanted) {
    const data = judge(w, w.convert(...w.names.map((name) => weights.tensors.get(name)!)))
    if (data) values.set(w.variable, data)
  }
  return { report: report(), values }
}

/** The same as far as it goes without values. Throws alike. */
export function matchNames(model: AnyModule, weights: Listed, options: LoadOptions = {}): Matching {
  const state = model.stateDict()
  const { map, prefix } = kindOf(weights, state, options)
  const tensors = below(weights.tensors, prefix)
  map.refuse?.(tensors, weights.file)
  const part = partOf(state, options.part)
  const sources = map.sources(state, tensors)
  const used = new Set([...sources.values()].flatMap(({ names }) => names))
  const lists = emptyLists()
  const wanted: Wanted[] = []
  for (const [path, variable] of part) {
    const source = sources.get(path)
    if (!source) lists.fresh.push(path)
    else {
      const absent = source.names.filter((name) => !tensors.has(name))
      const given = source.names.flatMap((name) => tensors.get(name) ?? [])
      const whole = given.find(({ dtype }) => !/^b?f\d/.test(dtype))
      const names = source.names.map((name) => prefix + name)
      if (absent.length) lists.missing.push(described(path, absent))
      else if (whole) lists.misshaped.push(`${path} ${whole.dtype} for ${variable.dtype}`)
      else wanted.push({ path, variable, names, convert: source.convert })
    }
  }
  // Where the model's last layer is none that such files have, theirs is not wanted.
  const headIsNew = ![...used].some(map.isHead)
  for (const name of tensors.keys())
    if (
      !used.has(name) &&
      !map.ignores(name) &&
      !(headIsNew && map.isHead(name)) &&
      !(map.ours && !isIn(state, options.part)(name))
    )
      lists.unexpected.push(name)
  for (const name of weights.tensors.keys())
    if (!name.startsWith(prefix)) lists.elsewhere.push(name)
  if (!options.anyForm) lists.otherForm.push(...differences(model, map))
  const found = { file: weights.file, keys: map.name, prefix, ...lists }
  return { wanted, judge, report: () => ({ ...found, text: table(found) }) }

  function judge({ path, variable }: Wanted, { shape, data }: Converted): Float32Array | undefined {
    if (!sameShape(shape, variable.shape))
      lists.misshaped.push(`${path} [${shape}] for [${variable.shape}]`)
    else if (!data.every(Number.isFinite)) lists.nonFinite.push(path)
    else if (/\.running_(var|inv_std)$/.test(path) && data.some((v) => v < 0))
      lists.nonFinite.push(`${path} (negative)`)
    else {
      lists.loaded.push(path)
      return data
    }
    return undefined
  }
}

/** Writes a file's weights into a model, whole or not at all. Throws DataError with the report's table where something does
 * not fit, and where a value is NaN or infinite or a variance negative, which `strict: false` does not forgive. */
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
export function differences(model: AnyModule, { expects }: KeyMap): string[] {
  const built = optionsOf(model)
  return Object.entries(expects).flatMap(([name, value]) => {
    const wanted: readonly unknown[] = Array.isArray(value) ? value : [value]
    return !Object.hasOwn(built, name) || wanted.includes(built[name])
      ? []
      : [
          `${name} is ${JSON.stringify(built[name])} for ${wanted.map((v) => JSON.stringify(v)).join(' or ')}`,
        ]
  })
}

function optionsOf(model: object): Readonly<Record<string, unknown>> {
  const { config, options } = model as {
    readonly config?: { readonly options: Readonly<Record<string, unknown>> }
    readonly options?: Readonly<Record<string, unknown>>
  }
  return config?.options ?? options ?? {}
}

/** The variables of a part of the model, as `LoadOptions` has it; all of them without one. Throws OptionError where there are none. */
export function partOf(state: State, part?: string): State {
  const belongs = isIn(state, part)
  const found = new Map([...state].filter(([path]) => belongs(path)))
  if (found.size) return found
  const fields = new Set([...state.keys()].map((path) => path.split('.')[0]))
  throw new OptionError(`the model has no variables below '${part}'`, suggest(part ?? '', fields))
}

/** Whether a path is of the part. */
function isIn(state: State, part?: string): (path: string) => boolean {
  if (part === undefined) return () => true
  const below = (path: string) => path.startsWith(`${part}.`)
  const { isHead } = keyMap('atrous')
  const paths = [...state.keys()]
  const isAllButHead = part === 'backbone' && !paths.some(below) && paths.some(isHead)
  return isAllButHead ? (path) => !isHead(path) : below
}

type Kind = { readonly map: KeyMap; readonly prefix: string }

/** Names that are known of another project are that project's, unless more variables are found under their own names: a net of
 * ours on its backbone comes back from PyTorch without our description. */
function kindOf(weights: Listed, state: State, { keys, prefix = '' }: LoadOptions): Kind {
  const file = below(weights.tensors, prefix)
  if (keys !== undefined) {
    const map = keyMap(keys)
    const wanted = [...map.sources(state, file).values()].flatMap(({ names }) => names)
    return { map, prefix: prefix + commonest(new Set(wanted), file).prefix }
  }
  const own = commonest(new Set(state.keys()), file)
  const layout = layoutOf(weights, state, below(file, own.prefix))
  const found = isOwn(weights) ? undefined : recognized(file)
  const theirs = found ? covered(found, state, file) : 0
  // Nobody else has our layout, whatever the names.
  if (found && (theirs > own.count || (theirs === own.count && layout === 'torch')))
    return { map: found.map, prefix: prefix + found.prefix }
  return { map: keyMap(layout), prefix: prefix + own.prefix }
}

/** How many variables a file of a kind gives. */
function covered({ map, prefix }: Kind, state: State, file: File): number {
  const part = below(file, prefix)
  const sources = [...map.sources(state, part).values()]
  return sources.filter(({ names }) => names.every((name) => part.has(name))).length
}

/** In a file's description: that it was written here, and in what layout. */
export const LAYOUT = 'atrous.layout'

const isOwn = ({ metadata }: Listed): boolean => metadata.has(LAYOUT) || metadata.has('atrous')

/** Of a file with our names: by its description or, where somebody else wrote it, by which layout fits more of its shapes. */
function layoutOf(weights: Listed, state: State, file: File): 'atrous' | 'torch' {
  if (isOwn(weights)) return weights.metadata.get(LAYOUT) === 'torch' ? 'torch' : 'atrous'
  let [ours, torchs] = [0, 0]
  for (const [path, { shape }] of state) {
    const found = file.get(path)?.shape
    if (found && sameShape(found, shape)) ours++
    if (found && sameShape(found, inTorch(shape))) torchs++
  }
  return ours > torchs ? 'atrous' : 'torch'
}

const inTorch = (shape: Shape): Shape =>
  shape.length === 4 ? [3, 2, 0, 1].map((axis) => shape[axis]) : shape.toReversed()

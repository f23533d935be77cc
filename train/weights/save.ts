// A network's weights for other places: under our names or those of torchvision, in our layout or PyTorch's.

import type { Device } from '../../engine/device.ts'
import { NonFiniteError, OptionError } from '../../engine/errors.ts'
import { keyMap } from '../../models/keys/index.ts'
import type { AnyModule } from '../../nn/module.ts'
import { differences, LAYOUT, partOf } from './load.ts'
import type { ShapedValues } from './shards.ts'

export interface ExportOptions {
  /** Whose names the file gets: `atrous` (default) for our names in our layout, `torch` for our names in PyTorch's layout, or
   * `torchvision` for a ResNet that PyTorch loads as its own. */
  readonly keys?: 'atrous' | 'torch' | 'torchvision'
  /** Only these variables: those whose path starts with it, as `backbone`. */
  readonly part?: string
}

export interface Exported {
  readonly tensors: readonly (readonly [string, ShapedValues])[]
  /** For the header of the files. */
  readonly metadata: Readonly<Record<string, string>>
}

/** The variables of a model as they are now, for `encodeShards` or `writeWeights`. Throws OptionError where such names have no
 * place for a variable or stand for a network of another form, NonFiniteError where a value is NaN or infinite. */
export async function exportWeights(
  device: Device,
  model: AnyModule,
  { keys = 'atrous', part }: ExportOptions = {},
): Promise<Exported> {
  const state = partOf(model.stateDict(), part)
  const map = keyMap(keys)
  const [other] = differences(model, map)
  if (other)
    throw new OptionError(
      `files of ${keys} are of networks of another form: ${other}`,
      "export with keys: 'torch'",
    )
  const sources = map.sources(state, new Map())
  const tensors: [string, ShapedValues][] = []
  for (const [path, variable] of state) {
    const source = sources.get(path)
    if (!source?.invert)
      throw new OptionError(
        `files of ${keys} have no place for ${path}`,
        "export with keys: 'torch', or only what they know: part: 'backbone'",
      )
    const data = (await device.read(variable)) as Float32Array
    if (!data.every(Number.isFinite))
      throw new NonFiniteError(`${path} holds a value that is not finite; nothing was written`)
    const { shape, data: values } = source.invert({ shape: variable.shape, data })
    tensors.push([source.names[0], { shape, values: () => values }])
  }
  const metadata: Record<string, string> = {}
  // What we say of ourselves would make torchvision's names look like ours.
  if (keys !== 'torchvision') metadata[LAYOUT] = keys
  // Other libraries ask for it.
  if (keys !== 'atrous') metadata['format'] = 'pt'
  return { tensors, metadata }
}

// Weights out of a file that a browser holds: what is in it is told first, and each tensor is read when it is wanted.

import type { Device } from '../../engine/device.ts'
import type { AnyModule } from '../../nn/module.ts'
import { blobName, readPart } from './blob.ts'
import { decodeWeights, isSafetensors } from './decode.ts'
import { Feed, type FeedOptions } from './feed.ts'
import { type LoadOptions, matchNames, type Wanted } from './load.ts'
import { checkReport, type LoadReport } from './report.ts'
import { readBlobEntries, type SafeEntry } from './safetensors.ts'
import {
  bytesPerElement,
  countOf,
  type WeightDtype,
  type Weights,
  type WeightTensor,
  weightTensor,
} from './tensor.ts'

/** Weights whose values stay in their file until they are read. */
export interface WeightFile extends Omit<Weights, 'tensors'> {
  readonly tensors: ReadonlyMap<string, Pick<WeightTensor, 'dtype' | 'shape'>>
  /** The tensor of that name with its values. Throws DataError where the file is gone. */
  read(name: string): Promise<WeightTensor>
}

/** Opens a weight file of any format that `decodeWeights` reads. Of safetensors no more than the header is read, and then the tensors
 * that are wanted, each by itself; a file of another format is read whole. Throws as `decodeWeights`. */
export async function openWeights(blob: Blob, file: string = blobName(blob)): Promise<WeightFile> {
  if (isSafetensors(await readPart(blob, 0, 9, file))) return openSafetensors(blob, file)
  const weights = await decodeWeights(await readPart(blob, 0, blob.size, file), file)
  return { ...weights, read: async (name) => weights.tensors.get(name)! }
}

async function openSafetensors(blob: Blob, file: string): Promise<WeightFile> {
  const { entries, metadata } = await readBlobEntries(blob, file)
  const byName = new Map(entries)
  const typeOf = ({ dtype, shape }: SafeEntry) => ({
    dtype: dtype.toLowerCase() as WeightDtype,
    shape,
  })
  return {
    file,
    format: 'safetensors',
    tensors: new Map(entries.map(([name, entry]) => [name, typeOf(entry)])),
    metadata: new Map(Object.entries(metadata)),
    wrappers: [],
    read: async (name) => {
      const entry = byName.get(name)!
      const { dtype, shape } = typeOf(entry)
      return weightTensor(dtype, shape, await readPart(blob, entry.begin, entry.end, file))
    },
  }
}

/** Writes the weights of a file into a model, as `loadWeights` does and with its errors: nothing is written where one of them does not
 * fit. Where the file goes away in the midst, or the signal is aborted, a part is written. All that is wanted is
 * read twice, to be judged and to be written, so that of safetensors no more is alive on the host than one variable: the bytes of
 * its tensors in the file, and as much again in our layout where that is another (and its starting values, where it had none yet);
 * besides what the device's queue has not taken in, 64 MiB and that variable at most. */
export async function loadWeightFile(
  device: Device,
  model: AnyModule,
  weights: WeightFile,
  options: LoadOptions & FeedOptions = {},
): Promise<LoadReport> {
  const { wanted, judge, report } = matchNames(model, weights, options)
  const bytesOf = ({ names }: Wanted) =>
    names.reduce((sum, name) => {
      const { dtype, shape } = weights.tensors.get(name)!
      return sum + countOf(shape)! * bytesPerElement(dtype)
    }, 0)
  const made = async ({ names, convert }: Wanted) => {
    const tensors: WeightTensor[] = []
    for (const name of names) tensors.push(await weights.read(name))
    return convert(...tensors)
  }
  const feed = new Feed(device, 2 * wanted.reduce((sum, w) => sum + bytesOf(w), 0), options)
  const good = new Set<Wanted>()
  for (const w of wanted) {
    if (judge(w, await made(w))) good.add(w)
    feed.advance(bytesOf(w))
  }
  const found = report()
  checkReport(found, options)
  for (const w of wanted) {
    if (good.has(w)) await feed.write(w.variable, (await made(w)).data)
    feed.advance(bytesOf(w))
  }
  return found
}

// PyTorch's `.pth`, `.pt` and `.bin` since 1.6: a zip archive with a pickle, `data.pkl`, and a file for each storage,
// `data/0`, `data/1` … all in one folder named after the file.

import { DataError } from '../../engine/errors.ts'
import { unpickle } from './pickle.ts'
import { shown } from './reader.ts'
import { bytesPerElement, type Weights, type WeightTensor, weightTensor } from './tensor.ts'
import { flatten } from './torch-names.ts'
import { type Storage, torchHost } from './torch-pickle.ts'
import type { ZipEntry } from './zip.ts'

type Entries = ReadonlyMap<string, ZipEntry>

const PICKLE = '/data.pkl'
const AGAIN = 'fetch or save it again'

const picklesOf = (entries: Entries): string[] =>
  [...entries.keys()].filter((name) => name.endsWith(PICKLE))

export const isTorch = (entries: Entries): boolean => picklesOf(entries).length > 0

/** The tensors of a state dict, or of the dicts around and beside it. Runs nothing: throws DataError naming `file` where
 * the pickle needs more than tensors, and where a tensor leaves its storage. */
export async function decodeTorch(entries: Entries, file: string): Promise<Weights> {
  const pickle = await findPickle(entries, file)
  const root = unpickle(await entries.get(pickle)!.read(), file, torchHost)
  const { tensors, metadata, wrappers } = flatten(root, file)
  const folder = `${pickle.slice(0, -PICKLE.length)}/data/`
  const contents = new Map<string, Uint8Array>()
  const out = new Map<string, WeightTensor>()
  for (const [name, { storage, dtype, shape, at }] of tensors) {
    const { key } = storage
    const content = contents.get(key) ?? (await readStorage(entries.get(folder + key), key, file))
    contents.set(key, content)
    checkSize(content, storage, file)
    out.set(name, weightTensor(dtype, shape, storage.within(content), at))
  }
  return { file, format: 'torch', tensors: out, metadata, wrappers }
}

async function findPickle(entries: Entries, file: string): Promise<string> {
  const [pickle, ...more] = picklesOf(entries)
  const folder = pickle.slice(0, -PICKLE.length)
  const hint = 'in Python: torch.save(model.state_dict(), "weights.pth")'
  if (more.length) throw new DataError(file, 'holds several pickles', hint)
  if (entries.has(`${folder}/constants.pkl`))
    throw new DataError(file, 'is a TorchScript program, not a state dict', hint)
  const order = await entries.get(`${folder}/byteorder`)?.read()
  if (order && new TextDecoder().decode(order).trim() !== 'little')
    throw new DataError(file, 'was saved on a big-endian machine', 'save it again on another')
  return pickle
}

async function readStorage(entry: ZipEntry | undefined, key: string, file: string) {
  if (!entry) throw new DataError(file, `lacks the bytes of storage ${shown(key)}`, AGAIN)
  return entry.read()
}

/** The pickle may name one storage twice, and of different sizes. */
function checkSize(content: Uint8Array, { key, count, dtype }: Storage, file: string): void {
  const bytes = count * bytesPerElement(dtype)
  if (content.length === bytes) return
  const problem = `has ${content.length} bytes in storage ${shown(key)}, which announces ${bytes}`
  throw new DataError(file, problem, AGAIN)
}

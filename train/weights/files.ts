// Weight files in Node: read once into memory, however large; written whole, and an index after what it names.

import { open, readdir, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { DataError } from '../../engine/errors.ts'
import { listed } from '../../nn/near.ts'
import { errorCode, fileError, writeAtomic } from '../files.ts'
import { decodeWeights } from './decode.ts'
import {
  decodeShards,
  encodeShards,
  INDEX_ENDING,
  type ShapedValues,
  type ShardOptions,
} from './shards.ts'
import type { Weights } from './tensor.ts'

const ENDINGS = [
  '.safetensors',
  '.pth',
  '.pth.tar',
  '.pt',
  '.bin',
  '.npz',
  '.params',
  '.caffemodel',
]

/** The weights in a file, in the files of an index (`*.index.json`, its shards beside it), or in a folder that holds
 * just one of these, or is a run's: of that the best. Throws DataError naming the file that is missing, damaged, or one of several. */
export async function readWeights(path: string): Promise<Weights> {
  const file = (await isFolder(path)) ? join(path, await onlyIn(path)) : path
  const bytes = await readWhole(file)
  if (!file.endsWith(INDEX_ENDING)) return decodeWeights(bytes, file)
  const load = async (name: string) => {
    const shard = join(dirname(file), name)
    return decodeWeights(await readWhole(shard), shard)
  }
  return decodeShards(bytes, file, load)
}

/** Writes tensors into a folder, which is made where it is not there, and gives the files' paths. One file replaces its
 * predecessor at once; several, whose index comes last, do not replace others: a crash would leave a mixture. Throws
 * DataError where the folder holds other weights of that name, and as `encodeShards`. */
export async function writeWeights(
  folder: string,
  tensors: Iterable<readonly [string, ShapedValues]>,
  options: ShardOptions = {},
): Promise<string[]> {
  const written: string[] = []
  for (const { name, bytes } of encodeShards(tensors, options)) {
    if (!written.length) await refuseOthers(folder, options.name ?? 'model', name)
    await writeAtomic(join(folder, name), bytes)
    written.push(join(folder, name))
  }
  return written
}

async function refuseOthers(folder: string, name: string, first: string): Promise<void> {
  const whole = `${name}.safetensors`
  for (const other of [whole, whole + INDEX_ENDING]) {
    if (other === first) continue
    const found = await stat(join(folder, other)).catch(() => undefined)
    if (found) throw new DataError(join(folder, other), 'exists already', 'name a new folder')
  }
}

async function isFolder(path: string): Promise<boolean> {
  try {
    const found = await stat(path)
    if (found.isDirectory() || found.isFile()) return found.isDirectory()
  } catch (error) {
    throw fileError(path, 'the weights cannot be opened', error, 'name a file of weights')
  }
  throw new DataError(path, 'is neither a file nor a folder', 'name a file of weights')
}

/** The name of the one index or else the one weight file in a folder. */
async function onlyIn(folder: string): Promise<string> {
  const names = await readdir(folder).catch((error) => {
    throw fileError(folder, 'cannot be listed', error)
  })
  const shards = /-\d{5}-of-\d{5}\./
  const found = names
    .filter((name) => name.endsWith(INDEX_ENDING) || ENDINGS.some((end) => name.endsWith(end)))
    .filter((name) => !shards.test(name))
    .sort()
  if (found.length === 1) return found[0]
  const best = found.find((name) => name === 'checkpoint-best.safetensors')
  if (best) return best
  if (found.length) throw new DataError(folder, `holds ${listed(found)}`, 'name one of them')
  if (names.some((name) => shards.test(name)))
    throw new DataError(folder, 'holds parts of weights without their index', 'fetch the index too')
  throw new DataError(folder, `holds no weights: no file ends in ${ENDINGS.join(', ')}`)
}

const CHUNK = 2 ** 28

/** Node's readFile ends at 2 GiB. */
async function readWhole(file: string): Promise<Uint8Array> {
  try {
    // To open a pipe would wait for a writer.
    const found = await stat(file)
    if (!found.isFile() && !found.isDirectory()) throw new Error('is no file')
    const handle = await open(file)
    try {
      const bytes = new Uint8Array((await handle.stat()).size)
      let filled = 0
      while (filled < bytes.length) {
        const count = Math.min(CHUNK, bytes.length - filled)
        const { bytesRead } = await handle.read(bytes, filled, count)
        if (!bytesRead) break
        filled += bytesRead
      }
      return bytes.subarray(0, filled)
    } finally {
      await handle.close()
    }
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw fileError(file, 'cannot be read', error)
    throw fileError(file, 'the weights cannot be opened', error, `it should be in ${dirname(file)}`)
  }
}

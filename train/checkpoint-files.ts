// Checkpoints in a run folder (Node): `checkpoint.safetensors` is the last one, `checkpoint-best.safetensors` the one
// of the best validation. The JSON beside each is a copy of its description, for people.

import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { DataError } from '../engine/errors.ts'
import { type Checkpoint, type CheckpointInfo, decodeCheckpoint } from './checkpoint.ts'
import { errorCode, fileError, readBytes } from './files.ts'
import type { RunFolder } from './runs.ts'

export type Which = 'last' | 'best'

const NAMES: Record<Which, string> = { last: 'checkpoint', best: 'checkpoint-best' }

/** Replaces a run's checkpoint; a crash at any moment leaves the old one or the new one. */
export async function writeCheckpoint(
  run: RunFolder,
  which: Which,
  { bytes, info }: { bytes: Uint8Array; info: CheckpointInfo },
): Promise<string> {
  const file = await run.write(`${NAMES[which]}.safetensors`, bytes)
  await run.writeJson(`${NAMES[which]}.json`, info)
  return file
}

/** Reads a checkpoint file, or that of a run folder: `which` of the two, the last one where there is no best. Throws
 * DataError naming the file. */
export async function readCheckpoint(path: string, which: Which): Promise<Checkpoint> {
  const hint = 'name a run folder, such as runs/street-1, or a checkpoint in it'
  const found = await stat(path).catch((error) => {
    throw fileError(path, 'the checkpoint cannot be opened', error, hint)
  })
  if (!found.isDirectory()) return decodeCheckpoint(await readBytes(path), path)
  const order: Which[] = which === 'best' ? ['best', 'last'] : ['last']
  for (const name of order) {
    const file = join(path, `${NAMES[name]}.safetensors`)
    const there = await stat(file).catch((error) => {
      if (errorCode(error) === 'ENOENT') return undefined
      throw fileError(file, 'cannot be opened', error)
    })
    if (there) return decodeCheckpoint(await readBytes(file), file)
  }
  throw new DataError(path, 'holds no checkpoint: the run ended before it wrote one', hint)
}

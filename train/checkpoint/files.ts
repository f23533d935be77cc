// Checkpoints in a run folder (Node): `checkpoint.safetensors` is the last one, `checkpoint-best.safetensors` the one
// of the best validation. The JSON beside each is a copy of its description, for people. Where more than the last one is
// kept, `checkpoint-000500.safetensors` is the one after 500 steps.

import { randomUUID } from 'node:crypto'
import { link, readdir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { DataError, OptionError } from '../../engine/errors.ts'
import { errorCode, fileError, readBytes } from '../files.ts'
import { isRun, type RunFolder } from '../runs/folder.ts'
import { type Checkpoint, type CheckpointInfo, decodeCheckpoint } from './checkpoint.ts'

export type Which = 'last' | 'best'

const NAMES: Record<Which, string> = { last: 'checkpoint', best: 'checkpoint-best' }

/** Replaces a run's checkpoint; a crash at any moment leaves the old one or the new one. Of the last ones, `keep` stay under
 * the number of their step; by default only the last one of all is there. Throws OptionError for a `keep` below 1, and DataError
 * naming the file where it cannot be written: the checkpoints that were there are there then. */
export async function writeCheckpoint(
  run: RunFolder,
  which: Which,
  { bytes, info }: { bytes: Uint8Array; info: CheckpointInfo },
  { keep = 1 }: { keep?: number | undefined } = {},
): Promise<string> {
  if (!(Number.isInteger(keep) && keep >= 1))
    throw new OptionError(`${keep} checkpoints cannot be kept`, 'keep a whole number from 1')
  const file = `${NAMES[which]}.safetensors`
  if (which === 'last' && keep > 1) {
    const numbered = await run.write(numberedName(info.progress.step), bytes)
    await secondName(numbered, run.path(file)).catch(() => run.write(file, bytes))
    await forgetOlder(run, keep)
  } else await run.write(file, bytes)
  await run.writeJson(`${NAMES[which]}.json`, info)
  return run.path(file)
}

const numberedName = (step: number) => `checkpoint-${`${step}`.padStart(6, '0')}.safetensors`

/** Steps of the checkpoints that are kept under their numbers, in order. */
export async function keptCheckpoints(run: RunFolder): Promise<number[]> {
  const names = await readdir(run.folder).catch((error) => {
    throw fileError(run.folder, 'cannot be read', error)
  })
  return names
    .flatMap((name) => /^checkpoint-(\d{6,})\.safetensors$/.exec(name)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => a - b)
}

async function forgetOlder(run: RunFolder, keep: number): Promise<void> {
  for (const step of (await keptCheckpoints(run)).slice(0, -keep))
    await rm(run.path(numberedName(step)), { force: true })
}

/** The same bytes under another name, which they take over whole. Throws the system's error where a file has one name only. */
async function secondName(file: string, name: string): Promise<void> {
  const temporary = `${name}.${randomUUID()}.tmp`
  await link(file, temporary)
  await rename(temporary, name)
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
  if (!(await isRun(path))) throw new DataError(path, 'is not a run, and holds no checkpoint', hint)
  throw new DataError(
    path,
    'holds no checkpoint: the run ended before it wrote one',
    'train anew, in another folder: config.json holds the command',
  )
}

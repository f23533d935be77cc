// The folder of a table's runs: that they all have the settings that reproduce.json tells, and that nothing is written or removed
// before what was asked for is known to mean something.

import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { DataError, OptionError } from '../../engine/errors.ts'
import { isThere, makeFolder, readBytes, writeAtomic } from '../../train/files.ts'
import { holderOf, holdRun } from '../../train/runs/lock.ts'
import { Args } from './command.ts'
import { type Job, type Passed, stateOf } from './reproduce-jobs.ts'
import { type FoundData, findData, newRecipe } from './settings.ts'
import { train } from './train.ts'

const fileOf = ({ out }: Passed): string => join(out, 'reproduce.json')

const settingsOf = ({ more, data }: Passed) => ({ more, data: Object.fromEntries(data) })

/** Makes the folder, and writes down the settings of its runs. Throws OptionError where runs of other settings have begun there,
 * which do not belong in one table, and what `train` throws of a job that means nothing: then nothing is written. */
export async function begin(jobs: readonly Job[], passed: Passed): Promise<void> {
  await sameAsBefore(passed)
  await checkJobs(jobs)
  await makeFolder(passed.out)
  await writeAtomic(fileOf(passed), `${JSON.stringify(settingsOf(passed), null, 2)}\n`)
}

async function sameAsBefore(passed: Passed): Promise<void> {
  const { out } = passed
  if (!(await isThere(fileOf(passed))) || !(await anyBegun(out))) return
  const before = JSON.stringify(await readParsed(fileOf(passed)))
  if (before === JSON.stringify(settingsOf(passed))) return
  throw new OptionError(
    `the runs in ${out} have other settings or data`,
    'give the same as before, or another folder with --out',
  )
}

/** Whether a run of the folder has come to a checkpoint, or is worked on now. */
async function anyBegun(out: string): Promise<boolean> {
  const folders = (await readdir(out)).map((name) => join(out, name))
  return folders.some((folder) => stateOf({ folder }) !== 'waits' || holderOf(folder))
}

/** Of one seed, since the others differ in nothing else. */
async function checkJobs(jobs: readonly Job[]): Promise<void> {
  const found = new Map<string | undefined, FoundData | undefined>()
  for (const job of jobs.filter((job) => job.seed === 1 && stateOf(job) === 'waits')) {
    const args = new Args(train, job.argv)
    const data = args.text('data')
    if (!found.has(data)) found.set(data, await findData(args))
    newRecipe(args, found.get(data))
  }
}

/** Removes what a run left that was killed before its first checkpoint: it holds nothing to go on from. Throws OptionError while
 * a process works on it. */
export async function removeUnbegun(folder: string): Promise<void> {
  if (!(await isThere(folder))) return
  using _ = holdRun(folder)
  await rm(folder, { recursive: true, force: true })
}

/** A file of JSON; throws DataError where it is none. */
export async function readParsed(file: string): Promise<unknown> {
  const text = new TextDecoder().decode(await readBytes(file))
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new DataError(file, `is not JSON: ${(error as Error).message}`, 'remove it')
  }
}

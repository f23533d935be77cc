// A run folder: everything that one training run leaves behind, readable after a crash at any moment.
//
//   config.json     what was asked for        checkpoint.*   weights and state
//   metrics.jsonl   one record a line         *.png, *.svg   pictures, those of samples/ one a validation
//   state.json      how far it is             events.out.*   the metrics and samples for TensorBoard
//   tuning.json     the choices of kernels that it began with, so that it goes on with the same
//   lock            whose run it is now       report.html    all of it for people
//   scores.json     the scores on the test split; written last

import { appendFileSync, existsSync, statSync, truncateSync } from 'node:fs'
import { mkdir, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DataError, OptionError } from '../../engine/errors.ts'
import { errorCode, fileError, isThere, makeFolder, readBytes, writeAtomic } from '../files.ts'
import { holdRun } from './lock.ts'

/** One line of metrics.jsonl. */
export interface MetricsRecord {
  readonly step: number
  readonly [key: string]: unknown
}

/** What state.json holds: how far a run is, or how it ended. */
export interface RunState {
  /** `trained`: all steps are done; `finished`: and the test split is scored. A run that is `running` and that no process holds
   * was killed. */
  readonly state: 'running' | 'stopped' | 'trained' | 'finished' | 'failed'
  readonly step: number
  /** Steps to do; absent where time is the limit. */
  readonly of?: number | undefined
  /** Of training, in this and earlier sessions. */
  readonly seconds: number
  /** Seconds left, as it looked. */
  readonly eta?: number
  readonly best?: { readonly step: number; readonly score: number } | undefined
  /** What the score is, such as `mean IoU`. */
  readonly scoreName?: string
  /** Step of the last checkpoint. */
  readonly checkpoint?: number
  readonly parameters?: number
  readonly activationBytes?: number
  /** Device memory allocated, pools included. */
  readonly bytes?: number
  readonly imagesPerSecond?: number
  /** Why it failed. */
  readonly message?: string
}

export interface RunOptions {
  /** The folder to use, made if absent; it must be empty. Without it, `<root>/<name>-<n>` with the first free n. */
  readonly out?: string
  readonly root?: string
}

const CONFIG = 'config.json'
const METRICS = 'metrics.jsonl'
const STATE = 'state.json'
const ELSEWHERE = 'choose another folder with --out'

/** Makes a new run folder and writes a file in it, so that a folder that cannot be written is refused at once. */
export async function createRun(name: string, options: RunOptions = {}): Promise<RunFolder> {
  if (!/^[\w.-]+$/.test(name))
    throw new OptionError(`a run's name is made of letters, digits, - and _; got "${name}"`)
  const folder = options.out ?? (await claimNumbered(options.root ?? 'runs', name))
  if (options.out !== undefined) await claimGiven(options.out)
  const probe = join(folder, '.probe')
  try {
    await writeFile(probe, '')
    await rm(probe)
  } catch (error) {
    throw fileError(folder, 'cannot be written', error, ELSEWHERE)
  }
  return new RunFolder(folder)
}

/** Whether a folder is that of a run, of which `config.json` is the first file. */
export const isRun = (folder: string): Promise<boolean> => isThere(join(folder, CONFIG))

/** Opens the folder of an earlier run; throws DataError where it is none. */
export async function openRun(folder: string): Promise<RunFolder> {
  const hint = 'name a folder that training has made, such as runs/street-1'
  try {
    await stat(folder)
  } catch (error) {
    throw fileError(folder, 'the run cannot be opened', error, hint)
  }
  if (!(await isRun(folder)))
    throw new DataError(folder, `is not a run: it holds no ${CONFIG}`, hint)
  return new RunFolder(folder)
}

async function claimGiven(folder: string): Promise<void> {
  await makeFolder(folder, ELSEWHERE)
  const held = await readdir(folder).catch((error) => {
    throw fileError(folder, 'cannot be read', error, ELSEWHERE)
  })
  if (held.length > 0)
    throw new DataError(folder, 'is not empty', `${ELSEWHERE}, or continue it with --resume`)
}

async function claimNumbered(root: string, name: string): Promise<string> {
  await makeFolder(root, ELSEWHERE)
  for (let n = 1; ; n++) {
    const folder = join(root, `${name}-${n}`)
    try {
      // Making it is the claim: of two runs that start together only one succeeds.
      await mkdir(folder)
      return folder
    } catch (error) {
      if (errorCode(error) !== 'EEXIST') throw fileError(folder, 'cannot be made', error, ELSEWHERE)
    }
  }
}

/** Reads and writes the files of one run; files are replaced whole, metrics are appended line by line. */
export class RunFolder {
  readonly folder: string

  constructor(folder: string) {
    this.folder = folder
  }

  path(file: string): string {
    return join(this.folder, file)
  }

  async write(file: string, data: Uint8Array | string): Promise<string> {
    await writeAtomic(this.path(file), data)
    return this.path(file)
  }

  async writeJson(file: string, value: unknown): Promise<string> {
    return this.write(file, `${JSON.stringify(value, null, 2)}\n`)
  }

  /** Throws DataError where the file is absent or not JSON; the caller checks the fields. */
  async readJson(file: string): Promise<unknown> {
    const text = new TextDecoder().decode(await readBytes(this.path(file)))
    try {
      return JSON.parse(text)
    } catch (error) {
      throw new DataError(this.path(file), `is not JSON: ${(error as Error).message}`)
    }
  }

  writeConfig(config: object): Promise<string> {
    return this.writeJson(CONFIG, config)
  }

  readConfig(): Promise<unknown> {
    return this.readJson(CONFIG)
  }

  writeState(state: RunState): Promise<string> {
    return this.writeJson(STATE, state)
  }

  /** Undefined for a run of an older version, which kept none, and where it was damaged. */
  async readState(): Promise<RunState | undefined> {
    const state = (await this.readJson(STATE).catch(() => undefined)) as RunState | undefined
    return typeof state?.state === 'string' && typeof state.step === 'number' ? state : undefined
  }

  /** Appends records; they are in the file when this returns, so that Ctrl-C loses nothing. Where that fails (a full disk), the
   * file is as it was. */
  appendMetrics(...records: readonly MetricsRecord[]): void {
    const file = this.path(METRICS)
    const before = isFile(file) ? statSync(file).size : 0
    try {
      appendFileSync(file, lines(records))
    } catch (error) {
      // Half a line would spoil the next one.
      if (isFile(file)) truncateSync(file, before)
      const gone = !existsSync(this.folder)
      const hint = gone ? 'leave a run where it is while it trains' : 'go on with --resume'
      throw fileError(file, 'cannot be written', error, hint)
    }
  }

  /** All records in order; a last line that a crash left unfinished is dropped, any other bad line is a DataError. */
  async readMetrics(): Promise<MetricsRecord[]> {
    const file = this.path(METRICS)
    if (!existsSync(file)) return []
    const lines = new TextDecoder().decode(await readBytes(file)).split('\n')
    const unfinished = lines.pop()
    const records = lines.map((line, i) => parseRecord(line, file, i + 1))
    // A whole record without its newline is as good as any other.
    if (unfinished && isWhole(unfinished))
      records.push(parseRecord(unfinished, file, lines.length + 1))
    return records
  }

  /** Drops the records of steps after `step`, which a resumed run will write again; returns those kept. */
  async truncateMetrics(step: number): Promise<MetricsRecord[]> {
    const kept = (await this.readMetrics()).filter((record) => record.step <= step)
    await this.write(METRICS, lines(kept))
    return kept
  }

  /** Takes the run for this process until disposed of, and clears away what a killed one left half written. Throws OptionError
   * while another process works on it. */
  async hold(): Promise<Disposable> {
    const held = holdRun(this.folder)
    for (const name of await readdir(this.folder, { recursive: true }).catch(() => []))
      if (TEMPORARY.test(name)) await rm(this.path(name), { force: true })
    return held
  }
}

/** How `writeAtomic` names what is not whole yet. */
const TEMPORARY = /\.[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\.tmp$/

const lines = (records: readonly MetricsRecord[]): string =>
  records.map((record) => `${JSON.stringify(record)}\n`).join('')

const isFile = (path: string) => Boolean(statSync(path, { throwIfNoEntry: false })?.isFile())

function parseRecord(line: string, file: string, number: number): MetricsRecord {
  try {
    const record = JSON.parse(line)
    if (typeof record?.step === 'number') return record
  } catch {
    // Said below, with the line's number.
  }
  throw new DataError(file, `line ${number} is not a record with a step`, 'remove the line')
}

function isWhole(line: string): boolean {
  try {
    JSON.parse(line)
    return true
  } catch {
    return false
  }
}

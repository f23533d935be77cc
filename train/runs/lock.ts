// One process at a time works on a run: whoever does holds a file `lock` in its folder, which says who it is. A process that
// was killed leaves it behind; its number then belongs to nobody, or to a process that began at another time.

import { closeSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { OptionError } from '../../engine/errors.ts'
import { errorCode, fileError } from '../files.ts'

export interface Holder {
  readonly pid: number
  readonly host: string
  /** When the process began, as its system counts; absent where the system does not tell. */
  readonly begun?: string
}

const LOCK = 'lock'

/** Takes a run folder for this process until disposed of, or the process ends. Throws OptionError while another process of this
 * machine works on it, or one of another machine has not said that it ended. */
export function holdRun(folder: string): Disposable {
  const file = join(folder, LOCK)
  const me: Holder = { pid: process.pid, host: hostname(), ...begunOf(process.pid) }
  for (let tries = 0; ; tries++) {
    try {
      const handle = openSync(file, 'wx')
      writeSync(handle, `${JSON.stringify(me)}\n`)
      closeSync(handle)
      break
    } catch (error) {
      if (errorCode(error) !== 'EEXIST') throw fileError(file, 'cannot be written', error)
      const holder = holderOf(folder)
      // One try is enough to remove what a dead process left; after it somebody else was faster.
      if (holder || tries > 0) throw inUse(folder, holder)
      rmSync(file, { force: true })
    }
  }
  const release = () => rmSync(file, { force: true })
  process.once('exit', release)
  return {
    [Symbol.dispose]() {
      process.off('exit', release)
      release()
    },
  }
}

/** The process that works on a run now; undefined where none does. */
export function holderOf(folder: string): Holder | undefined {
  let holder: Partial<Holder>
  try {
    holder = JSON.parse(readFileSync(join(folder, LOCK), 'utf8'))
  } catch {
    // Not there, or a crash came between making and writing it.
    return undefined
  }
  if (typeof holder.pid !== 'number' || typeof holder.host !== 'string') return undefined
  const known = holder as Holder
  // Whether a process of another machine still runs cannot be told from here.
  if (known.host !== hostname()) return known
  return runs(known) ? known : undefined
}

function runs({ pid, begun }: Holder): boolean {
  try {
    process.kill(pid, 0)
  } catch (error) {
    // Somebody else's process may not be signalled, but it is there.
    if (errorCode(error) !== 'EPERM') return false
  }
  return begun === undefined || begun === begunOf(pid).begun
}

/** Linux: the 22nd field of its status, clock ticks since the machine started. Names in brackets may hold anything. */
function begunOf(pid: number): { begun?: string } {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ').pop()!.split(' ')
    return { begun: fields[19] }
  } catch {
    return {}
  }
}

function inUse(folder: string, holder: Holder | undefined): OptionError {
  const who = holder
    ? `process ${holder.pid}${holder.host === hostname() ? '' : ` of ${holder.host}`}`
    : 'another process'
  return new OptionError(
    `${folder} is in use: ${who} works on it`,
    holder && holder.host !== hostname()
      ? `wait until it ends; if it was killed, remove ${join(folder, LOCK)}`
      : 'wait until it ends, or stop it with Ctrl-C',
  )
}

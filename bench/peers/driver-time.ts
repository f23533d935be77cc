// Device time of a software driver: how long its threads were on a processor.

import { existsSync, readdirSync, readFileSync } from 'node:fs'

const tasks = '/proc/self/task'

/** Threads of this process now, or undefined where the system does not tell. */
export const threads = (): Set<string> | undefined =>
  existsSync(tasks) ? new Set(readdirSync(tasks)) : undefined

/** Milliseconds on a processor, since they began, of all threads but those in `before`: call `threads()` before the driver
 * is loaded. Where the system does not tell, of the whole process. */
export function driverTime(before: ReadonlySet<string> | undefined): number {
  if (!before) {
    const { user, system } = process.cpuUsage()
    return (user + system) / 1000
  }
  let ns = 0
  for (const id of readdirSync(tasks)) {
    if (before.has(id)) continue
    try {
      ns += Number(readFileSync(`${tasks}/${id}/schedstat`, 'utf8').split(' ')[0])
    } catch {
      // The thread ended since it was listed.
    }
  }
  return ns / 1e6
}

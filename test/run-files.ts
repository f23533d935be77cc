// A process of the test runner: runs the files that it is told of, one after another on one device, and ends what it
// prints of each with a line for the runner.

import { existsSync, readFileSync } from 'node:fs'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { restoreEnvironment } from './environment.ts'
import type { FileResult } from './harness.ts'
import { MARK } from './mark.ts'

// uvu reads this when it is first imported, hence the imports of the harness further down.
Object.assign(globalThis, { UVU_DEFER: 1 })

const outside: string[] = []

// What a test starts and does not wait for can still fail; that is a failure of its file.
process.on('uncaughtException', (error) => {
  outside.push(`  outside any test: ${error.stack ?? error}\n`)
})
// Behind the last file there is no result to put it in.
process.on('exit', () => {
  if (!outside.length) return
  process.stderr.write(outside.join(''))
  process.exitCode = 1
})

// On lavapipe every bind group is a memory mapping, of which a process has 65,530, and its place is used again only
// when its handle is collected. The collector sees a small handle and waits; the driver crashes where the next would be.
setFlagsFromString('--expose-gc')
setInterval(runInNewContext('gc') as () => void, 1000).unref()

process.on('message', async (file: string) => {
  process.stdout.write(`\n${MARK}${JSON.stringify(await runFile(file))}\n`)
})
// A test that leaves something running must not hold up whoever waits for the last line.
process.on('disconnect', () => setTimeout(() => process.exit(), 5000).unref())

const untested = { passed: 0, failed: 1, skipped: [], errors: '  has no test\n' }

async function runFile(file: string): Promise<FileResult> {
  let result: FileResult
  const { runRegistered } = await import('./harness.ts')
  const environment = { ...process.env }
  try {
    if (mappings() > 15000) await (await import('./device.ts')).renewDevice()
    await import(new URL(file, import.meta.url).href)
    result = await runRegistered()
    if (!result.passed && !result.failed && !result.skipped.length) result = untested
  } catch (error) {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
    result = { ...untested, errors: `  could not be loaded: ${text}\n` }
  } finally {
    restoreEnvironment(environment)
  }
  const late = outside.splice(0)
  const failed = result.failed + late.length
  return { ...result, failed, errors: [result.errors, ...late].join('') }
}

/** Memory mappings of this process, where the system tells. */
function mappings(): number {
  const file = '/proc/self/maps'
  return existsSync(file) ? readFileSync(file, 'latin1').split('\n').length : 0
}

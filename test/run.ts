// The test runner: every `*.test.js` beside it, one after another since they share one GPU.
//   node dist/test/run.js [part of a file's name …] [--slow]
// The last line is `N passed, N failed, N skipped`; the exit code is 1 where anything failed.

import { existsSync, readFileSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { FileResult } from './harness.ts'

// uvu reads this when it is first imported, hence the import of the harness further down.
Object.assign(globalThis, { UVU_DEFER: 1 })

if (process.argv.includes('--help')) {
  console.log(
    'usage: npm test -- [PART OF A FILE NAME …] [--slow]\n       npm test -- web/   the web pages in a browser',
  )
  process.exit()
}

/** The web pages as a person uses them take minutes: `npm test -- web/` runs them. */
const pages = /^web[\\/](?!shell)/

const filters = process.argv.slice(2).filter((argument) => !argument.startsWith('--'))
const started = performance.now()
const files = await testFiles(filters)
const total = { passed: 0, failed: 0, skipped: 0 }
const failures: string[] = []

let current = ''

// What a test starts and does not wait for can still fail; that is a failure of its file.
process.on('uncaughtException', (error) => {
  total.failed++
  failures.push(`${current}\n  outside any test: ${error.stack ?? error}\n`)
})

// On lavapipe every bind group is a memory mapping, of which a process has 65,530, and its place is used again only when
// its handle is collected. The collector sees a small handle and waits; the driver crashes where the next would be.
setFlagsFromString('--expose-gc')
setInterval(runInNewContext('gc') as () => void, 1000).unref()

for (current of files) {
  count(current, await runFile(current))
  if (mappings() > 15000) await (await import('./device.ts')).renewDevice()
}
finish()

/** Memory mappings of this process, where the system tells. */
function mappings(): number {
  const file = '/proc/self/maps'
  return existsSync(file) ? readFileSync(file, 'latin1').split('\n').length : 0
}

async function testFiles(parts: readonly string[]): Promise<string[]> {
  const all = await readdir(here(), { recursive: true })
  const tests = all.filter((name) => name.endsWith('.test.js')).sort()
  if (parts.length === 0) return tests.filter((name) => !pages.test(name))
  return tests.filter((name) => parts.some((part) => name.includes(part)))
}

async function runFile(file: string): Promise<FileResult> {
  const { runRegistered } = await import('./harness.ts')
  const begun = performance.now()
  process.stdout.write(`${file.replace(/\.test\.js$/, '')} `)
  try {
    await import(pathToFileURL(join(here(), file)).href)
  } catch (error) {
    process.stdout.write('could not be loaded\n')
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
    return { passed: 0, failed: 1, skipped: [], errors: `  could not be loaded: ${text}\n` }
  }
  const result = await runRegistered()
  process.stdout.write(`  ${seconds(begun)}\n`)
  return result
}

function count(file: string, result: FileResult): void {
  total.passed += result.passed
  total.failed += result.failed
  total.skipped += result.skipped.length
  for (const { name, reason } of result.skipped) console.log(`  skipped: ${name} (${reason})`)
  if (result.errors) failures.push(`${file}\n${result.errors}`)
}

function finish(): void {
  if (files.length === 0) {
    total.failed++
    failures.push(`no test file has a name with ${filters.join(' or ')}\n`)
  }
  if (failures.length) console.log(`\n${failures.join('\n')}`)
  console.log(`\n${files.length} file${files.length === 1 ? '' : 's'} in ${seconds(started)}`)
  console.log(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`)
  process.exitCode = failures.length ? 1 : 0
  // A test that leaves something running must not hold up whoever waits for the exit code.
  setTimeout(() => process.exit(), 5000).unref()
}

function seconds(since: number): string {
  return `${((performance.now() - since) / 1000).toFixed(1)} s`
}

function here(): string {
  return dirname(fileURLToPath(import.meta.url))
}

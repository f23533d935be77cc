// The test runner: every `*.test.js` beside it, in a few processes with a device each, since a test mostly waits: for
// the device, a child or a browser.
//   node dist/test/run.js [part of a file's name …] [--slow] [--jobs N]
// The last line is `N passed, N failed, N skipped`; the exit code is 1 where anything failed.

import { fork } from 'node:child_process'
import { once } from 'node:events'
import { readdir } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { FileResult } from './harness.ts'
import { MARK } from './mark.ts'

const usage = `usage: npm test -- [PART OF A FILE NAME …] [--slow] [--jobs N]
       npm test -- web/   the web pages in a browser

  --slow      also what takes minutes
  --jobs N    processes; default: 2, and 1 for the web pages, whose steps are timed`

/** The web pages as a person uses them take minutes: `npm test -- web/` runs them. */
const pages = /^web[\\/](?!shell)/

const here = dirname(fileURLToPath(import.meta.url))
const started = performance.now()
const total = { passed: 0, failed: 0, skipped: 0 }
const failures: string[] = []

const { filters, flags, jobs } = readArguments(process.argv.slice(2))
if (flags.includes('--help')) console.log(usage)
else await runAll(await testFiles())

function readArguments(args: string[]) {
  const at = args.indexOf('--jobs')
  const jobs = at < 0 ? undefined : Number(args.splice(at, 2)[1])
  if (jobs !== undefined && !(Number.isInteger(jobs) && jobs > 0)) {
    console.error('error: --jobs needs a number of processes, such as --jobs 1')
    process.exit(2)
  }
  const isFlag = (argument: string) => argument.startsWith('--')
  return { jobs, flags: args.filter(isFlag), filters: args.filter((a) => !isFlag(a)) }
}

async function testFiles(): Promise<string[]> {
  const all = await readdir(here, { recursive: true })
  const tests = all.filter((name) => name.endsWith('.test.js')).sort()
  if (filters.length === 0) return tests.filter((name) => !pages.test(name))
  return tests.filter((name) => filters.some((part) => name.includes(part)))
}

async function runAll(files: readonly string[]): Promise<void> {
  const usual = files.some((file) => pages.test(file)) ? 1 : Math.min(2, availableParallelism())
  const left = [...files]
  const workers = Math.min(jobs ?? usual, files.length)
  await Promise.all(Array.from({ length: workers }, () => work(left)))
  if (files.length === 0) {
    total.failed++
    failures.push(`no test file has a name with ${filters.join(' or ')}\n`)
  }
  if (failures.length) console.log(`\n${failures.join('\n')}`)
  console.log(`\n${files.length} file${files.length === 1 ? '' : 's'} in ${seconds(started)}`)
  console.log(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`)
  process.exitCode = total.failed ? 1 : 0
}

/** Runs files until none is left, in a process that is replaced where it dies. */
async function work(left: string[]): Promise<void> {
  while (left.length) await serve(left)
}

async function serve(left: string[]): Promise<void> {
  const script = join(here, 'run-files.js')
  const child = fork(script, flags, { stdio: ['ignore', 'pipe', 'inherit', 'ipc'] })
  process.on('exit', () => child.kill())
  const output = child.stdout!.setEncoding('utf8')
  let file: string | undefined
  let begun = 0
  let printed = ''

  const next = () => {
    file = left.shift()
    begun = performance.now()
    // One that died meanwhile is told of by its end.
    if (file) child.send(file, () => {})
    else if (child.connected) child.disconnect()
  }
  const show = (result: FileResult, text: string) => {
    console.log(`${file!.replace(/\.test\.js$/, '')} ${text.trim()}\n  ${seconds(begun)}`)
    count(file!, result)
  }
  output.on('data', (text: string) => {
    printed += text
    const at = printed.indexOf(MARK)
    const end = printed.indexOf('\n', at)
    if (at < 0 || end < 0) return
    show(JSON.parse(printed.slice(at + MARK.length, end)), printed.slice(0, at))
    printed = printed.slice(end + 1)
    next()
  })
  // Not `close`, which Node 20.20 never says of a child whose channel was disconnected from here.
  const ended = new Promise<string>((resolve) => {
    child.on('error', (error) => resolve(`${error.message}`))
    child.on('exit', (code, signal) => resolve(signal ?? (code ? `code ${code}` : '')))
  })
  const drained = once(output, 'close')
  next()

  const why = await ended
  await Promise.race([drained, setTimeout(300)])
  const errors = `  the process of the tests ended with ${why || 'code 0'}\n`
  const failed = { passed: 0, failed: 1, skipped: [], errors }
  if (file) show(failed, printed)
  else if (why) count('after the last file', failed)
}

function count(file: string, result: FileResult): void {
  total.passed += result.passed
  total.failed += result.failed
  total.skipped += result.skipped.length
  for (const { name, reason } of result.skipped) console.log(`  skipped: ${name} (${reason})`)
  if (result.errors) failures.push(`${file}\n${result.errors}`)
}

function seconds(since: number): string {
  return `${((performance.now() - since) / 1000).toFixed(1)} s`
}

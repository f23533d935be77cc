// The runner's processes: a failure that no test sees is one all the same, and no file changes what the next one finds.

import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { scratch } from './cli/cli.ts'
import { type FileResult, test } from './harness.ts'
import { MARK } from './mark.ts'

const runFiles = fileURLToPath(new URL('./run-files.js', import.meta.url))
const harness = new URL('./harness.js', import.meta.url).href

/** Runs files of these texts in one process: what it says of each, how it ends, and what it says then. */
async function ended(...texts: readonly string[]) {
  const child = fork(runFiles, { stdio: ['ignore', 'pipe', 'pipe', 'ipc'] })
  let [out, err] = ['', '']
  child.stderr!.on('data', (text) => {
    err += text
  })
  const results: FileResult[] = []
  const next = () => {
    const text = texts[results.length]
    if (text === undefined) return child.disconnect()
    const file = join(scratch(), 'file.test.js')
    writeFileSync(file, `import { test } from '${harness}'\n${text}`)
    child.send(pathToFileURL(file).href)
  }
  child.stdout!.on('data', (text) => {
    out += text
    const line = /(.*)\n/.exec(out.slice(out.indexOf(MARK) + MARK.length))
    if (!out.includes(MARK) || !line) return
    out = ''
    results.push(JSON.parse(line[1]))
    next()
  })
  next()
  // Not `close`, which does not come where the channel was disconnected from here.
  const [[code]] = await Promise.all([once(child, 'exit'), once(child.stderr!, 'end')])
  return { results, code, err }
}

test('run: a file without a test is a failure', async () => {
  const { results, code } = await ended('', "test('one', () => {})")
  assert.deepEqual(
    results.map(({ passed, failed, errors }) => [passed, failed, errors]),
    [
      [0, 1, '  has no test\n'],
      [1, 0, ''],
    ],
  )
  assert.equal(code, 0)
})

test('run: what fails when the last file is over ends its process with 1', async () => {
  const late =
    "test('late', () => { setTimeout(() => Promise.reject(new Error('too late')), 300) })"
  const { results, code, err } = await ended(late)
  assert.deepEqual([results[0].passed, results[0].failed], [1, 0])
  assert.equal(code, 1)
  assert.match(err, /outside any test: Error: too late/)
})

test('run: what a file makes of the environment ends with it', async () => {
  const { results } = await ended(
    "process.env.ATROUS_NEW = 'x'; process.env.ATROUS_TUNING = 'x'; test('one', () => {})",
    "test('two', () => { throw new Error(process.env.ATROUS_NEW + process.env.ATROUS_TUNING) })",
  )
  assert.match(results[1].errors, /undefined(shipped|cached)/)
})

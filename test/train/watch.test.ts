// Watching a run: the page follows its files, and nobody gets at others.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { appendFileSync, mkdtempSync, renameSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { writePng } from '../../train/pictures/images.ts'
import { createRun, type RunFolder } from '../../train/runs/folder.ts'
import { MetricsTail } from '../../train/runs/metrics-tail.ts'
import { watchRun } from '../../train/runs/watch-server.ts'
import { openBrowser } from '../browser.ts'
import { test } from '../harness.ts'

async function newRun(): Promise<RunFolder> {
  const run = await createRun('a', { root: mkdtempSync(join(tmpdir(), 'atrous-test-')) })
  await run.writeConfig({ recipe: { secret: 'not for others' } })
  for (let step = 1; step <= 3; step++) run.appendMetrics({ step, loss: 1 / step })
  return run
}

const line = (step: number) => `${JSON.stringify({ step, loss: 1 })}\n`

test('watch: metrics are followed through half lines, a resumed run, and no file at all', async () => {
  const file = join(mkdtempSync(join(tmpdir(), 'atrous-test-')), 'metrics.jsonl')
  const tail = new MetricsTail(file)
  const steps = () => tail.records.map(({ step }) => step)
  assert.equal(await tail.read(), false)
  writeFileSync(file, line(1) + line(2).slice(0, 5))
  assert.equal(await tail.read(), true)
  assert.deepEqual(steps(), [1])
  appendFileSync(file, `${line(2).slice(5)}nonsense\n${line(3)}`)
  await tail.read()
  assert.deepEqual(steps(), [1, 2, 3])
  assert.equal(await tail.read(), false)
  // As a resumed run replaces it: another file, here of the same length.
  writeFileSync(`${file}.new`, (line(1) + line(2) + line(7)).padEnd(line(1).length * 3 + 9, '\n'))
  renameSync(`${file}.new`, file)
  assert.equal(await tail.read(), true)
  assert.deepEqual(steps(), [1, 2, 7])
  writeFileSync(file, line(1))
  await tail.read()
  assert.deepEqual(steps(), [1])
})

interface Answer {
  readonly code: number
  readonly body: string
}

/** A request as it is written, without a client's tidying of its path. */
function ask(url: string, path: string, options: object = {}): Promise<Answer> {
  const { hostname, port } = new URL(url)
  return new Promise((resolve, reject) => {
    const asked = request({ hostname, port, path, ...options }, (response) => {
      let body = ''
      response.on('data', (data) => {
        body += data
      })
      response.on('end', () => resolve({ code: response.statusCode!, body }))
    })
    asked.on('error', reject)
    asked.end()
  })
}

test('watch: only the page and the samples are served, only here, and only to this host', async () => {
  const run = await newRun()
  await writePng(run.path('samples/step-000003.png'), {
    data: new Uint8Array(3),
    height: 1,
    width: 1,
  })
  writeFileSync(run.path('samples/notes.txt'), 'not for others')
  const watched = await watchRun(run)
  try {
    const { url } = watched
    assert.match(url, /^http:\/\/127\.0\.0\.1:\d+\/$/)
    const page = await ask(url, '/')
    assert.equal(page.code, 200)
    assert.match(page.body, /<h1>a-1<\/h1>/)
    assert.match(page.body, /src="\/samples\/step-000003\.png"/)
    assert.equal((await ask(url, '/samples/step-000003.png')).code, 200)
    for (const path of [
      '/config.json',
      '/samples/../config.json',
      '/samples/%2e%2e/config.json',
      '/samples/..%2fconfig.json',
      '/samples/step-000003.png/../../config.json',
      '/samples/notes.txt',
      '/samples/step-000009.png',
      '//etc/passwd',
      '/../../../../etc/passwd',
      '/samples\\..\\config.json',
    ]) {
      const { code, body } = await ask(url, path)
      assert.ok(code === 404 || code === 400, `${path}: ${code}`)
      assert.doesNotMatch(body, /not for others|root:/)
    }
    assert.equal((await ask(url, '/', { headers: { host: 'evil.example' } })).code, 403)
    assert.equal((await ask(url, '/main', { headers: { host: 'evil.example:80' } })).code, 403)
    assert.equal((await ask(url, '/', { method: 'POST' })).code, 405)
    const port = Number(new URL(url).port)
    await assert.rejects(watchRun(run, { port }), new RegExp(`port ${port} is in use\n {2}hint: `))
    for (const none of [65_536, -1, 80.5])
      await assert.rejects(watchRun(run, { port: none }), /port \S+ is none: they end at 65535/)
  } finally {
    await watched.close()
  }
})

test('watch: a page follows the run, and says when the program has gone', follows, { timeout: 300 })

async function follows(): Promise<void> {
  const run = await newRun()
  const watched = await watchRun(run, { every: 50 })
  const browser = await openBrowser()
  try {
    const { page } = browser
    await page.goto(watched.url)
    const shows = (text: string) => page.getByText(text).first().waitFor({ timeout: 60_000 })
    await shows('0.3333')
    run.appendMetrics({ step: 4, loss: 0.125 })
    await shows('0.125')
    run.appendMetrics({ step: 4, validation: { score: 0.5, scoreName: 'mean IoU', ious: {} } })
    await shows('All 1 validations')
    await page.getByText('All 1 validations').click()
    // As a run that goes on from its checkpoint after step 2.
    await run.truncateMetrics(2)
    await shows('last loss')
    await page.getByText('All 1 validations').waitFor({ state: 'detached', timeout: 60_000 })
    assert.deepEqual(browser.errors, [])
    await watched.close()
    await shows('has ended')
  } finally {
    await browser.close()
    await watched.close()
  }
}

test('watch: the command ends at Ctrl-C', async () => {
  const run = await newRun()
  const program = join(dirname(fileURLToPath(import.meta.url)), '../../apps/cli/main.js')
  const child = spawn(process.execPath, [program, 'watch', run.folder])
  const code = await new Promise((resolve) => {
    child.stdout.on('data', async (data) => {
      const url = /http:\S+/.exec(`${data}`)![0]
      // A page that listens must not keep it from ending.
      const events = await fetch(`${url}events`)
      assert.equal(events.headers.get('content-type'), 'text/event-stream')
      events.text().catch(() => {})
      child.kill('SIGINT')
    })
    child.on('exit', resolve)
  })
  assert.equal(code, 0)
})

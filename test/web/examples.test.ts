// The examples, opened from the package as npm packs it: what a page needs is in there, and nothing else is asked for.

import { execFile } from 'node:child_process'
import { rmSync } from 'node:fs'
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import * as assert from 'uvu/assert'
import { openBrowser } from '../browser.ts'
import { repository, test } from '../harness.ts'

const run = promisify(execFile)
const dist = join(dirname(fileURLToPath(import.meta.url)), '..', '..')
const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm'
const shell = process.platform === 'win32'

let packed: Promise<string> | undefined

/** A folder with `package`, as the packed archive unpacks, and the archive itself as `atrous.tgz`. */
function packedFolder(): Promise<string> {
  packed ??= pack()
  return packed
}

async function pack(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'atrous-pack-'))
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  const whole = join(folder, 'whole')
  // The built files beside this test, which need not be those in dist.
  for (const name of ['package.json', 'README.md', 'LICENSE', 'apps/examples'])
    await cp(join(repository, name), join(whole, name), { recursive: true })
  // As who has tried the example leaves it.
  for (const name of ['node_modules/other/index.js', 'dist/index.html', 'package-lock.json']) {
    const file = join(whole, 'apps/examples/vite', name)
    await mkdir(dirname(file), { recursive: true })
    await writeFile(file, '{}')
  }
  for (const name of ['apps', 'bench', 'engine', 'models', 'nn', 'shaders', 'test', 'train'])
    await cp(join(dist, name), join(whole, 'dist', name), { recursive: true })
  // They are built already.
  const args = ['pack', '--json', '--ignore-scripts', '--pack-destination', folder]
  const { stdout } = await run(npm, args, { cwd: whole, shell })
  const [{ filename, size }] = JSON.parse(stdout) as { filename: string; size: number }[]
  process.stdout.write(`package ${(size / 1024).toFixed(0)} KiB `)
  await cp(join(folder, filename), join(folder, 'atrous.tgz'))
  await run('tar', ['xzf', 'atrous.tgz'], { cwd: folder })
  await rm(whole, { recursive: true })
  return folder
}

/** Opens a page of a folder, waits until its result reads so, and fails on errors and foreign requests. */
async function opened(folder: string, path: string, result: RegExp): Promise<string> {
  const asked: string[] = []
  const browser = await openBrowser({ folder, path, onRequest: (url) => asked.push(url) })
  try {
    const { page, errors } = browser
    const place = page.locator('#result')
    await place.filter({ hasText: result }).waitFor({ timeout: 100_000 })
    assert.equal(errors, [])
    const { origin } = new URL(page.url())
    assert.equal(
      asked.filter((url) => !url.startsWith(origin) && !/^(data|blob):/.test(url)),
      [],
    )
    return (await place.textContent()) ?? ''
  } finally {
    await browser.close()
  }
}

const page = async (name: string, result: RegExp) =>
  opened(join(await packedFolder(), 'package'), `apps/examples/${name}`, result)

test('examples: the package has what pages and Node need, and no tests, benchmarks or pages', async () => {
  const folder = join(await packedFolder(), 'package')
  const files = (await readdir(folder, { recursive: true })).map((f) => f.replaceAll('\\', '/'))
  const { exports } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'))
  for (const path of JSON.stringify(exports).matchAll(/"\.\/(dist\/[^"]+)"/g))
    assert.ok(files.includes(path[1]), path[1])
  assert.ok(files.includes('apps/examples/script.html'))
  const own = /^dist\/(test|bench)|^dist\/apps\/(?!cli)|\.tsbuildinfo$|\.tsx?$/
  const tried = /\/vite\/(node_modules|dist|package-lock)/
  const foreign = files.filter((f) => own.test(f) || tried.test(f))
  assert.equal(
    foreign.filter((f) => !f.endsWith('.d.ts')),
    [],
  )
})

test('examples: a script that imports by relative URL', async () => {
  assert.match(await page('script.html', /^Found/), /w = (2\.0|1\.9)\d, b = (1\.0|0\.9)\d/)
})

test('examples: an import map', async () => {
  const right = await page('import-map.html', /of the pixels are right/)
  assert.ok(Number.parseFloat(right) > 90, right)
})

test('examples: a worker', async () => {
  // Whichever step it is at when it is looked at.
  assert.match(await page('worker.html', /^Step \d+ of 30/), /loss \d\.\d{3}$/)
})

test(
  'examples: a Vite project, built from the packed package',
  async () => {
    const packed = await packedFolder()
    const folder = join(packed, 'with-vite')
    await cp(join(packed, 'package', 'apps', 'examples', 'vite'), folder, { recursive: true })
    const file = join(folder, 'package.json')
    const own = JSON.parse(await readFile(file, 'utf8'))
    own.dependencies.atrous = 'file:../atrous.tgz'
    await writeFile(file, JSON.stringify(own))
    // Node's own dependencies have nothing to do here.
    const install = ['install', '--no-audit', '--no-fund', '--ignore-scripts', '--loglevel=error']
    await run(npm, install, { cwd: folder, shell })
    const { stdout } = await run(npm, ['run', 'build'], { cwd: folder, shell })
    assert.not.match(stdout, /externalized for browser/)
    const result = await opened(join(folder, 'dist'), 'index.html', /^Found/)
    assert.match(result, /w = (2\.0|1\.9)\d, b = (1\.0|0\.9)\d/)
  },
  { slow: true, timeout: 300 },
)

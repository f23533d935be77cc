// The walk in docs/ cannot go stale: every `js` block runs and prints what the `text` block after it shows, every
// `ts quote <file>` block still stands in that file, and docs/ops.md is what the ops say of themselves.
//   node dist/test/run.js docs --write      puts what is printed now into the pages

import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { format } from 'node:util'
import * as assert from 'uvu/assert'
import { testDevice } from './device.ts'
import { repository, test } from './harness.ts'
import { opsPage } from './ops-page.ts'

const docs = join(repository, 'docs')
const write = process.argv.includes('--write')
const pages = (await readdir(docs)).filter((name) => name.endsWith('.md')).sort()

for (const page of pages) {
  test(`docs: ${page} quotes what stands in the files`, () => checkQuotes(page))
  test(`docs: ${page} has lines of fair length and links that lead somewhere`, () =>
    checkLayout(page))
  if (/^\d/.test(page)) test(`docs: ${page} prints what it shows`, () => checkOutput(page))
}

test('docs: ops.md is what the ops say of themselves', async () => {
  const file = join(docs, 'ops.md')
  if (write) await writeFile(file, opsPage())
  assert.equal(opsPage().split('\n'), (await readFile(file, 'utf8')).split('\n'))
})

// ---- pages

interface Fence {
  /** What follows the backticks: `js`, `text`, `ts quote engine/grad.ts`. */
  readonly info: string
  /** Lines of the page, counted from 0: the opening fence, and the closing one. */
  readonly open: number
  readonly close: number
  readonly lines: readonly string[]
}

const linesOf = async (page: string) => (await readFile(join(docs, page), 'utf8')).split('\n')

function fencesOf(lines: readonly string[]): Fence[] {
  const fences: Fence[] = []
  for (let open = 0; open < lines.length; open++) {
    if (!lines[open].startsWith('```')) continue
    const close = lines.indexOf('```', open + 1)
    if (close < 0) throw new Error(`line ${open + 1}: a block that does not end`)
    fences.push({ info: lines[open].slice(3), open, close, lines: lines.slice(open + 1, close) })
    open = close
  }
  return fences
}

// ---- output

async function checkOutput(page: string): Promise<void> {
  const lines = await linesOf(page)
  const fences = fencesOf(lines)
  if (lines.some((line) => line.includes('openDevice('))) await testDevice()
  const printed = await run(page, lines, fences)
  const changes = new Map<Fence, readonly string[]>()
  for (const [i, fence] of fences.entries()) {
    if (fence.info !== 'js') continue
    const out = printed.get(i) ?? []
    const shown = fences[i + 1]?.info === 'text' ? fences[i + 1] : undefined
    const where = `${page}:${fence.open + 1}`
    if (!shown) assert.equal(out, [], `${where} prints, and no text block follows`)
    else if (!matches(shown.lines, out, similar)) {
      if (write && !shown.lines.includes('…')) changes.set(shown, out)
      else assert.equal(out, shown.lines, `${where} prints something else`)
    }
  }
  if (!changes.size) return
  for (const [fence, out] of [...changes].reverse())
    lines.splice(fence.open + 1, fence.lines.length, ...out)
  await writeFile(join(docs, page), lines.join('\n'))
}

/** What each js block of a page printed, by the number of its fence. The page runs as one module whose lines have the
 * numbers that they have in the page, so that a stack trace points there. */
async function run(
  page: string,
  lines: readonly string[],
  fences: readonly Fence[],
): Promise<Map<number, string[]>> {
  const code = lines.map(() => '')
  fences.forEach((fence, i) => {
    if (fence.info !== 'js') return
    code[fence.open] = `startBlock(${i})`
    for (let n = fence.open + 1; n < fence.close; n++) code[n] = lines[n]
  })
  // Beside this file, so that the package's own name leads to the files of the same build.
  const folder = join(dirname(fileURLToPath(import.meta.url)), 'docs-pages')
  await mkdir(folder, { recursive: true })
  const file = join(folder, `${page}.mjs`)
  await writeFile(file, code.join('\n'))

  const printed = new Map<number, string[]>()
  let block: string[] = []
  const { log } = console
  const startBlock = (i: number) => {
    block = []
    printed.set(i, block)
  }
  Object.assign(globalThis, { startBlock })
  console.log = (...args: unknown[]) => {
    block.push(...format(...args).split('\n'))
  }
  try {
    await import(`${pathToFileURL(file).href}?${Date.now()}`)
  } finally {
    console.log = log
    Reflect.deleteProperty(globalThis, 'startBlock')
  }
  for (const [i, out] of printed)
    printed.set(
      i,
      out.map((line) => line.trimEnd()),
    )
  return printed
}

/** Whether lines are what is expected, where a line `…` stands for any number of lines. */
function matches(
  expected: readonly string[],
  lines: readonly string[],
  same: (expected: string, line: string) => boolean,
): boolean {
  const [first, ...rest] = expected
  if (first === undefined) return lines.length === 0
  if (first === '…')
    return Array.from({ length: lines.length + 1 }, (_, i) => i).some((i) =>
      matches(rest, lines.slice(i), same),
    )
  return lines.length > 0 && same(first, lines[0]) && matches(rest, lines.slice(1), same)
}

const decimal = /-?\d+\.\d+(e[+-]?\d+)?/g
/** Adapters differ in the last digits: numbers with a decimal point agree to three, all else is compared as it is.
 * A line that names the adapter is any adapter's. */
function similar(expected: string, line: string): boolean {
  const plain = (s: string) => s.replace(decimal, '#').replace(/\s+/g, ' ').trim()
  const numbers = (s: string) => (s.match(decimal) ?? []).map(Number)
  if (expected.startsWith('adapter: ')) return line.startsWith('adapter: ')
  const found = numbers(line)
  return (
    plain(expected) === plain(line) &&
    numbers(expected).every((x, i) => Math.abs(x - found[i]) <= 1e-3 * Math.abs(x) + 1e-6)
  )
}

// ---- quotes and layout

async function checkQuotes(page: string): Promise<void> {
  for (const { info, open, lines } of fencesOf(await linesOf(page))) {
    const file = /^(?:ts|js|html) quote (\S+)$/.exec(info)?.[1]
    if (!file) continue
    const source = (await readFile(join(repository, file), 'utf8')).split('\n')
    const same = (a: string, b: string) => a.trim() === b.trim()
    const found = matches(['…', ...lines, '…'], source, same)
    assert.ok(found, `${page}:${open + 1}: these lines do not stand in ${file}`)
  }
}

async function checkLayout(page: string): Promise<void> {
  const lines = await linesOf(page)
  const fences = fencesOf(lines)
  lines.forEach((line, i) => {
    const fence = fences.find((f) => i >= f.open && i <= f.close)
    // What is printed or quoted is as long as it is, and so are tables.
    if (line.startsWith('|') || (fence && fence.info !== 'js')) return
    assert.ok(line.length <= (fence ? 100 : 110), `${page}:${i + 1} is too long`)
    if (fence) return
    for (const [, to] of line.matchAll(/\]\(([^)#]+)[^)]*\)/g))
      assert.ok(/^https?:/.test(to) || existsSync(join(docs, to)), `${page}:${i + 1}: no ${to}`)
  })
}

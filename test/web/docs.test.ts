// docs/10-browser.md runs in a page: its `js page` blocks, in order, are one module there, and print what the `text` blocks
// after them show.
//   node dist/test/run.js web/docs --write      puts what is printed now into the page

import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { openBrowser } from '../browser.ts'
import { repository, test } from '../harness.ts'

const file = join(repository, 'docs', '10-browser.md')
const write = process.argv.includes('--write')

/** A block, and the text after it. */
const pairs = /(```js page\n)(.*?)(```\n\n```text\n)(.*?)(?=```\n)/gs

/** The package's names, as its exports have them. */
const imports = {
  atrous: '/engine/index.js',
  'atrous/nn': '/nn/index.js',
  'atrous/models': '/models/index.js',
  'atrous/train': '/train/index.js',
}

test('web docs: the page about browsers prints in a browser what it shows', async () => {
  const text = await readFile(file, 'utf8')
  const blocks = [...text.matchAll(pairs)]
  assert.is(blocks.length, text.split('```js page').length - 1, 'every block shows what it prints')
  const printed = await runInPage(blocks.map(([, , code]) => code))
  if (write) {
    let next = 0
    const now = text.replace(pairs, (_, open, code, between) => {
      return open + code + between + printed[next++]
    })
    await writeFile(file, now)
  }
  printed.forEach((lines, i) => {
    if (!write) assert.is(withoutAdapter(lines), withoutAdapter(blocks[i][4]), `block ${i + 1}`)
  })
})

/** A line that names the adapter is any adapter's. */
const withoutAdapter = (lines: string) => lines.replace(/^adapter: .*$/gm, 'adapter: …')

/** What each block wrote to the console. */
async function runInPage(blocks: readonly string[]): Promise<string[]> {
  const browser = await openBrowser()
  try {
    const code = blocks.map((block, i) => `startBlock(${i})\n${block}`).join('\n')
    const printed = await browser.page.evaluate(
      async ([map, code, count]) => {
        const printed = Array.from({ length: count }, () => '')
        let block = 0
        const show = (value: unknown): string => {
          if (typeof value === 'string') return value
          const list = Array.isArray(value) || ArrayBuffer.isView(value)
          return list ? `[${Array.from(value as number[], show).join(', ')}]` : String(value)
        }
        console.log = (...args: unknown[]) => {
          printed[block] += `${args.map(show).join(' ')}\n`
        }
        Object.assign(globalThis, {
          startBlock: (i: number) => {
            block = i
          },
        })
        const script = document.createElement('script')
        script.type = 'importmap'
        script.textContent = map
        document.head.append(script)
        const url = URL.createObjectURL(new Blob([code], { type: 'text/javascript' }))
        // As text, since the compiler would wrap a computed import in a helper that no page has.
        await new Function('url', 'return import(url)')(url)
        return printed
      },
      [JSON.stringify({ imports }), code, blocks.length] as const,
    )
    assert.equal(browser.errors, [])
    return printed
  } finally {
    await browser.close()
  }
}

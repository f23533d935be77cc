// What a person drops, as a browser tells it: files, folders, and several of both at once.

import * as assert from 'uvu/assert'
import { droppedFiles } from '../../apps/web/ui/dropped-files.ts'
import { test } from '../harness.ts'

/** Folders are objects of what is in them; other values stand for files. */
type Tree = { readonly [name: string]: Tree | string }

/** The entry of one name, whose folders give what is in them two at a time. */
function entryOf(name: string, inside: Tree | string): object {
  if (typeof inside === 'string') {
    const file = (resolve: (file: File) => void) => resolve(new File([inside], name))
    return { name, isFile: true, isDirectory: false, file }
  }
  const rest = Object.entries(inside).map(([inner, of]) => entryOf(inner, of))
  const readEntries = (resolve: (some: object[]) => void) => resolve(rest.splice(0, 2))
  return { name, isFile: false, isDirectory: true, createReader: () => ({ readEntries }) }
}

async function paths(tree: Tree): Promise<string[]> {
  const all = Object.entries(tree)
  const items = all.map(([name, inside]) => ({ webkitGetAsEntry: () => entryOf(name, inside) }))
  const files = all.map(([name]) => new File([], name))
  const found = await droppedFiles({ items, files } as never)
  return found.map(({ path }) => path)
}

test('dropped files: what lies in folders has all their names in its path, a single folder’s too', async () => {
  const images = { '1.png': 'a', '2.png': 'b', '3.png': 'c' }
  const labels = { train: { '1.png': 'd' } }
  const inside = ['images/1.png', 'images/2.png', 'images/3.png', 'labels/train/1.png']
  const all = [...inside, 'classes.txt']
  assert.equal(await paths({ images, labels, 'classes.txt': 'e' }), all)
  const root = await paths({ mine: { images, labels, 'classes.txt': 'e' } })
  assert.equal(
    root,
    all.map((path) => `mine/${path}`),
  )
  assert.equal(await paths({ 'a.png': 'a', 'b.png': 'b' }), ['a.png', 'b.png'])
})

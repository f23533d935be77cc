// The Train page with a folder of one's own: whole, and broken in each of the ways that folders are.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { writeLabelsPng, writePng } from '../../train/pictures/images.ts'
import { streetScenes } from '../../train/scenes/street.ts'
import { png } from '../data/png.ts'
import { test } from '../harness.ts'
import { withApp } from './app.ts'
import { least, long, press, until } from './train-page.ts'

/** A folder of drawn streets as somebody would bring it, `spoil`ed. */
async function folder(spoil: (root: string) => unknown = () => {}): Promise<string> {
  const root = mkdtempSync(join(tmpdir(), 'atrous-folder-'))
  process.once('exit', () => rmSync(root, { recursive: true, force: true }))
  const scenes = streetScenes({ height: 40, width: 60 })
  for (let i = 0; i < 10; i++) {
    const { image, labels, height, width } = await scenes.get(i)
    await writePng(join(root, `images/${i}.png`), { data: image, height, width })
    await writeLabelsPng(join(root, `labels/${i}.png`), labels, height, width)
  }
  writeFileSync(
    join(root, 'classes.txt'),
    scenes.classes.map(({ name, colour }) => `${name} ${colour.join(' ')}`).join('\n'),
  )
  await spoil(root)
  return root
}

test(
  'train page: a folder of one’s own is looked through and learned from; broken ones are refused by file',
  () =>
    withApp('train', async (app) => {
      const { page } = app
      await page.getByRole('combobox', { name: /^Learn from/ }).selectOption('folder')
      const drop = async (root: string) => {
        await page.getByLabel('Drop a folder, or choose one').first().setInputFiles(root)
      }
      const refused = async (root: string, words: RegExp) => {
        await drop(root)
        const box = page.getByRole('alert')
        await box.waitFor({ timeout: long })
        assert.match((await box.textContent()) ?? '', words)
        await press(app, 'Close this message')
        assert.ok(await page.getByRole('button', { name: 'Start', exact: true }).isDisabled())
      }
      const rgb = Array.from({ length: 40 * 60 * 3 }, (_, i) => [108, 168, 220][i % 3])
      const write = (name: string, bytes: Uint8Array) => (root: string) =>
        writeFileSync(join(root, name), bytes)
      await refused(
        await folder(write('labels/3.png', png(rgb, 40, 180, 8, 2))),
        /labels\/3\.png: is a RGB PNG, but labels are class indices.*#6ca8dc is 0, sky/,
      )
      await app.shot('train-refused')
      await refused(
        await folder(write('labels/4.png', png(Array(2400).fill(9), 40, 60, 8, 0))),
        /labels\/4\.png: has label 9 at row 0, column 0, which is no class.*classes are 0\.\.7/,
      )
      await refused(
        await folder((root) => rmSync(join(root, 'labels/5.png'))),
        /images\/5\.png: has no label labels\/5\.png/,
      )
      await refused(
        await folder((root) => rmSync(join(root, 'classes.txt'))),
        /classes\.txt: does not exist/,
      )

      await drop(await folder())
      await until(app, /9 images to learn from and 1 held out, 40×60/)
      await least(app, { Steps: '6', 'Look every': '3' })
      await press(app, 'Start')
      await until(app, /Done: 6 steps/)
      await app.shot('train-folder')
    }),
  { timeout: 1200 },
)

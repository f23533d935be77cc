// The Bench page as a person uses it, on the smallest sizes.

import { readFile } from 'node:fs/promises'
import * as assert from 'uvu/assert'
import type { Saved } from '../../apps/web/bench/messages.ts'
import { isMeasured } from '../../bench/suite/measure.ts'
import { movedLines } from '../../bench/suite/report.ts'
import { test } from '../harness.ts'
import { type App, fitsItsWidth, withApp } from './app.ts'

const done = { timeout: 110_000 }

/** Presses a button and waits until what it began has ended as `ends` says. */
async function press({ page }: App, name: string, ends: RegExp): Promise<void> {
  await page.getByRole('button', { name }).click()
  await page.getByRole('button', { name: 'Cancel' }).waitFor(done)
  await page.getByText(ends).waitFor(done)
}

async function choose({ page }: App, kernels: string, sizes: string): Promise<void> {
  await page.getByRole('combobox', { name: 'Kernels' }).selectOption({ label: kernels })
  await page.getByRole('combobox', { name: 'Sizes' }).selectOption({ label: sizes })
}

test('web bench: kernels are measured, drawn under the roof, tuned, and saved as a file that says all', () =>
  withApp('bench', async (app) => {
    const { page } = app
    await choose(app, 'Only pooling', '1/16 of the papers’ sides')
    await press(app, 'Run', /^Done in/)
    const points = page.locator('.roofline .point')
    // Max-pooling alone only moves and compares.
    assert.is(await points.count(), 3)
    await page.getByRole('button', { name: /^max-pool 2×2 1×16×32×48$/ }).focus()
    await page.getByText(/max-pool .* GFLOP\/s, .* of the ceiling/).waitFor()
    await page.getByText('A software adapter: these').waitFor()

    await choose(app, 'Only matmul', '1/16 of the papers’ sides')
    await press(app, 'Run', /^Done in/)
    assert.is(await points.count(), 2)
    await page.getByRole('slider', { name: 'Seconds for each' }).fill('5')
    await press(app, 'Tune matmul 256·64·256', /^Done in/)
    await page.getByRole('heading', { name: 'Tuned' }).waitFor()
    await page.evaluate('scrollTo(0, 0)')
    await app.shot('bench-tuned')

    const [file] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: 'Download JSON' }).click(),
    ])
    assert.match(file.suggestedFilename(), /^atrous-bench-.*\.json$/)
    checkSaved(JSON.parse(await readFile((await file.path())!, 'utf8')) as Saved)
  }))

function checkSaved(saved: Saved): void {
  assert.is(saved.format, 'atrous-bench')
  assert.is(saved.share, 1 / 16)
  assert.match(saved.adapter, /SwiftShader/i)
  assert.ok(saved.software)
  assert.match(saved.browser, /Chrome/)
  assert.ok(Date.now() - Date.parse(saved.made) < 600_000)
  assert.ok(saved.timer.wallStep > 0 && saved.timer.roundTrip > 0)
  assert.ok(saved.ceilings.flopsPerSecond > 1e7 && saved.ceilings.bytesPerSecond > 1e7)
  assert.is(saved.results.length, 2)
  for (const r of saved.results) {
    if (!isMeasured(r)) throw new Error(r.problem)
    assert.ok(r.ms > 0 && r.rounds >= 3 && r.error < 1e-4 && r.flops > 0 && r.bytes > 0, r.name)
    assert.match(r.schedule, /^conv /)
    // Two times what the ceilings allow would be a wrong clock.
    assert.ok(r.share > 0.01 && r.share < 2, `${r.name}: ${r.share}`)
  }
  const [{ before, after, classes }] = saved.tuned
  assert.is(before.name, 'matmul 256·64·256')
  assert.ok(isMeasured(after) && classes.length === 1)
  assert.ok(classes[0].tried > 1 && classes[0].usualMs > 0 && classes[0].tileMs > 0)
  assert.match(movedLines(saved, saved).join('\n'), /of 2 in both runs none moved/)
}

test('web bench: at phone width it fits, and a run that is cancelled keeps what it has', () =>
  withApp(
    'bench',
    async (app) => {
      const { page } = app
      await page.emulateMedia({ colorScheme: 'dark' })
      await choose(app, 'Two of each family', '1/16 of the papers’ sides')
      // While the adapter is opened, too.
      await page.getByRole('button', { name: 'Run' }).click()
      await page.getByRole('button', { name: 'Cancel' }).click()
      await page.getByText(/^Cancelled after/).waitFor(done)
      assert.is(await page.locator('.bench-table').count(), 0)
      await page.getByRole('button', { name: 'Run' }).click()
      await page.locator('.bench-table .f0 ~ tr').first().waitFor(done)
      await page.getByRole('button', { name: 'Cancel' }).click()
      await page.getByText(/^Cancelled after/).waitFor(done)
      const rows = await page.locator('.bench-table tbody tr:not(.bench-family)').count()
      assert.ok(rows >= 1 && rows < 20, `${rows} rows`)
      await fitsItsWidth(app)
      await app.shot('bench-phone-dark')
    },
    { width: 375, height: 720 },
  ))

test(
  'web bench: a quick run takes less than a minute on SwiftShader',
  () =>
    withApp('bench', async (app) => {
      const { page } = app
      await page.getByRole('button', { name: 'Run' }).click()
      await page.getByText(/^Done in/).waitFor({ timeout: 300_000 })
      await app.shot('bench')
      await page.emulateMedia({ colorScheme: 'dark' })
      await app.shot('bench-dark')
      const took = (await page.getByText(/^Done in/).textContent()) ?? ''
      process.stdout.write(`${took} `)
      assert.is(await page.locator('.bench-table .failed').count(), 0)
    }),
  { slow: true, timeout: 320 },
)

// A run's report: what it says of finished, unfinished and older runs, that it needs nothing but itself, and that it fits a phone.

import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { lossCurveSvg } from '../../train/charts/chart.ts'
import { comparedSvg } from '../../train/charts/compare.ts'
import { writePng } from '../../train/pictures/images.ts'
import { panel } from '../../train/pictures/picture.ts'
import type { ReportData } from '../../train/report/data.ts'
import { reportData, writeReport } from '../../train/report/from-run.ts'
import { reportHtml } from '../../train/report/html.ts'
import { createRun, openRun, type RunFolder } from '../../train/runs/folder.ts'
import { Samples } from '../../train/runs/samples.ts'
import { STREET_CLASSES, streetScenes } from '../../train/scenes/street.ts'
import { ConfusionMatrix } from '../../train/scoring/metrics.ts'
import { openBrowser } from '../browser.ts'
import { ran } from '../cli/cli.ts'
import { test } from '../harness.ts'

const empty: ReportData = {
  name: 'a-1',
  state: 'running',
  step: 0,
  loss: [],
  rate: [],
  gradientNorm: [],
  speed: [],
  validations: [],
  scoreName: 'mean IoU',
  examples: [],
  samples: [],
  config: {},
}

const newRun = () => createRun('street', { root: mkdtempSync(join(tmpdir(), 'atrous-test-')) })

/** A run as a session leaves it, or as one of the first version did. */
async function finishedRun(older = false): Promise<RunFolder> {
  const run = await newRun()
  const recipe = {
    data: { kind: 'camvid', folder: '/home/somebody/data/CamVid', height: 48, width: 64 },
    model: { name: 'frrn-a', options: { classes: 8, base: 8, seed: 1 } },
    steps: 40,
  }
  const device = 'a <fast> device'
  const command = "npx atrous train --data '/home/somebody/my data/CamVid' --out /tmp/x/run"
  const code = { version: '0.1.0', commit: 'c0ffee'.repeat(6), dirty: true }
  await run.writeConfig(older ? { recipe, device } : { recipe, device, command, code })
  await run.writeJson('checkpoint.json', { classes: STREET_CLASSES })
  for (let step = 1; step <= 40; step++) {
    run.appendMetrics({ step, loss: 2 / step, lr: 0.01, imagesPerSecond: 20 })
    if (step % 10) continue
    const meanIoU = step / 100
    const ious = Object.fromEntries(STREET_CLASSES.map(({ name }) => [name, meanIoU]))
    const score = older ? {} : { score: meanIoU, scoreName: 'mean IoU' }
    run.appendMetrics({ step, validation: { ...score, meanIoU, pixelAccuracy: 0.5, ious } })
  }
  const scenes = streetScenes({ split: 'val', size: 8, height: 24, width: 32 })
  const confusion = new ConfusionMatrix(STREET_CLASSES)
  const samples = new Samples(scenes, 3)
  const examples: { file: string; name: string; kind: 'worst' | 'best'; score: number }[] = []
  for (let i = 0; i < 8; i++) {
    const example = await scenes.get(i)
    // The car is taken for the road, and nothing else is wrong.
    const prediction = example.labels.map((label) => (label === 6 ? 1 : label))
    confusion.add(example.labels, prediction)
    if (samples.options.examples(i)) samples.options.onExample(example, prediction)
    if (i > 1) continue
    const kind = i ? 'best' : 'worst'
    const file = `overlays/${kind}-1.png`
    await writePng(run.path(file), panel(example, prediction, STREET_CLASSES))
    examples.push({ file, name: example.name, kind, score: 0.5 })
  }
  const pictures = samples.take()!
  for (let step = 5; step <= 50 && !older; step += 5)
    await writePng(run.path(`samples/step-${`${step}`.padStart(6, '0')}.png`), pictures.answers)
  if (!older) await writePng(run.path('samples/truth.png'), pictures.truth)
  await run.writeJson('scores.json', {
    ...{ split: 'test', images: 8, step: 40, scores: confusion.scores() },
    baseline: confusion.constant().scores(),
    ...(!older && { confusion: [...confusion.counts], examples }),
  })
  if (!older)
    await run.writeState({
      ...{ state: 'finished', step: 40, of: 40, seconds: 90, parameters: 12_345 },
      best: { step: 40, score: 0.4 },
    })
  return run
}

/** What a page says, without how it looks. */
const said = (html: string) => /<main>.*<\/main>/s.exec(html)![0]

/** Whatever a page would fetch. */
const outside = (html: string) =>
  [...html.matchAll(/(?:src|href|url\(|@import)[=\s]*["'(]?([^"')\s>]+)/g)]
    .map(([, target]) => target)
    .filter((target) => !target.startsWith('data:'))

test('report: a finished run has all sections, and nothing of where files lie', async () => {
  const run = await finishedRun()
  const file = await writeReport(run)
  const html = readFileSync(file, 'utf8')
  for (const title of [
    'Training',
    'Classes',
    'What is taken for what',
    'Where it fails',
    'Where it succeeds',
    'How it learnt',
    'How to make it again',
  ])
    assert.ok(html.includes(`<h2>${title}</h2>`), title)
  assert.deepEqual(outside(html), [])
  assert.doesNotMatch(html, /somebody|NaN|undefined|Infinity|\/tmp\//)
  assert.match(html, /a &lt;fast&gt; device/)
  assert.match(html, /atrous 0\.1\.0, commit c0ffeec0ffee with changes/)
  const data = await reportData(run)
  assert.equal(data.state, 'finished')
  assert.equal(data.command, "npx atrous train --data '…/my data/CamVid' --out …/run")
  assert.deepEqual(
    data.examples.map(({ kind, parts }) => [kind, parts.map(({ caption }) => caption)]),
    ['worst', 'best'].map((kind) => [kind, ['input', 'truth', 'prediction', 'errors']]),
  )
  // Eight of ten, from the first to the last.
  assert.deepEqual(
    data.samples.map(({ step }) => step),
    [5, 10, 20, 25, 30, 35, 45, 50],
  )
  assert.match(html, /of car <span>taken for<\/span> road/)
})

test('report: a run of an older version, and one that has only begun', async () => {
  const older = await finishedRun(true)
  const data = await reportData(older)
  assert.deepEqual([data.state, data.step, data.validations.length], ['finished', 40, 4])
  assert.equal(data.examples.length, 2)
  const html = reportHtml(data)
  assert.doesNotMatch(html, /NaN|undefined|What is taken for what/)
  assert.match(html, /The command was not recorded/)

  const begun = await newRun()
  await begun.writeConfig({})
  assert.doesNotMatch(said(reportHtml(await reportData(begun))), /NaN|undefined|null/)
  begun.appendMetrics({ step: 1, loss: 3 })
  writeFileSync(begun.path('state.json'), '{"state":')
  const page = reportHtml(await reportData(begun))
  assert.match(page, /badge stopped/)
  assert.match(page, /<dd>3<\/dd>|last loss/)
})

test('report: a run that was killed says so, and one that failed says why', async () => {
  const run = await newRun()
  await run.writeConfig({})
  await run.writeState({ state: 'running', step: 7, seconds: 3 })
  assert.match(reportHtml(await reportData(run)), /badge stopped.*it was killed/)
  {
    using _ = await run.hold()
    assert.match(reportHtml(await reportData(run)), /badge running/)
  }
  await run.writeState({ state: 'failed', step: 7, seconds: 3, message: 'the loss is <NaN>' })
  assert.match(reportHtml(await reportData(run)), /badge failed.*the loss is &lt;NaN&gt;/)
})

test('report: a run of half a million steps is as small as any, and its peaks are there', () => {
  const loss = Array.from({ length: 500_000 }, (_, i) => ({ step: i + 1, value: 1 + (i % 2) / 10 }))
  // Within what the axis shows, and alone.
  loss[300_000] = { step: 300_001, value: 0.25 }
  const html = reportHtml({ ...empty, loss, rate: loss, step: 500_000 })
  assert.ok(html.length < 150_000, `${html.length}`)
  const lowest = (part: string) => Math.max(...[...part.matchAll(/,([\d.]+)/g)].map(([, y]) => +y))
  const raw = /class="raw" points="([^"]*)"/.exec(html)![1]
  const mean = /class="line" points="([^"]*)"/.exec(html)![1]
  assert.ok(lowest(raw) > 75 && lowest(mean) < 20, `${lowest(raw)}, ${lowest(mean)}`)
  const curves = { name: 'a', loss, score: [] }
  for (const svg of [lossCurveSvg({ title: '', loss }), comparedSvg([curves, curves], 'score')])
    assert.ok(svg.length < 200_000 && !svg.includes('NaN'), `${svg.length}`)
})

test('report: names are text, whatever they hold', () => {
  const nasty = `</script><script>alert("x")</script>'&`
  const html = reportHtml({
    ...empty,
    ...{
      name: nasty,
      network: nasty,
      data: nasty,
      stateNote: nasty,
      device: nasty,
      command: nasty,
    },
    scoreName: nasty,
    validations: [{ step: 1, score: 0.5, figures: { [nasty]: 1 } }],
    result: {
      split: nasty,
      step: 1,
      figures: [[nasty, 0.5]],
      perClass: [
        { name: nasty, iou: 0.5 },
        { name: 'b', iou: null },
      ],
      confusion: [1, 2, 3, 4],
    },
    examples: [{ name: nasty, kind: 'best', parts: [{ caption: nasty, src: nasty }] }],
    config: { [nasty]: nasty },
    code: { version: nasty },
  })
  assert.equal(html.match(/<script>/g)?.length, 1)
  assert.doesNotMatch(html, /alert\("x"\)/)
})

test('report: the command writes it into the run or elsewhere, and refuses what is no run', async () => {
  const run = await finishedRun()
  const within = await ran(['report', run.folder])
  assert.deepEqual([within.code, within.out], [0, `${run.path('report.html')}\n`], within.err)
  const out = join(mkdtempSync(join(tmpdir(), 'atrous-test-')), 'a/b.html')
  const elsewhere = await ran(['report', run.folder, '--out', out])
  assert.deepEqual([elsewhere.code, elsewhere.out], [0, `${out}\n`], elsewhere.err)
  assert.equal(readFileSync(out, 'utf8'), readFileSync(run.path('report.html'), 'utf8'))
  assert.match((await ran(['report', tmpdir()])).err, /is not a run/)
})

test('report: in a browser it fetches nothing, fits a phone, and shows values under the pointer', async () => {
  const run = await finishedRun()
  await writeReport(await openRun(run.folder))
  const browser = await openBrowser()
  try {
    const { page } = browser
    const fetched: string[] = []
    page.on('request', (request) => fetched.push(request.url()))
    const url = pathToFileURL(run.path('report.html')).href
    for (const [width, scheme] of [
      [1280, 'light'],
      [360, 'dark'],
    ] as const) {
      await page.setViewportSize({ width, height: 800 })
      await page.emulateMedia({ colorScheme: scheme })
      await page.goto(url)
      const over = await page.evaluate('document.documentElement.scrollWidth - innerWidth')
      assert.ok((over as number) <= 0, `${over} pixels too wide at ${width}`)
      const broken = await page.evaluate(
        '[...document.images].filter((image) => !image.complete || !image.naturalWidth).length',
      )
      assert.equal(broken, 0)
    }
    await page.locator('.plot').first().scrollIntoViewIfNeeded()
    const box = (await page.locator('.plot').first().boundingBox())!
    await page.mouse.move(box.x + box.width - 1, box.y + box.height / 2)
    assert.match((await page.locator('.chart output').textContent())!, /^step 40: 0\.\d+$/)
    await page.mouse.move(1, 1)
    assert.equal(await page.locator('.chart output').count(), 0)
    assert.deepEqual(
      fetched.filter((target) => target !== url && !target.startsWith('data:')),
      [],
    )
    assert.deepEqual(browser.errors, [])
  } finally {
    await browser.close()
  }
})

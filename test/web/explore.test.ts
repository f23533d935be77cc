import * as assert from 'uvu/assert'
import { valuesFor } from '../../apps/web/explore/arguments.ts'
import { examples } from '../../apps/web/explore/examples.ts'
import { type Explored, explored, type Recompute } from '../../apps/web/explore/explored.ts'
import { explain } from '../../engine/explain.ts'
import { defaultCaps, ops } from '../../engine/node.ts'
import { interpret } from '../../engine/reference/index.ts'
import type { Tensor } from '../../engine/tensor.ts'
import { test } from '../harness.ts'
import { type App, fitsItsWidth, withApp } from './app.ts'

const stageNames = ['Trace', 'Differentiate', 'Simplify', 'Fuse', 'Recompute', 'Plan']

/** What the page must show of an example: the same, found in Node. */
const inNode = (name: string, recompute: Recompute = 'cheap'): Explored =>
  explored(examples[name].code, examples[name].inputs, defaultCaps, recompute)

/** Waits for an example's graph, planned for the limits that every device has. */
async function ready({ page }: App): Promise<void> {
  page.setDefaultTimeout(110_000)
  await page.getByRole('heading', { name: 'Graph, stage by stage' }).waitFor()
  await page.getByLabel('Planned for').selectOption('default limits')
  await page.locator('.explore[aria-busy="false"]').waitFor()
}

const stage = ({ page }: App, name: string) =>
  page.getByRole('button', { name: new RegExp(`^${name} ?\\d+ nodes`) })

/** A node of the drawing, as `%3 conv2d`. */
const node = ({ page }: App, name: string) =>
  page.locator('.drawing').getByRole('button', { name: new RegExp(`^${name}(,|$)`) })

const tableBytes = ({ page }: App, row: string) =>
  page
    .getByRole('row', { name: row })
    .locator('[title$=" bytes"]')
    .evaluateAll((cells) =>
      cells.map((cell) => Number((cell as HTMLElement).title.replace(/\D/g, ''))),
    )

test('web explore: the residual block is, stage by stage, what explain gives in Node', () =>
  withApp('explore/residual', async (app) => {
    const { page } = app
    await ready(app)
    const { steps, account, explanation, fn, inputs } = inNode('residual')
    const { stages } = explain(fn, inputs, defaultCaps, { recompute: 'cheap' })
    const graphs = [stages.traced, stages.simplified, stages.fused, stages.recomputed]
    assert.equal(
      steps.slice(1).map(({ graph }) => graph.nodes.length),
      [...graphs, stages.plan.graph].map((graph) => graph.nodes.length),
    )
    const slider = page.getByRole('slider', { name: 'Stage' })
    await slider.focus()
    await page.keyboard.press('Home')
    for (const [i, name] of stageNames.entries()) {
      assert.is(await slider.getAttribute('aria-valuetext'), name)
      const count = steps[i].graph.nodes.length
      assert.is(await stage(app, name).innerText(), `${name}\n${count} nodes`)
      assert.is(await page.locator('.drawing .node').count(), count, name)
      await page.keyboard.press('ArrowRight')
    }

    const kept = inNode('residual', 'none')
    const { plan } = explanation.stages
    assert.equal(await tableBytes(app, 'as chosen'), [
      Math.max(...plan.steps.map((s) => s.live)),
      plan.activationBytes,
      account.peakBytes,
    ])
    assert.equal(await tableBytes(app, 'with everything kept'), [
      Math.max(...kept.explanation.stages.plan.steps.map((s) => s.live)),
      kept.explanation.stages.plan.activationBytes,
      kept.account.peakBytes,
    ])
    assert.ok(account.lowerBound < kept.account.lowerBound)
    const moment = page.getByRole('slider', { name: 'Moment' })
    assert.is(Number(await moment.inputValue()), account.peak!.step)
    const alive = page.getByText(`Alive while kernel ${account.peak!.step},`)
    assert.match(await alive.innerText(), `${account.peak!.values.length} values`)
    const plot = page.getByRole('img', { name: /^Live bytes over/ })
    await plot.click({ position: { x: 62, y: 120 } })
    assert.is(await moment.inputValue(), '0')
    await page.getByRole('button', { name: 'Show this moment in the graph' }).click()
    assert.is(await slider.getAttribute('aria-valuetext'), 'Plan')
    await page.locator('.drawing .mark-here').waitFor()

    const dispatches = plan.steps.flatMap((s) => s.dispatches)
    const list = page.getByRole('list', { name: 'Dispatches' }).getByRole('button')
    assert.is(await list.count(), dispatches.length)
    for (const i of [0, dispatches.length - 1]) {
      await list.nth(i).click()
      const text = await page.locator('.wgsl pre').innerText()
      assert.is(text.trim(), dispatches[i].dispatch.kernel.code.trim())
    }
    await app.shot('explore-residual')
  }))

test('web explore: a backward node names its forward node and the rule that made it, by pointer and by keys', () =>
  withApp('explore/convnorm', async (app) => {
    const { page } = app
    await ready(app)
    const { nodes } = inNode('convnorm').explanation.stages.traced
    const backward = nodes.findIndex((n) => n.op.name === 'conv2dWeightGrad')
    const forward = nodes.findIndex((n) => n.op.name === 'conv2d')
    await node(app, `%${backward} conv2dWeightGrad`).click()
    const aside = page.getByRole('complementary', { name: 'The chosen node' })
    await aside.getByText('Derivative of').waitFor()
    const rule = await aside.locator('.rule pre').innerText()
    const own = String(ops.find((op) => op.name === 'conv2d')!.vjp)
    assert.is(rule.replace(/\s+/g, ' '), own.replace(/\s+/g, ' '))
    assert.match((await node(app, `%${forward} conv2d`).getAttribute('class'))!, 'tied')
    await app.shot('explore-rule')

    await aside.getByRole('button', { name: `%${forward} conv2d`, exact: true }).click()
    assert.is(await node(app, `%${forward} conv2d`).getAttribute('aria-pressed'), 'true')
    await aside.getByText('Its derivative is').waitFor()
    await node(app, `%${forward} conv2d`).focus()
    await page.keyboard.press('ArrowDown')
    assert.is(await page.locator('.drawing .node[aria-pressed="true"]').count(), 1)
    assert.is(await node(app, `%${forward} conv2d`).getAttribute('aria-pressed'), 'false')

    // The same node, followed from stage to stage.
    await node(app, `%${forward} conv2d`).click()
    for (const name of stageNames.slice(2)) {
      await stage(app, name).click()
      assert.match(await aside.locator('h3').innerText(), 'conv2d')
    }
    await page.getByRole('button', { name: 'List' }).click()
    const lines = inNode('convnorm').explanation.text('recomputed').split('\n')
    await stage(app, 'Recompute').click()
    const shown = await page.locator('.nodes button').allInnerTexts()
    assert.equal(shown, lines.slice(0, -1))
  }))

test('web explore: values and times are those of the device', () =>
  withApp('explore/neuron', async (app) => {
    const { page } = app
    page.setDefaultTimeout(110_000)
    const { explanation, inputs } = inNode('neuron')
    const { traced, cotangents } = explanation.stages
    const place = traced.nodes.findIndex((n) => n.op.name === 'sigmoid')
    const y = traced.nodes[place].output()
    const given = valuesFor(inputs).map(({ data }) => Float64Array.from(data))
    const expected = (t: Tensor) =>
      interpret({ ...traced, outputs: [t], assigns: [] }, given)[0] as Float64Array
    await page.getByRole('heading', { name: 'Graph, stage by stage' }).waitFor()
    await node(app, `%${place} sigmoid`).click()
    await page.getByRole('button', { name: 'Run, and look at this node' }).click()
    for (const [title, t] of [
      ['Value', y],
      ['Cotangent', cotangents.get(y)!],
    ] as const) {
      const figure = page.locator('figure.value').filter({ hasText: title })
      await figure.waitFor()
      const cells = await figure.locator('table td').allInnerTexts()
      const wanted = [...expected(t)]
      assert.is(cells.length, wanted.length)
      cells.forEach((text, i) => {
        // Four figures are shown.
        const off = Math.abs(Number(text) - wanted[i])
        assert.ok(off <= 1e-3 * Math.abs(wanted[i]) + 1e-6, `${text} for ${wanted[i]}`)
      })
    }
    await page.getByRole('button', { name: 'Measure them here' }).click()
    await page.getByText(/ms for \d+ dispatches/).waitFor()
    const dispatches = page.getByRole('list', { name: 'Dispatches' }).getByRole('button')
    for (const text of await dispatches.allInnerTexts()) assert.match(text, /\d (ms|µs)/)
    await app.shot('explore-values')
    // Of another plan they are not the times; the plan that they are of has them still.
    const again = page.getByLabel('Run again for the backward pass')
    await again.selectOption('none')
    await page.getByText(/ms for \d+ dispatches/).waitFor({ state: 'detached' })
    await again.selectOption('cheap')
    await page.getByText(/ms for \d+ dispatches/).waitFor()
  }))

test('web explore: what is wrong with a text is said in a sentence with its line', () =>
  withApp('explore/square', async (app) => {
    const { page } = app
    await ready(app)
    const text = page.getByRole('textbox', { name: 'JavaScript' })
    const inputs = page.getByRole('textbox', { name: 'Arguments' })
    const trace = page.getByRole('button', { name: 'Trace it' })
    const refused = async (code: string, types: string, sentence: string) => {
      await text.fill(code)
      await inputs.fill(types)
      await trace.click()
      await page.getByRole('alert').filter({ hasText: sentence }).waitFor()
    }
    await refused('return (x) => rleu(x)', 'f32[2]', 'Line 1: rleu is not defined.')
    await refused('const a = 1\nreturn (x) => {\n  retrun x\n}', 'f32[2]', 'Line 3:')
    await refused(
      'return (x, y) =>\n  add(x, y)',
      'f32[2] f32[3]',
      'Line 2: add: shapes do not broadcast; got f32[2], f32[3].',
    )
    const marked = await text.evaluate((area) => {
      const { value, selectionStart, selectionEnd } = area as HTMLTextAreaElement
      return value.slice(selectionStart, selectionEnd)
    })
    assert.is(marked, '  add(x, y)')
    // Another plan is no other mistake.
    const target = page.getByLabel('Planned for')
    await target.focus()
    await target.selectOption('a discrete GPU')
    await page.evaluate('new Promise((done) => setTimeout(() => requestAnimationFrame(done), 200))')
    assert.is(await page.evaluate('document.activeElement.tagName'), 'SELECT')
    await app.shot('explore-mistake')
    await refused('const a = 1', 'f32[2]', 'The text returns nothing.')
    await refused('return (x) => x', 'f33[2]', "'f33[2]' is no type of an argument.")
    // The drawing of what was there before stays.
    await stage(app, 'Plan').waitFor()

    await text.fill('return (x) => mean(square(relu(x)))')
    await inputs.fill('f32[2,3]')
    await text.press('Control+Enter')
    await page.getByRole('alert').waitFor({ state: 'detached' })
    await stage(app, 'Trace').filter({ hasText: '4 nodes' }).waitFor()

    await page.evaluate("location.hash = '#explore/unknown'")
    await page.waitForFunction("document.querySelector('select').value === 'neuron'")
  }))

test(
  'web explore: a loop without an end is told, and the page goes on',
  () =>
    withApp('explore/square', async (app) => {
      const { page } = app
      await ready(app)
      await page.getByRole('textbox', { name: 'JavaScript' }).fill('for (;;) {}')
      await page.getByRole('button', { name: 'Trace it' }).click()
      await page.getByRole('alert').filter({ hasText: 'did not come to an end' }).waitFor()
      await stage(app, 'Plan').click()
    }),
  { slow: true },
)

test('web explore: at phone width, in the dark, nothing is wider than the window; the tour opens', () =>
  withApp(
    'explore/atrous',
    async (app) => {
      const { page } = app
      await page.emulateMedia({ colorScheme: 'dark' })
      await ready(app)
      await stage(app, 'Fuse').click()
      await app.shot('explore-phone-dark')
      await fitsItsWidth(app)
      await page.getByRole('link', { name: /Guided tour/ }).click()
      await page.getByRole('heading').first().waitFor()
    },
    { width: 375, height: 720 },
  ))

test('web explore: a lost device is told, opened again, and what is looked at is computed anew', () =>
  withApp('start', async (app) => {
    const { page } = app
    page.setDefaultTimeout(110_000)
    await page.addInitScript(() => {
      const { requestDevice } = GPUAdapter.prototype
      GPUAdapter.prototype.requestDevice = async function (...args) {
        const device = await requestDevice.apply(this, args)
        Object.assign(globalThis, { openedDevice: device })
        return device
      }
    })
    await page.goto(`${page.url().split('#')[0]}?again#explore/square`)
    await page.getByRole('heading', { name: 'Graph, stage by stage' }).waitFor()
    await page.getByRole('button', { name: 'Run, and look at this node' }).click()
    await page.locator('figure.value').first().waitFor()
    const before = await page.locator('figure.value td').allInnerTexts()
    // What stands there now is not what is computed anew.
    await page.evaluate(() => {
      for (const f of document.querySelectorAll<HTMLElement>('figure.value')) f.dataset['old'] = ''
    })
    await page.evaluate('Object.assign(globalThis, { first: openedDevice }).first.destroy()')
    const alert = page.getByRole('alert').filter({ hasText: 'The device was lost' })
    await alert.getByText('It was opened again').waitFor()
    assert.is(await page.evaluate('openedDevice !== first'), true)
    await page.waitForFunction(
      (texts) =>
        JSON.stringify(
          [...document.querySelectorAll<HTMLElement>('figure.value:not([data-old]) td')].map(
            (td) => td.innerText,
          ),
        ) === texts,
      JSON.stringify(before),
    )
    assert.is(await page.getByRole('alert').count(), 1)
    await app.shot('explore-lost')
    await alert.getByRole('button', { name: 'Close this message' }).click()
    await alert.waitFor({ state: 'detached' })
    await node(app, '%0 input 0').click()
    await page.locator('figure.value').first().waitFor()
    await page.getByRole('button', { name: 'Measure them here' }).click()
    await page.getByText(/ms for \d+ dispatches/).waitFor()
  }))

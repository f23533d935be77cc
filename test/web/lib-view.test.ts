import * as assert from 'uvu/assert'
import { callInPage, openBrowser } from '../browser.ts'
import { test } from '../harness.ts'
import type * as page from './lib-view-page.ts'

test('view: each mode paints what the host would, to half a step of a byte', () =>
  inPage('modes', (off) => {
    assert.is(Object.keys(off).length, 11)
    // Between two colours of a ramp of 256 there are less than 2 steps; all else is rounded once.
    for (const [name, most] of Object.entries(off))
      assert.ok(most <= (/scores|channel/.test(name) ? 2 : 0.51), `${name}: off by ${most}`)
    for (const name of ['image', 'u8 image', 'classes', 'blend 0']) assert.is(off[name], 0, name)
  }))

test('view: a line runs inside of a class, and once between classes', () =>
  inPage('outlines', ({ one, all }) => {
    assert.equal(one, ['.......', '.####..', '.#..#..', '.####..', '.......', '.......'])
    assert.equal(all, ['.####..', '#...#..', '#...#..', '#####..', '#######', '.......'])
  }))

test('view: classes are stretched to the image, and the canvas has the size of what is shown', () =>
  inPage('sizes', (seen) => assert.equal(seen, { off: 0, size: [2, 2] })))

test('view: what no canvas can have in full is shown smaller, and what no binding holds is painted in bands', () =>
  inPage('beyondCanvas', ({ out, size }) => {
    assert.equal(size, [20, 14])
    assert.is(Object.keys(out).length, 10)
    for (const [name, off] of Object.entries(out)) assert.is(off, 0, name)
  }))

test('view: another blend reads nothing back and makes no buffer; the last call is what stays', () =>
  inPage('withoutReadBack', (seen) => assert.equal(seen, { mapped: 0, made: 0, last: 0 })))

test('view: a canvas outlives its device', () =>
  inPage('afterLoss', ({ said, off }) => {
    assert.match(said, /DeviceLostError: the device was lost/)
    assert.is(off, 0)
  }))

test('view: what a page shows may be saved', () =>
  inPage('onThePage', (seen) => assert.equal(seen, { type: 'image/png', off: 0 })))

test('view: a worker paints on a canvas of the page', () =>
  inPage('inWorker', (off) => assert.is(off, 0)))

test('view: what cannot be shown says why', () =>
  inPage('refusals', (said) => {
    assert.match(said['palette'], /OptionError: palette: classes need colours/)
    assert.match(said['blend'], /OptionError: blend: 2/)
    assert.match(said['mode'], /OptionError: mode: 'mask' is none/)
    assert.match(said['scores'], /OptionError: mode: 'scores' needs scores/)
    assert.match(said['range'], /OptionError: range/)
    assert.match(said['colour'], /OptionError: colour \[256,0,0\]/)
    assert.match(
      said['shape'],
      /ShapeError: .*classes is u8, i32 or u32 \[1, h, w\]; got f32\[1,6,7,3\]/,
    )
    assert.match(said['disposed'], /DeviceError: a disposed device tensor/)
    assert.match(said['device'], /DeviceError: image is on another device/)
    assert.match(said['canvas'], /DeviceError: the canvas gave no WebGPU context/)
    assert.is(said['left'], '0')
    assert.match(said['ended'], /DeviceError: a disposed view/)
  }))

type Page = typeof page

/** Calls a function in a page of its own. */
async function inPage<K extends keyof Page>(
  name: K,
  check: (seen: Awaited<ReturnType<Page[K]>>) => void,
): Promise<void> {
  const browser = await openBrowser()
  try {
    check(await callInPage(browser, 'test/web/lib-view-page.js', name))
    assert.equal(browser.errors, [])
  } finally {
    await browser.close()
  }
}

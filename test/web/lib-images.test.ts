import * as assert from 'uvu/assert'
import { type Browser, callInPage, openBrowser } from '../browser.ts'
import { test } from '../harness.ts'
import type * as page from './lib-images-page.ts'

const seven = ['ImageData', 'OffscreenCanvas', 'canvas', 'ImageBitmap', 'a PNG file', 'img']

test('images: every source gives the bytes that were drawn, by the GPU and by way of the host', async () => {
  for (const isCopied of [true, false])
    await inPage('everySource', isCopied, (seen) => {
      assert.equal(Object.keys(seen), [...seven, 'VideoFrame'])
      for (const [name, what] of Object.entries(seen))
        assert.is(what, 'u8 f32 1,37,53,3 1,37,53,3: equal, equal', `${name}, copied ${isCopied}`)
    })
})

test('images: colours under an alpha are themselves, not darker', () =>
  inPage('transparent', undefined, ({ data, most }) => {
    assert.equal(data, [200, 100, 50, 10, 20, 30])
    // The canvas kept them multiplied by a half, in bytes; either way back is off by one at most.
    assert.ok(most <= 1, `${most}`)
  }))

test('images: a part of an image, and another size by the rule of the networks', () =>
  inPage('cropAndSize', undefined, (seen) => {
    const { data, canvas, same, resized, numbers } = seen
    assert.equal([data, canvas, same, resized], ['equal', 'equal', 'equal', 'equal'])
    assert.equal(numbers.shape, [1, 20, 71, 3])
    assert.ok(numbers.most <= 2 ** -23, `${numbers.most}: a division on the device`)
  }))

test('images: a photo is turned as its file says', () =>
  inPage('turned', undefined, (seen) => assert.equal(seen, { size: [53, 37], same: 'equal' })))

test('images: frames of a video use the same buffers again', () =>
  inPage('video', undefined, ({ early, shape, pixel, made, grown }) => {
    assert.match(String(early), /DataError: HTMLVideoElement: has no frame yet/)
    assert.equal(shape, [1, 48, 64, 3])
    for (const [c, value] of [200, 80, 40].entries())
      assert.ok(Math.abs(pixel[c] - value) <= 4, `${pixel}`)
    assert.equal([made, grown], [0, 0])
  }))

test('images: one that is larger than a texture may be comes as it is, in every form', () =>
  inPage('beyondTextures', undefined, (seen) => {
    assert.is(Object.keys(seen).length, 8)
    for (const [name, what] of Object.entries(seen)) assert.is(what, '0 0 equal', name)
  }))

test('images: what cannot be taken says what and why', () =>
  inPage('refusals', undefined, (said) => {
    assert.match(
      String(said.text),
      /DataError: notes.png: cannot be read as an image \(image\/png\)/,
    )
    assert.match(String(said.closed), /DataError: ImageBitmap: has no pixels/)
    assert.match(String(said.crop), /ShapeError: .*not inside of the image/)
    assert.match(String(said.size), /OptionError: size/)
    assert.match(String(said.dtype), /OptionError: dtype/)
  }))

test('images: they are arguments of programs, and may be donated', () =>
  inPage('asArgument', undefined, (means) => assert.equal(means, [1, 1, 1])))

type Page = typeof page

/** Calls a function in a page of its own. */
async function inPage<K extends keyof Page>(
  name: K,
  argument: Parameters<Page[K]>[0],
  check: (seen: Awaited<ReturnType<Page[K]>>) => void,
): Promise<void> {
  const browser: Browser = await openBrowser()
  try {
    check(await callInPage(browser, 'test/web/lib-images-page.js', name, argument))
    assert.equal(browser.errors, [])
  } finally {
    await browser.close()
  }
}

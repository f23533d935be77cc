import * as assert from 'uvu/assert'
import type { Crop } from '../engine/image-source.ts'
import { imageTensor } from '../engine/image-tensor.ts'
import { IMAGE_LANES, imageGrid } from '../shaders/image.ts'
import { testDevice } from './device.ts'
import { test } from './harness.ts'

/** What a browser gives for the pixels of a canvas; Node has no class of that name. */
const imageData = (height: number, width: number) => ({
  [Symbol.toStringTag]: 'ImageData',
  data: Uint8ClampedArray.from({ length: 4 * height * width }, (_, i) => (i * 37) % 256),
  height,
  width,
  colorSpace: 'srgb' as const,
})

const colours = (data: ArrayLike<number>) => Array.from(data).filter((_, i) => i % 4 !== 3)

test('images: pixels of every count are laid out without their alpha', async () => {
  const d = await testDevice()
  for (const [height, width] of [
    [1, 1],
    [1, 2],
    [1, 3],
    [2, 2],
    [5, 7],
    [19, 31],
  ]) {
    const image = imageData(height, width)
    using bytes = await imageTensor(d, image as ImageData, { dtype: 'u8' })
    assert.equal([...(await bytes.read())], colours(image.data), `${height}×${width}`)
    using numbers = await imageTensor(d, image as ImageData)
    const shares = colours(image.data).map((k) => Math.fround(k / 255))
    assert.equal([...(await numbers.read())], shares)
  }
})

test('images: a part is that part', async () => {
  const image = imageData(9, 11)
  const crop: Crop = [2, 3, 4, 5]
  using part = await imageTensor(await testDevice(), image as ImageData, { crop, dtype: 'u8' })
  const expected = [2, 3, 4, 5].flatMap((y) =>
    colours(image.data.subarray(4 * (11 * y + 3), 4 * (11 * y + 8))),
  )
  assert.equal([...(await part.read())], expected)
})

test('images: the grid holds all pixels, in rows that every device takes', () => {
  for (const pixels of [1, 256, 257, 65535 * 256, 65535 * 256 + 1, 16384 ** 2]) {
    const [x, y] = imageGrid(pixels)
    assert.ok(x <= 65535 && y <= 65535 && x * y * IMAGE_LANES * 4 >= pixels, `${pixels}`)
  }
})

test('images: what is refused is refused before anything is uploaded', async () => {
  const d = await testDevice()
  const refused = (options: object) =>
    imageTensor(d, imageData(4, 4) as ImageData, options).then(
      () => 'taken',
      (error) => error.name,
    )
  assert.is(await refused({ crop: [0, 0, 5, 4] }), 'ShapeError')
  assert.is(await refused({ crop: [0, 0, 4] }), 'ShapeError')
  assert.is(await refused({ crop: [0, 0, 0, 4] }), 'ShapeError')
  assert.is(await refused({ size: [4] }), 'OptionError')
  assert.is(await refused({ dtype: 'i32' }), 'OptionError')
})

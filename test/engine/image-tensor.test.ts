import * as assert from 'uvu/assert'
import { imageParts } from '../../engine/pictures/image-parts.ts'
import type { Crop } from '../../engine/pictures/image-source.ts'
import { imageTensor } from '../../engine/pictures/image-tensor.ts'
import { IMAGE_LANES, imageGrid } from '../../shaders/image.ts'
import { testDevice } from '../device.ts'
import { test } from '../harness.ts'
import { withDevice } from './own-device.ts'

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

test('images: larger than a texture may be they come in parts, byte for byte what comes at once', async () => {
  const image = imageData(23, 41) as ImageData
  const inverted = { ...image, data: image.data.map((v) => 255 - v) } as ImageData
  const crop: Crop = [3, 2, 17, 37]
  for (const side of [5, 8, 40])
    await withDevice(
      async (small) => {
        const gpu = small.gpu
        const make = gpu.createTexture.bind(gpu)
        const made: number[] = []
        gpu.createTexture = (texture) => {
          made.push(...(texture.size as number[]))
          return make(texture)
        }
        // What was in the tensor's memory before is not taken for a part of it.
        for (const dtype of ['u8', 'f32'] as const)
          for (const options of [{ dtype }, { dtype, crop }, { dtype, size: [9, 20] as const }]) {
            using whole = await imageTensor(await testDevice(), image, options)
            ;(await imageTensor(small, inverted, options)).dispose()
            using parts = await imageTensor(small, image, options)
            assert.equal(
              await parts.read(),
              await whole.read(),
              `${side} ${JSON.stringify(options)}`,
            )
            using again = await imageTensor(small, image, options)
            assert.equal(await again.read(), await whole.read(), 'once more')
          }
        assert.ok(made.length && Math.max(...made) <= side, `textures of ${made}`)
      },
      { textureSide: side },
    )()
})

test(
  'images: larger than one binding they are bound a few rows at a time',
  withDevice(
    async (small) => {
      const image = imageData(90, 101) as ImageData
      for (const dtype of ['u8', 'f32'] as const) {
        using whole = await imageTensor(await testDevice(), image, { dtype })
        using parts = await imageTensor(small, image, { dtype })
        assert.equal(await parts.read(), await whole.read(), dtype)
      }
    },
    { bindingBytes: 16384, alignment: 256 },
  ),
)

test('images: parts are all of a crop, each pixel once, within every limit, and the first is the largest', () => {
  for (const [h, w] of [
    [1, 1],
    [7, 300],
    [300, 7],
    [65, 129],
    [20000, 9000],
  ])
    for (const side of [64, 8192])
      for (const pixelBytes of [3, 12]) {
        const bindingBytes = side === 64 ? 300 * 12 + 260 * 12 : 2 ** 27
        if (h * w > 2 ** 20 && side === 64) continue
        const parts = imageParts([5, 6, h, w], { side, bindingBytes, pixelBytes })
        const seen = h * w > 2 ** 20 ? undefined : new Uint8Array(h * w)
        let pixels = 0
        for (const { crop, corner, size, first, end, offset, bytes } of parts) {
          assert.equal(crop, [5 + corner[1], 6 + corner[0], size[1], size[0]])
          assert.ok(size[0] <= Math.min(side, parts[0].size[0]), `${size}`)
          assert.ok(size[1] <= Math.min(side, parts[0].size[1]), `${size}`)
          assert.ok(size[0] * size[1] <= 2 ** 24 && bytes <= bindingBytes, `${size} ${bytes}`)
          assert.is(offset % 256, 0)
          assert.is(offset, first * pixelBytes)
          assert.ok(first <= corner[1] * w && end === (corner[1] + size[1]) * w)
          pixels += size[0] * size[1]
          if (!seen) continue
          for (let y = 0; y < size[1]; y++)
            for (let x = 0; x < size[0]; x++) seen[(corner[1] + y) * w + corner[0] + x]++
        }
        assert.is(pixels, h * w)
        assert.ok(!seen || seen.every((n) => n === 1), `${h}×${w} in ${side}`)
      }
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

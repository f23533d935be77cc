// What lib-images.test.ts runs inside the page: pictures are drawn, given in every way that a browser has, and read back.

import {
  type Device,
  type DeviceTensor,
  hostTensor,
  type ImageInput,
  type ImageOptions,
  imageTensor,
  mean,
  openDevice,
} from '../../engine/index.ts'
import { resizedPicture } from '../../engine/pictures/resized-picture.ts'

/** Of no power of two, so that the last invocation has pixels and places too many. */
const [height, width] = [37, 53]

let opened: Promise<Device> | undefined
const device = () => (opened ??= openDevice())

/** Every colour channel takes every value somewhere; `alpha` below 1 leaves parts of it transparent. */
function draw(alpha = 1): OffscreenCanvas {
  const canvas = new OffscreenCanvas(width, height)
  const context = canvas.getContext('2d')!
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const i = y * width + x
      context.fillStyle = `rgb(${i % 256} ${(i * 7 + 13) % 256} ${255 - (i % 251)} / ${alpha})`
      context.fillRect(x, y, 1, 1)
    }
  return canvas
}

const pixelsOf = (canvas: OffscreenCanvas): ImageData =>
  canvas.getContext('2d')!.getImageData(0, 0, canvas.width, canvas.height)

const rgbOf = ({ data }: ImageData): number[] => [...data].filter((_, i) => i % 4 !== 3)

async function read(image: ImageInput, options?: ImageOptions) {
  using tensor = await imageTensor(await device(), image, options)
  return { shape: [...tensor.shape], dtype: tensor.dtype, data: [...(await tensor.read())] }
}

/** How many of these bytes differ from what was drawn, and by how much at most. */
function against(expected: readonly number[], { data }: { data: readonly number[] }): string {
  if (data.length !== expected.length) return `${data.length} for ${expected.length}`
  const off = data.map((v, i) => Math.abs(v - expected[i]))
  const wrong = off.filter((d) => d > 0).length
  return wrong ? `${wrong} differ, by up to ${Math.max(...off)}` : 'equal'
}

async function sources(canvas: OffscreenCanvas): Promise<Record<string, ImageInput>> {
  const element = document.createElement('canvas')
  Object.assign(element, { width, height })
  element.getContext('2d')!.drawImage(canvas, 0, 0)
  const png = await canvas.convertToBlob({ type: 'image/png' })
  const image = new Image()
  image.src = URL.createObjectURL(png)
  await image.decode()
  return {
    ImageData: pixelsOf(canvas),
    OffscreenCanvas: canvas,
    canvas: element,
    ImageBitmap: await createImageBitmap(canvas),
    'a PNG file': png,
    img: image,
    VideoFrame: new VideoFrame(canvas, { timestamp: 0 }),
  }
}

/** What came of each source, as u8 and as f32. */
export async function everySource(isCopied: boolean) {
  if (!isCopied)
    (await device()).gpu.queue.copyExternalImageToTexture = () => {
      throw new TypeError('no such source here')
    }
  const canvas = draw()
  const expected = rgbOf(pixelsOf(canvas))
  const shares = expected.map((k) => Math.fround(k / 255))
  const seen: Record<string, string> = {}
  for (const [name, source] of Object.entries(await sources(canvas))) {
    const bytes = await read(source, { dtype: 'u8' })
    const numbers = await read(source)
    const shape = `${bytes.dtype} ${numbers.dtype} ${bytes.shape} ${numbers.shape}`
    seen[name] = `${shape}: ${against(expected, bytes)}, ${against(shares, numbers)}`
  }
  return seen
}

/** Colours under an alpha of a half are not darkened. */
export async function transparent() {
  const data = new ImageData(2, 1)
  data.data.set([200, 100, 50, 128, 10, 20, 30, 0])
  const half = draw(0.5)
  const png = await half.convertToBlob({ type: 'image/png' })
  const expected = rgbOf(pixelsOf(half))
  const off = (await read(png, { dtype: 'u8' })).data.map((v, i) => Math.abs(v - expected[i]))
  return { data: (await read(data, { dtype: 'u8' })).data, most: Math.max(...off) }
}

/** A part of the picture from each way in, and the whole at another size. */
export async function cropAndSize() {
  const canvas = draw()
  const pixels = pixelsOf(canvas)
  const part = rgbOf(canvas.getContext('2d')!.getImageData(11, 5, 13, 9))
  const crop = [5, 11, 9, 13] as const
  const size = [20, 71] as const
  const whole = hostTensor(new Uint8Array(rgbOf(pixels)), [1, height, width, 3])
  using program = (await device()).compile((x) => resizedPicture(x, size))
  using resized = await program.run(whole)
  const expected = [...(await resized.read())]
  const number = expected.map((k) => Math.fround(k / 255))
  const same = await read(canvas, { size: [9, 13], crop, dtype: 'u8' })
  return {
    data: against(part, await read(pixels, { crop, dtype: 'u8' })),
    canvas: against(part, await read(canvas, { crop, dtype: 'u8' })),
    same: against(part, same),
    resized: against(expected, await read(canvas, { size, dtype: 'u8' })),
    numbers: await read(canvas, { size }).then(({ data, shape }) => ({
      shape,
      most: Math.max(...data.map((v, i) => Math.abs(v - number[i]))),
    })),
  }
}

/** A JPEG that says that the camera was held on its side, against the same without. */
export async function turned() {
  const canvas = draw()
  const plain = await canvas.convertToBlob({ type: 'image/jpeg', quality: 1 })
  const bytes = new Uint8Array(await plain.arrayBuffer())
  // The marker APP1: Exif, big-endian TIFF with the one entry Orientation (0x0112), a short, 6: turn to the right.
  const exif = [0xff, 0xe1, 0, 34, 0x45, 0x78, 0x69, 0x66, 0, 0, 0x4d, 0x4d, 0, 42, 0, 0, 0, 8]
  const entry = [0, 1, 1, 0x12, 0, 3, 0, 0, 0, 1, 0, 6, 0, 0, 0, 0, 0, 0]
  const file = new Blob([bytes.slice(0, 2), new Uint8Array([...exif, ...entry]), bytes.slice(2)])
  const before = await read(plain, { dtype: 'u8' })
  const after = await read(file, { dtype: 'u8' })
  const [, h, w] = after.shape
  const expected = after.data.map((_, i) => {
    const [y, x, c] = [Math.floor(i / 3 / w), Math.floor(i / 3) % w, i % 3]
    return before.data[((height - 1 - x) * width + y) * 3 + c]
  })
  return { size: [h, w], same: against(expected, after) }
}

/** A playing video, whose colours have been through YUV; and buffers over many frames. */
export async function video() {
  const canvas = document.createElement('canvas')
  Object.assign(canvas, { width: 64, height: 48 })
  const context = canvas.getContext('2d')!
  const video = document.createElement('video')
  video.muted = true
  const early = await read(video).catch(String)
  video.srcObject = canvas.captureStream(30)
  const timer = setInterval(() => {
    context.fillStyle = 'rgb(200 80 40)'
    context.fillRect(0, 0, 64, 48)
  }, 20)
  try {
    await video.play()
    while (video.readyState < 2) await new Promise(requestAnimationFrame)
    const first = await read(video, { dtype: 'u8' })
    const again = async (options: ImageOptions) =>
      (await imageTensor(await device(), video, options)).dispose()
    await again({ size: [30, 40] })
    const { buffersMade, allocatedBytes } = (await device()).stats()
    for (let i = 0; i < 10; i++) {
      await again({ dtype: 'u8' })
      await again({ size: [30, 40] })
    }
    const after = (await device()).stats()
    return {
      early,
      shape: first.shape,
      pixel: first.data.slice(0, 3),
      made: after.buffersMade - buffersMade,
      grown: after.allocatedBytes - allocatedBytes,
    }
  } finally {
    clearInterval(timer)
  }
}

/** A picture that is wider, and one that is higher, than a texture may be, in each form that browsers allow. */
export async function beyondTextures() {
  const side = (await device()).caps.maxTextureSide
  const seen: Record<string, string> = {}
  for (const [h, w] of [
    [3, side + 21],
    [side + 21, 3],
  ]) {
    const canvas = new OffscreenCanvas(w, h)
    const context = canvas.getContext('2d', { willReadFrequently: true })!
    const drawn = new ImageData(w, h)
    for (let i = 0; i < w * h; i++)
      drawn.data.set([i % 256, (i >> 8) % 256, (i * 7) % 251, 255], 4 * i)
    context.putImageData(drawn, 0, 0)
    const png = await canvas.convertToBlob({ type: 'image/png' })
    const sources = {
      ...{ ImageData: drawn, OffscreenCanvas: canvas, 'a PNG file': png },
      ImageBitmap: await createImageBitmap(png),
    }
    for (const [name, source] of Object.entries(sources)) {
      const { shape, data } = await read(source, { dtype: 'u8' })
      seen[`${name} ${h > w ? 'high' : 'wide'}`] = `${shape[1] - h} ${shape[2] - w} ${against(
        rgbOf(drawn),
        { data },
      )}`
    }
  }
  return seen
}

/** What each thing that cannot be taken says. */
export async function refusals() {
  const canvas = draw()
  const closed = await createImageBitmap(canvas)
  closed.close()
  const said = (image: ImageInput, options?: ImageOptions) => read(image, options).catch(String)
  return {
    text: await said(new File(['no picture'], 'notes.png', { type: 'image/png' })),
    closed: await said(closed),
    crop: await said(canvas, { crop: [30, 0, 8, 8] }),
    size: await said(canvas, { size: [0, 8] }),
    dtype: await said(canvas, { dtype: 'f16' as 'f32' }),
  }
}

/** The mean of a white picture, by a program that takes it as an argument and by another that it is donated to. */
export async function asArgument() {
  const canvas = new OffscreenCanvas(24, 16)
  const context = canvas.getContext('2d')!
  context.fillStyle = 'white'
  context.fillRect(0, 0, 24, 16)
  using program = (await device()).compile((x) => mean(x))
  const image: DeviceTensor = await imageTensor(await device(), canvas)
  const first = await (await program.run(image)).value()
  const second = await (await program.run(image.donate())).value()
  const after = await imageTensor(await device(), canvas)
  const third = await (await program.run(after.donate())).value()
  return [first, second, third]
}

// What browsers call an image, in its many classes: how large it is, and its pixels in a texture. Told apart by name, since
// a worker has not all of these classes.

import { DataError, ShapeError } from '../errors.ts'
import type { Pair } from '../ops/options.ts'

/** Pixels that are here already. An `HTMLImageElement` must be complete, a video must have a frame. */
export type ImageSource =
  | ImageBitmap
  | HTMLImageElement
  | HTMLCanvasElement
  | OffscreenCanvas
  | HTMLVideoElement
  | VideoFrame
  | ImageData

/** The same, or a file of an image, in any format that the browser reads. */
export type ImageInput = ImageSource | Blob

/** Top, left, height and width of a part of an image, in its pixels. */
export type Crop = readonly [top: number, left: number, height: number, width: number]

const kindOf = (image: object): string => Object.prototype.toString.call(image).slice(8, -1)

/** Height and width in pixels, as it is shown: a photo that says how it was held is turned. Throws DataError for a video
 * without a frame, an image that is not loaded and a bitmap or frame that is closed. */
export function imageSize(image: ImageSource): Pair {
  const [size, problem, hint] = sizeAndProblem(image)
  if (size[0] > 0 && size[1] > 0) return size
  throw new DataError(kindOf(image), problem, hint)
}

function sizeAndProblem(image: ImageSource): [Pair, problem: string, hint: string] {
  const closed = 'take it before it is closed or moved to a worker'
  switch (kindOf(image)) {
    case 'HTMLImageElement': {
      const { naturalHeight, naturalWidth } = image as HTMLImageElement
      return [[naturalHeight, naturalWidth], 'has no pixels yet', 'await image.decode() first']
    }
    case 'HTMLVideoElement': {
      const { videoHeight, videoWidth, readyState } = image as HTMLVideoElement
      const there = readyState >= 2 ? 1 : 0
      const hint = 'wait for its event loadeddata, or use requestVideoFrameCallback'
      return [[there * videoHeight, there * videoWidth], 'has no frame yet', hint]
    }
    case 'VideoFrame': {
      const { displayHeight, displayWidth } = image as VideoFrame
      return [[displayHeight, displayWidth], 'is closed', closed]
    }
    default: {
      const { height, width } = image as ImageBitmap
      return [[height, width], 'has no pixels', closed]
    }
  }
}

/** The image of a file, or the image itself; `release` gives back what was made for it. */
export async function openImage(
  image: ImageInput,
): Promise<{ source: ImageSource; release: () => void }> {
  const isFile = image instanceof Blob
  // An <img> is turned as its file says only on this way.
  if (!isFile && kindOf(image) !== 'HTMLImageElement') return { source: image, release: () => {} }
  if (!isFile) imageSize(image)
  try {
    const bitmap = await createImageBitmap(image, {
      imageOrientation: 'from-image',
      premultiplyAlpha: 'none',
      colorSpaceConversion: 'default',
    })
    return { source: bitmap, release: () => bitmap.close() }
  } catch (error) {
    const { name = '', type = '' } = image as Partial<File>
    throw new DataError(
      name || (isFile ? 'the file' : 'the image'),
      `cannot be read as an image${type && ` (${type})`}: ${(error as Error).message}`,
      'browsers read PNG, JPEG, WebP, GIF and AVIF; convert others, such as HEIC or TIFF',
    )
  }
}

/** Puts a part of an image into the top left of a texture of rgba8unorm: sRGB, its colours not multiplied by its alpha. Bytes of
 * an ImageData arrive as they are; other sources go from GPU to GPU, or where the browser cannot do that by a canvas. Throws
 * DataError where a page may not read the image. */
export function writeImage(
  gpu: GPUDevice,
  image: ImageSource,
  texture: GPUTexture,
  [top, left, height, width]: Crop,
): void {
  if (kindOf(image) === 'ImageData' && (image as ImageData).colorSpace !== 'display-p3') {
    const { data, width: columns } = image as ImageData
    const layout = { offset: 4 * (top * columns + left), bytesPerRow: 4 * columns }
    gpu.queue.writeTexture({ texture }, data as GPUAllowSharedBufferSource, layout, [width, height])
    return
  }
  try {
    gpu.queue.copyExternalImageToTexture(
      { source: image as GPUCopyExternalImageSource, origin: [left, top] },
      { texture, colorSpace: 'srgb', premultipliedAlpha: false },
      [width, height],
    )
  } catch (error) {
    refuseForeign(error)
    const { data } = drawn(image, [top, left, height, width])
    gpu.queue.writeTexture({ texture }, data, { bytesPerRow: 4 * width }, [width, height])
  }
}

/** The pixels by way of a canvas, on the host. */
function drawn(image: ImageSource, [top, left, height, width]: Crop): ImageData {
  const context = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true })
  if (!context) throw new DataError(kindOf(image), 'cannot be drawn: the browser gave no canvas')
  try {
    if (kindOf(image) === 'ImageData') context.putImageData(image as ImageData, -left, -top)
    else context.drawImage(image as CanvasImageSource, -left, -top)
    return context.getImageData(0, 0, width, height)
  } catch (error) {
    refuseForeign(error)
    throw new DataError(kindOf(image), `cannot be read: ${(error as Error).message}`)
  }
}

/** Throws DataError where the error is the browser's refusal to show a page the pixels of another. */
function refuseForeign(error: unknown): void {
  if ((error as Error).name !== 'SecurityError') return
  throw new DataError(
    'the image',
    'comes from another site, and its pixels are not for this page',
    "load it with crossOrigin = 'anonymous' from a server that allows that, or let the person drop the file",
  )
}

/** Throws ShapeError where a crop is not inside of an image. */
export function checkCrop(crop: Crop, [height, width]: Pair): void {
  const [top, left, h, w] = crop
  const isWhole = crop.length === 4 && crop.every((n) => Number.isInteger(n) && n >= 0)
  if (!isWhole || h < 1 || w < 1 || top + h > height || left + w > width)
    throw new ShapeError(
      'imageTensor',
      'the crop is not inside of the image',
      [`[top, left, height, width] = [${crop}]`, `image ${height}×${width}`],
      '',
    )
}

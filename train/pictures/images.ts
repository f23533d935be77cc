// Images and label maps in files (Node): decoded exactly or refused, written whole or not at all.

import { isMainThread } from 'node:worker_threads'
import sharp from 'sharp'
import { DataError } from '../../engine/errors.ts'
import { readBytes, readHead, writeAtomic } from '../files.ts'
import type { Picture } from './picture.ts'
import type { LabelImage } from './png-label-values.ts'
import { readPngLabels } from './png-labels.ts'
import { readPngPicture } from './png-picture.ts'

/** An RGB image from a JPEG, PNG, WebP, TIFF or GIF file; alpha is dropped. Throws DataError naming the file. */
export async function readImage(file: string): Promise<Picture> {
  return decodeImage(await readBytes(file), file)
}

/** The same from bytes already read, `upright` turned as its EXIF says. A damaged or truncated file is an error, never a half-grey
 * picture. */
export async function decodeImage(
  bytes: Uint8Array,
  file: string,
  { upright = false } = {},
): Promise<Picture> {
  // In a thread of a loader the work is that thread's own.
  const own = isMainThread ? undefined : readPngPicture(bytes)
  if (own) return own
  try {
    const { data, info } = await sharp(bytes, { failOn: 'warning', autoOrient: upright })
      .removeAlpha()
      .toColourspace('srgb')
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true })
    return { data, height: info.height, width: info.width }
  } catch (error) {
    throw new DataError(file, `cannot be decoded: ${reason(error)}`, 'fetch the file again')
  }
}

/** A photo as a person sees it: turned upright as its EXIF says, which `readImage` does not, since the labels of data sets are those
 * of the stored pixels. Throws DataError for a film or an animation, of which it would be one picture of many. */
export async function readPhoto(file: string): Promise<Picture> {
  const bytes = await readBytes(file)
  const hint = 'save its pictures as files, and name their folder'
  if (isFilm(bytes)) throw new DataError(file, 'is a film', hint)
  const pages = await picturesIn(bytes)
  if (pages > 1) throw new DataError(file, `holds ${pages} pictures`, hint)
  return decodeImage(bytes, file, { upright: true })
}

/** One where they cannot be counted: decoding says why. */
async function picturesIn(bytes: Uint8Array): Promise<number> {
  try {
    return (await sharp(bytes).metadata()).pages ?? 1
  } catch {
    return 1
  }
}

/** MP4 and QuickTime, Matroska and WebM, AVI, MPEG. */
function isFilm(bytes: Uint8Array): boolean {
  const head = Buffer.from(bytes.subarray(0, 12)).toString('latin1')
  // HEIF pictures begin in the same way.
  if (head.slice(4, 8) === 'ftyp') return !/^(avi[fs]|hei|hev|mif|msf)/.test(head.slice(8))
  const begins = ['\x1aE\xdf\xa3', '\0\0\x01\xba'].some((magic) => head.startsWith(magic))
  return begins || (head.startsWith('RIFF') && head.slice(8) === 'AVI ')
}

function reason(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error)
  return message.replace(/^Input buffer /i, 'the file ').split('\n')[0]
}

/** Height and width as the file's header states them, without decoding. Throws DataError naming the file. */
export async function imageSize(file: string): Promise<{ height: number; width: number }> {
  try {
    return await headerSize(await readHead(file, HEAD))
  } catch {
    // A header longer than that (a thumbnail, a colour profile), or no image at all.
  }
  try {
    return await headerSize(await readBytes(file))
  } catch (error) {
    if (error instanceof DataError) throw error
    throw new DataError(file, `is not an image: ${reason(error)}`, 'fetch the file again')
  }
}

const HEAD = 65536

// From bytes, not from the path: the decoder remembers files by name, also after they have changed.
async function headerSize(bytes: Uint8Array): Promise<{ height: number; width: number }> {
  const { height, width } = await sharp(bytes).metadata()
  return { height, width }
}

/** The stored values of a grey or palette PNG, indices and not colours. Throws DataError naming the file. */
export async function readLabels(file: string): Promise<LabelImage> {
  return readPngLabels(await readBytes(file), file)
}

/** A picture at another size, filtered with Lanczos-3 over the source pixels that a target pixel covers. */
export async function resizeImage(
  picture: Picture,
  height: number,
  width: number,
): Promise<Picture> {
  if (picture.height === height && picture.width === width) return picture
  const data = await raw(picture.data, picture.height, picture.width, 3)
    .resize({ width, height, fit: 'fill', kernel: 'lanczos3' })
    .raw()
    .toBuffer()
  return { data, height, width }
}

/** An RGB picture as the bytes of a PNG file. */
export const encodePng = ({ data, height, width }: Picture): Promise<Uint8Array> =>
  raw(data, height, width, 3).png().toBuffer()

/** Writes an RGB picture as PNG. */
export async function writePng(file: string, picture: Picture): Promise<void> {
  await writeAtomic(file, await encodePng(picture))
}

/** A picture as the address of itself, for pages that fetch nothing: a photo as JPEG, a drawing of few colours as PNG; made smaller
 * where it is wider than that. */
export async function dataUri(
  { data, height, width }: Picture,
  kind: 'photo' | 'drawing',
  most = 480,
): Promise<string> {
  const image = raw(data, height, width, 3).resize({
    width: Math.min(width, most),
    kernel: kind === 'photo' ? 'lanczos3' : 'nearest',
  })
  const [type, encoded] =
    kind === 'photo'
      ? ['jpeg', image.jpeg({ quality: 82 })]
      : ['png', image.png({ palette: true, compressionLevel: 9 })]
  return `data:image/${type};base64,${(await encoded.toBuffer()).toString('base64')}`
}

/** Writes labels [height, width] as an 8-bit grey PNG whose values are the class indices. */
export async function writeLabelsPng(
  file: string,
  labels: Uint8Array,
  height: number,
  width: number,
): Promise<void> {
  const image = raw(labels, height, width, 1).toColourspace('b-w')
  await writeAtomic(file, await image.png().toBuffer())
}

/** Writes a chart: as it is where the file's name ends in .svg, else drawn as PNG. */
export async function writeChart(file: string, svg: string): Promise<void> {
  await writeAtomic(file, /\.svg$/i.test(file) ? svg : await drawn(svg))
}

/** Writes an RGB picture as PNG with an SVG of its size drawn over it. */
export async function writeAnnotated(file: string, picture: Picture, svg: string): Promise<void> {
  const { data, height, width } = picture
  const over = raw(data, height, width, 3).composite([{ input: Buffer.from(svg) }])
  await writeAtomic(file, await over.removeAlpha().png().toBuffer())
}

const drawn = (svg: string) => sharp(Buffer.from(svg)).png().toBuffer()

function raw(data: Uint8Array, height: number, width: number, channels: 1 | 3) {
  return sharp(data, { raw: { width, height, channels } })
}

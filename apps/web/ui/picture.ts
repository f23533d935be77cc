// Image files as the library's plain RGB pictures, and pictures as what a canvas draws. For pages and workers.

import { DataError } from '../../../engine/index.ts'
import type { Picture } from '../../../train/index.ts'

export interface OpenedPicture extends Picture {
  readonly name: string
  /** Height and width of the file's, where it was made smaller. */
  readonly from?: readonly [height: number, width: number]
}

/** Upright, as its camera says; made smaller where it has more than `most` pixels. Transparent parts are black. Throws DataError
 * naming the file where the browser cannot decode it. */
export async function openPicture(
  file: Blob,
  name: string,
  most = Number.POSITIVE_INFINITY,
): Promise<OpenedPicture> {
  const bitmap = await createImageBitmap(file).catch(() => {
    throw new DataError(
      name,
      'is no image that this browser can decode',
      'JPEG, PNG, WebP and GIF are read everywhere; a file that was cut off must be fetched again',
    )
  })
  try {
    const scale = Math.min(1, Math.sqrt(most / (bitmap.width * bitmap.height)))
    const [height, width] = [bitmap.height, bitmap.width].map((n) =>
      Math.max(1, Math.round(n * scale)),
    )
    const canvas = new OffscreenCanvas(width, height)
    const draw = canvas.getContext('2d', { alpha: false, willReadFrequently: true })!
    draw.imageSmoothingQuality = 'high'
    draw.drawImage(bitmap, 0, 0, width, height)
    const { data } = draw.getImageData(0, 0, width, height)
    const rgb = new Uint8Array(3 * height * width)
    for (let i = 0, at = 0; i < data.length; i += 4)
      for (let c = 0; c < 3; c++) rgb[at++] = data[i + c]
    const from = scale < 1 && { from: [bitmap.height, bitmap.width] as const }
    return { name, data: rgb, height, width, ...from }
  } finally {
    bitmap.close()
  }
}

/** For `putImageData`. */
export function imageDataOf({ data, height, width }: Picture): ImageData {
  const out = new ImageData(width, height)
  for (let i = 0, at = 0; i < out.data.length; i += 4) {
    for (let c = 0; c < 3; c++) out.data[i + c] = data[at++]
    out.data[i + 3] = 255
  }
  return out
}

/** Hands `blob` to the person as a file of that name. */
export function download(blob: Blob, name: string): void {
  const link = document.createElement('a')
  link.href = URL.createObjectURL(blob)
  link.download = name
  link.click()
  // The browser has taken hold of it when the click is over; a second is for those that have not.
  setTimeout(() => URL.revokeObjectURL(link.href), 1000)
}

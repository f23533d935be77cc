// The middle of a picture at a size of its own, for images that are classified as a whole (Node).

import { resizeImage } from './images.ts'
import type { Picture } from './picture.ts'

/** The middle [height, width] of a picture that was made larger or smaller, its proportions kept, to just cover these. */
export async function centreCrop(
  picture: Picture,
  height: number,
  width: number,
): Promise<Picture> {
  const scale = Math.max(height / picture.height, width / picture.width)
  const h = Math.max(height, Math.round(picture.height * scale))
  const w = Math.max(width, Math.round(picture.width * scale))
  return cutOut(
    await resizeImage(picture, h, w),
    (h - height) >> 1,
    (w - width) >> 1,
    height,
    width,
  )
}

function cutOut(
  { data, ...from }: Picture,
  top: number,
  left: number,
  height: number,
  width: number,
): Picture {
  if (height === from.height && width === from.width) return { data, ...from }
  const cut = new Uint8Array(3 * height * width)
  for (let y = 0; y < height; y++) {
    const start = 3 * ((top + y) * from.width + left)
    cut.set(data.subarray(start, start + 3 * width), 3 * y * width)
  }
  return { data: cut, height, width }
}

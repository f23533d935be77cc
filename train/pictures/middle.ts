// The middle of a picture at a size of its own, for images that are classified as a whole (Node).

import { resizeImage } from './images.ts'
import { cutOut, type Picture } from './picture.ts'

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

// The picture with its objects as a file: what the page shows, drawn once more at a size at which words have room.

import { type ClassInfo, comfortableScale } from '../../../train/index.ts'
import { imageDataOf, type OpenedPicture } from '../ui/picture.ts'
import { classOf, colourOf, percent } from './look.ts'
import type { FoundObject } from './messages.ts'

/** As PNG; small pictures enlarged to about 480 rows. */
export async function overlayPng(
  picture: OpenedPicture,
  classes: readonly ClassInfo[],
  objects: readonly FoundObject[],
): Promise<Blob> {
  const scale = comfortableScale(picture.height / 2)
  const [height, width] = [scale * picture.height, scale * picture.width]
  const canvas = new OffscreenCanvas(width, height)
  const draw = canvas.getContext('2d')!
  draw.imageSmoothingEnabled = false
  const bitmap = await createImageBitmap(imageDataOf(picture))
  draw.drawImage(bitmap, 0, 0, width, height)
  bitmap.close()
  const reversed = objects.map((object, i) => ({ object, colour: colourOf(i) })).reverse()
  draw.save()
  draw.scale(scale, scale)
  draw.lineWidth = 2 / scale
  for (const { object, colour } of reversed) {
    const path = new Path2D(object.outline)
    draw.fillStyle = colour
    draw.strokeStyle = colour
    draw.globalAlpha = 0.36
    draw.fill(path, 'evenodd')
    draw.globalAlpha = 1
    draw.stroke(path)
  }
  draw.restore()
  const size = Math.max(10, Math.min(20, Math.round(height / 36)))
  draw.font = `600 ${size}px system-ui, sans-serif`
  draw.textAlign = 'center'
  draw.textBaseline = 'middle'
  for (const { object, colour } of reversed) {
    const [top, left, bottom, right] = object.box
    const words = `${classOf(classes, object)} ${percent(object.score)}`
    const wide = draw.measureText(words).width + size
    const x = Math.min(Math.max((scale * (left + right)) / 2, wide / 2), width - wide / 2)
    const y = (scale * (top + bottom)) / 2
    draw.fillStyle = '#000b'
    draw.fillRect(x - wide / 2, y - 0.75 * size, wide, 1.5 * size)
    draw.fillStyle = colour
    draw.fillRect(x - wide / 2, y - 0.75 * size, 3, 1.5 * size)
    draw.fillStyle = '#fff'
    draw.fillText(words, x, y)
  }
  return await canvas.convertToBlob({ type: 'image/png' })
}

// Pictures for people to look at, as plain RGB arrays: coloured label maps, overlays, error maps, panels.

import { OptionError } from '../../engine/errors.ts'
import { type ClassInfo, type Colour, VOID } from '../dataset.ts'

export interface Picture {
  /** RGB, [height, width, 3]. */
  readonly data: Uint8Array
  readonly height: number
  readonly width: number
}

const VOID_COLOUR: Colour = [0, 0, 0]
const WRONG: Colour = [236, 52, 44]
const SEPARATOR: Colour = [255, 255, 255]

/** A label map [height, width] in the colours of its classes; void and unknown labels are black. */
export function colourLabels(
  labels: Uint8Array,
  height: number,
  width: number,
  classes: readonly ClassInfo[],
): Picture {
  const data = new Uint8Array(3 * height * width)
  for (let i = 0; i < height * width; i++)
    data.set(classes[labels[i]]?.colour ?? VOID_COLOUR, 3 * i)
  return { data, height, width }
}

/** `top` over `bottom` (same size), `share` 0..1 of it. */
export function blend(bottom: Picture, top: Picture, share = 0.5): Picture {
  if (bottom.height !== top.height || bottom.width !== top.width)
    throw new OptionError(
      `cannot blend ${top.height}×${top.width} over ${bottom.height}×${bottom.width}`,
    )
  const data = bottom.data.map((value, i) => value + (top.data[i] - value) * share + 0.5)
  return { ...bottom, data }
}

/** Where a prediction is wrong: red on the dimmed grey image; void pixels, which do not count, are black. */
export function errorMap(image: Picture, labels: Uint8Array, prediction: Uint8Array): Picture {
  const data = new Uint8Array(image.data.length)
  for (let i = 0; i < labels.length; i++) {
    if (labels[i] === VOID) continue
    const [r, g, b] = image.data.subarray(3 * i, 3 * i + 3)
    const grey = 30 + 0.45 * (0.3 * r + 0.59 * g + 0.11 * b)
    data.set(labels[i] === prediction[i] ? [grey, grey, grey] : WRONG, 3 * i)
  }
  return { ...image, data }
}

/** Pictures of one height in a row, thin white lines between them. */
export function beside(pictures: readonly Picture[], gap = 2): Picture {
  const height = pictures[0].height
  const width = pictures.reduce((sum, p) => sum + p.width, gap * (pictures.length - 1))
  const out = blank(height, width)
  let left = 0
  for (const picture of pictures) {
    paste(out, picture, 0, left)
    left += picture.width + gap
  }
  return out
}

/** Pictures of one width under each other, thin white lines between them. */
export function stacked(pictures: readonly Picture[], gap = 2): Picture {
  const width = pictures[0].width
  const height = pictures.reduce((sum, p) => sum + p.height, gap * (pictures.length - 1))
  const out = blank(height, width)
  let top = 0
  for (const picture of pictures) {
    paste(out, picture, top, 0)
    top += picture.height + gap
  }
  return out
}

/** Each pixel as a square of factor × factor. */
export function enlarge(picture: Picture, factor: number): Picture {
  if (!Number.isInteger(factor) || factor < 1)
    throw new OptionError(`a picture is enlarged by a whole factor of 1 or more; got ${factor}`)
  const height = picture.height * factor
  const width = picture.width * factor
  const data = new Uint8Array(3 * height * width)
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const from = 3 * (Math.floor(y / factor) * picture.width + Math.floor(x / factor))
      const to = 3 * (y * width + x)
      for (let c = 0; c < 3; c++) data[to + c] = picture.data[from + c]
    }
  return { data, height, width }
}

/** A picture brought to so many rows, its sides in proportion: the mean of the pixels that a new one covers, or the nearest. */
export function fitted(picture: Picture, rows: number): Picture {
  const { data, height, width } = picture
  const columns = Math.max(1, Math.round((width * rows) / height))
  const out = new Uint8Array(3 * rows * columns)
  // Each new pixel covers at least one old one.
  const range = (i: number, of: number, count: number) => {
    const from = Math.floor((i * count) / of)
    return [from, Math.max(from + 1, Math.floor(((i + 1) * count) / of))] as const
  }
  for (let y = 0; y < rows; y++)
    for (let x = 0; x < columns; x++) {
      const [top, bottom] = range(y, rows, height)
      const [left, right] = range(x, columns, width)
      for (let c = 0; c < 3; c++) {
        let sum = 0
        for (let i = top; i < bottom; i++)
          for (let j = left; j < right; j++) sum += data[3 * (i * width + j) + c]
        out[3 * (y * columns + x) + c] = sum / ((bottom - top) * (right - left)) + 0.5
      }
    }
  return { data: out, height: rows, width: columns }
}

/** The rectangle of `height` × `width` pixels at a place of a picture, which must hold it. */
export function cutOut(
  picture: Picture,
  top: number,
  left: number,
  height: number,
  width: number,
): Picture {
  if (top < 0 || left < 0 || top + height > picture.height || left + width > picture.width)
    throw new OptionError(
      `${height}×${width} pixels at ${top}, ${left} are not in a picture of ${picture.height}×${picture.width}`,
    )
  const data = new Uint8Array(3 * height * width)
  for (let y = 0; y < height; y++) {
    const from = 3 * ((top + y) * picture.width + left)
    data.set(picture.data.subarray(from, from + 3 * width), 3 * y * width)
  }
  return { data, height, width }
}

/** The whole factor that brings small pictures to about 240 rows; 1 for large ones. */
export function comfortableScale(height: number): number {
  return Math.max(1, Math.round(240 / height))
}

/** One example scored: input, truth, prediction and errors beside each other, enlarged where small. */
export function panel(
  example: { image: Uint8Array; labels: Uint8Array; height: number; width: number },
  prediction: Uint8Array,
  classes: readonly ClassInfo[],
  scale = comfortableScale(example.height),
): Picture {
  const { image, labels, height, width } = example
  const input: Picture = { data: image, height, width }
  const parts = [
    input,
    colourLabels(labels, height, width, classes),
    colourLabels(prediction, height, width, classes),
    errorMap(input, labels, prediction),
  ]
  return beside(parts.map((part) => enlarge(part, scale)))
}

/** An image with its predicted classes shining through. */
export function overlay(
  image: Picture,
  prediction: Uint8Array,
  classes: readonly ClassInfo[],
  share = 0.5,
): Picture {
  return blend(image, colourLabels(prediction, image.height, image.width, classes), share)
}

function blank(height: number, width: number): Picture {
  const data = new Uint8Array(3 * height * width)
  for (let i = 0; i < height * width; i++) data.set(SEPARATOR, 3 * i)
  return { data, height, width }
}

function paste(out: Picture, picture: Picture, top: number, left: number): void {
  if (top + picture.height > out.height || left + picture.width > out.width)
    throw new OptionError('pictures in a row need one height, and in a stack one width')
  for (let y = 0; y < picture.height; y++)
    out.data.set(
      picture.data.subarray(3 * y * picture.width, 3 * (y + 1) * picture.width),
      3 * ((top + y) * out.width + left),
    )
}

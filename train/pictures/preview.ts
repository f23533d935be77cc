// What a network is shown: a contact sheet with a row for each training image, first as it is, then as augmentation draws it.

import { type AugmentStep, augment, type Drawn } from '../augment/index.ts'
import { type Interpolation, scaled } from '../augment/resize.ts'
import { type ClassInfo, type Colour, type Example, VOID } from '../dataset.ts'
import { beside, blend, colourLabels, enlarge, type Picture, stacked } from './picture.ts'

export interface PreviewOptions {
  /** How often each image is drawn; default 3. */
  readonly variants?: number
  readonly seed?: number
  /** Rows of a cell of the sheet, to which larger images are made smaller and smaller ones enlarged by a whole factor; default
   * 240. Not with a grid, whose images keep their size or are enlarged. */
  readonly rows?: number
  /** Shows the pixels whose labels supervise the cells of a network with this stride, as dots in the colours of their classes. */
  readonly grid?: { readonly stride: number; readonly offset: number }
}

export interface PreviewRow {
  readonly name: string
  readonly height: number
  readonly width: number
  /** Where the data set classifies images. */
  readonly category?: number
  readonly variants: readonly {
    readonly height: number
    readonly width: number
    readonly drawn: readonly Drawn[]
  }[]
}

export interface Preview {
  readonly picture: Picture
  readonly rows: readonly PreviewRow[]
}

const PREVIEW = 0x93e

/** Draws the sheet. Labels are blended over the variants in the colours of their classes; void is striped. Variant v of row i depends on
 * the seed, on i and on v alone. Throws what `augment` throws. */
export function previewSheet(
  examples: readonly Example[],
  classes: readonly ClassInfo[],
  steps: readonly AugmentStep[],
  { variants = 3, seed = 1, rows = 240, grid }: PreviewOptions = {},
): Preview {
  const shown = (picture: Picture, labels?: Uint8Array) => {
    const seen = labels ? labelled(picture, labels, classes) : picture
    if (!grid) return atRows(seen, rows)
    // Dots want a dozen pixels each.
    const factor = Math.max(1, Math.ceil(12 / grid.stride))
    return dotted(enlarge(seen, factor), labels, picture, factor, grid, classes)
  }
  const cells: Picture[][] = []
  const said = examples.map((example, i): PreviewRow => {
    const { name, height, width, category } = example
    const drawn = Array.from({ length: variants }, (_, v) =>
      augment(example, steps, [seed, PREVIEW, i, v]),
    )
    cells.push([
      shown({ data: example.image, height, width }),
      ...drawn.map((one) => {
        const picture = pictureOf(one.image, one.height, one.width)
        return shown(picture, one.labels.length === one.height * one.width ? one.labels : undefined)
      }),
    ])
    return {
      ...{ name, height, width },
      ...(category !== undefined && { category }),
      variants: drawn.map(({ height, width, drawn }) => ({ height, width, drawn })),
    }
  })
  return { picture: sheet(cells), rows: said }
}

/** Numbers in [0, 1] as bytes. */
function pictureOf(image: Float32Array, height: number, width: number): Picture {
  return { data: Uint8Array.from(image, (v) => Math.round(255 * v)), height, width }
}

const WHITE: Colour = [255, 255, 255]
const BLACK: Colour = [0, 0, 0]
/** Columns and rows of a stripe. */
const STRIPE = 6

/** Classes shine through a picture; void is striped, so that it is seen on dark pictures and on light ones. */
function labelled(picture: Picture, labels: Uint8Array, classes: readonly ClassInfo[]): Picture {
  const { height, width } = picture
  const colours = colourLabels(labels, height, width, classes)
  for (let i = 0; i < labels.length; i++)
    if (labels[i] === VOID) {
      const across = Math.floor(i / width) + (i % width)
      colours.data.set(Math.floor(across / STRIPE) % 2 ? WHITE : BLACK, 3 * i)
    }
  return blend(picture, colours, 0.45)
}

/** Smaller, or larger by a whole factor, to about so many rows; never wider than four times that. */
function atRows(picture: Picture, rows: number): Picture {
  const { height, width } = picture
  const most = Math.min(rows / height, (4 * rows) / width)
  if (most >= 2) return enlarge(picture, Math.floor(most))
  if (most >= 1) return picture
  const filter: Interpolation = 'antialias'
  const size = {
    height: Math.max(1, Math.round(height * most)),
    width: Math.max(1, Math.round(width * most)),
  }
  const frame = { name: 'preview', height, width, image: picture.data }
  const { image } = scaled(
    { ...frame, labels: undefined, instances: undefined },
    { ...size, filter },
  )
  return image instanceof Float32Array ? pictureOf(image, size.height, size.width) : picture
}

/** A dot with a dark edge at the middle of each pixel (s·i + o, s·j + o) of `own`, which `picture` shows enlarged by a factor. */
function dotted(
  picture: Picture,
  labels: Uint8Array | undefined,
  own: Picture,
  factor: number,
  { stride, offset }: { readonly stride: number; readonly offset: number },
  classes: readonly ClassInfo[],
): Picture {
  if (!labels) return picture
  for (let y = offset; y < own.height; y += stride)
    for (let x = offset; x < own.width; x += stride) {
      const colour = classes[labels[y * own.width + x]]?.colour ?? WHITE
      const [cy, cx] = [y, x].map((at) => Math.floor((at + 0.5) * factor))
      for (let j = cy - 2; j <= cy + 2; j++)
        for (let i = cx - 2; i <= cx + 2; i++) {
          if (j < 0 || i < 0 || j >= picture.height || i >= picture.width) continue
          const edge = Math.max(Math.abs(j - cy), Math.abs(i - cx)) === 2
          picture.data.set(edge ? BLACK : colour, 3 * (j * picture.width + i))
        }
    }
  return picture
}

/** Cells in rows and columns, each in the middle of its place. */
function sheet(cells: readonly (readonly Picture[])[]): Picture {
  const widths = cells[0].map((_, c) => Math.max(...cells.map((row) => row[c].width)))
  return stacked(
    cells.map((row) => {
      const height = Math.max(...row.map((cell) => cell.height))
      return beside(
        row.map((cell, c) => framed(cell, height, widths[c])),
        4,
      )
    }),
    4,
  )
}

/** A picture in the middle of a white one. */
function framed(picture: Picture, height: number, width: number): Picture {
  if (picture.height === height && picture.width === width) return picture
  const data = new Uint8Array(3 * height * width).fill(255)
  const top = Math.floor((height - picture.height) / 2)
  const left = Math.floor((width - picture.width) / 2)
  for (let y = 0; y < picture.height; y++)
    data.set(
      picture.data.subarray(3 * y * picture.width, 3 * (y + 1) * picture.width),
      3 * ((top + y) * width + left),
    )
  return { data, height, width }
}

// A picture with its instances over it, each in a colour of its own inside an outline, and what they are in words.

import { text } from '../charts/svg.ts'
import type { ClassInfo, Colour } from '../dataset.ts'
import type { Picture } from '../pictures/picture.ts'
import type { FoundInstance } from './found.ts'

/** Colours far apart: hues at the golden angle. */
export function instanceColour(index: number): Colour {
  const hue = (index * 0.61803398875) % 1
  const part = (shift: number) => {
    const t = Math.abs(((hue + shift) % 1) * 6 - 3) - 1
    return Math.round(255 * (0.15 + 0.85 * Math.min(1, Math.max(0, t))))
  }
  return [part(0), part(2 / 3), part(1 / 3)]
}

/** The instances from a confidence on, the most confident on top; `share` 0 … 1 of their colour shines. */
export function instanceOverlay(
  { data, height, width }: Picture,
  found: readonly FoundInstance[],
  share = 0.45,
): Picture {
  const owner = new Int32Array(height * width)
  found.toReversed().forEach(({ mask }, i) => {
    mask.forEach((v, at) => {
      if (v) owner[at] = found.length - i
    })
  })
  const out = Uint8Array.from(data)
  for (let y = 0, at = 0; y < height; y++)
    for (let x = 0; x < width; x++, at++) {
      const own = owner[at]
      if (!own) continue
      const colour = instanceColour(own - 1)
      const edge =
        (x > 0 && owner[at - 1] !== own) ||
        (x + 1 < width && owner[at + 1] !== own) ||
        (y > 0 && owner[at - width] !== own) ||
        (y + 1 < height && owner[at + width] !== own)
      for (let c = 0; c < 3; c++)
        out[3 * at + c] = edge
          ? colour[c]
          : data[3 * at + c] + (colour[c] - data[3 * at + c]) * share * 0.8 + 0.5
    }
  return { data: out, height, width }
}

/** SVG of `scale` times the size of the picture: class and confidence of each instance, in the middle of its box. */
export function instanceLabels(
  picture: Picture,
  found: readonly FoundInstance[],
  classes: readonly ClassInfo[],
  scale = 1,
): string {
  const [height, width] = [scale * picture.height, scale * picture.width]
  const size = Math.max(8, Math.min(16, Math.round(height / 28)))
  const lines = found.map(({ class: k, score, box: [top, left, bottom, right] }, i) => {
    const words = `${classes[k]?.name ?? k} ${Math.round(100 * score)} %`
    const wide = 0.58 * size * words.length
    const x = Math.min(
      Math.max((scale * (left + right)) / 2, wide / 2),
      Math.max(wide / 2, width - wide / 2),
    )
    const y = (scale * (top + bottom)) / 2
    const colour = `rgb(${instanceColour(i).join(',')})`
    return (
      `<rect x="${(x - wide / 2).toFixed(1)}" y="${(y - 0.85 * size).toFixed(1)}" width="${wide.toFixed(1)}" height="${(1.15 * size).toFixed(1)}" fill="black" fill-opacity="0.6"/>` +
      text(x, y, words, 'middle', colour, size)
    )
  })
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" font-family="system-ui, sans-serif">${lines.join('')}</svg>`
}

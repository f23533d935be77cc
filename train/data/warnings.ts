// What can be read and yet looks wrong: signs in the counts of labels that say one thing and mean another.

import type { Dataset } from '../dataset.ts'
import { percent } from '../scoring/metrics.ts'
import type { ClassPresence } from './preflight.ts'
import type { ImageScan } from './scan.ts'

/** Classes beyond this share of what changes in a row are taken for the work of a filter; of 75 images of five data sets none has
 * more than 0.013. */
const SMOOTHED = 0.25
/** Of 20 images of VOC, 53 % of the void pixels lie in such bands; of CamVid's poles, the thinnest class known, 22 %. */
const BANDED = 0.4
/** Columns of an image in which a band of a few pixels is thin. */
const WIDE = 128
/** The band around objects is in all images, or in nearly all. */
const NEARLY_ALL = 0.8

/** In words, what looks wrong in the labels of a data set; `scans` has null where an example cannot be used. */
export function warningsOf(
  dataset: Dataset,
  scans: readonly (ImageScan | null)[],
  classes: readonly ClassPresence[],
): string[] {
  const read = scans.filter((scan) => scan !== null)
  if (!read.length) return []
  const sum = (of: (scan: ImageScan) => number) => read.reduce((s, scan) => s + of(scan), 0)
  const all = sum(({ height, width }) => height * width)
  const empty = sum((scan) => scan.void)
  if (empty === all) return ['every pixel is void: nothing can be learned']
  const found: string[] = []
  if (empty > all / 2) found.push(`${percent(empty / all)} of the pixels are void`)
  const absent = classes.filter(({ pixels }) => !pixels).map(({ name }) => name)
  if (absent.length)
    found.push(
      `no pixel is ${absent.slice(0, 8).join(', ')}${absent.length > 8 ? ` or one of ${absent.length - 8} further classes` : ''}${
        classes[0].pixels ? '' : ': where labels count from 1, they are one too high'
      }`,
    )
  const largest = classes.reduce((a, b) => (b.share > a.share ? b : a))
  if (largest.share > 0.98)
    found.push(`${percent(largest.share)} of the labelled pixels are ${largest.name}`)
  const nameAt = (index: number) => fileOf(dataset, index)
  return [
    ...found,
    ...smoothed(scans, nameAt),
    ...voidAmong(dataset, read),
    ...oddSizes(scans, nameAt),
  ]
}

function smoothed(
  scans: readonly (ImageScan | null)[],
  nameAt: (index: number) => string,
): string[] {
  const at = [...scans.keys()].filter((i) => {
    const scan = scans[i]
    return scan && scan.steps > SMOOTHED * scan.changes
  })
  const sum = (key: 'changes' | 'steps') => at.reduce((s, i) => s + scans[i]![key], 0)
  if (sum('changes') <= 100) return []
  return [
    `${nameAt(at[0])}${at.length > 1 ? ` and ${at.length - 1} more` : ''}: ${percent(sum('steps') / sum('changes'))} of the changes of label go by way of a class between the two: the labels were made smaller with a filter that averages, or saved as JPEG`,
  ]
}

const NO_CLASS = /^(void|unlabell?ed|ignored?|unknown|undefined|don'?t[ _-]?care|none)$/i

/** Classes that look like void: by their name, or as the band that is drawn around objects. */
function voidAmong({ classes }: Dataset, scans: readonly ImageScan[]): string[] {
  const advice = 'it is learned and scored as a class; void is 255 in label files'
  return classes.flatMap(({ name }, k) => {
    if (NO_CLASS.test(name)) return [`class ${k} is called ${name}: ${advice}`]
    let [images, pixels, band] = [0, 0, 0]
    for (const scan of scans) {
      const at = scan.classes.indexOf(k)
      // Where images are small everything is.
      if (at < 0 || scan.width < WIDE) continue
      images++
      pixels += scan.pixels[at]
      band += scan.bands[at]
    }
    if (images < 3 || images < NEARLY_ALL * scans.length || band < BANDED * pixels) return []
    return [
      `class ${k}, ${name}, runs as a band around others in nearly all images, as void does: ${advice}`,
    ]
  })
}

/** The few images of another size than nearly all, and examples by name. */
function oddSizes(
  scans: readonly (ImageScan | null)[],
  nameAt: (index: number) => string,
): string[] {
  const bySize = new Map<string, number[]>()
  scans.forEach((scan, i) => {
    if (!scan) return
    const size = `${scan.width}×${scan.height}`
    bySize.set(size, [...(bySize.get(size) ?? []), i])
  })
  const [[usual, most], ...others] = [...bySize].sort(([, a], [, b]) => b.length - a.length)
  const odd = others.flatMap(([, indices]) => indices)
  if (!odd.length || most.length < 0.9 * scans.length) return []
  const named = odd.slice(0, 3).map(nameAt).join(', ')
  const more = odd.length > 3 ? ` and ${odd.length - 3} more` : ''
  return [`${named}${more} ${odd.length > 1 ? 'are' : 'is'} not ${usual} as the others are`]
}

/** The label file of an example, or its number. */
export function fileOf(dataset: Dataset, index: number): string {
  const { pairs } = dataset as { pairs?: readonly { readonly label: string }[] }
  return pairs?.[index]?.label ?? `example ${index}`
}

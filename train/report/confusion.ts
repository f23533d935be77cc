// A confusion matrix as a picture: a row for each labelled class, a column for each answer, the darker the larger the share of
// the row. Cells of one shade are one path, so that 150 classes stay small.

import { escaped, percentText } from './markup.ts'

export interface Confused {
  readonly label: string
  readonly answer: string
  /** Of the label's pixels. */
  readonly share: number
}

/** Up to this many classes have their names and shares written. */
const NAMED = 30
const SHADES = 20
const CELL = 34

/** Shares of each row, [classes, classes]; a class without labels has zeros. */
export function rowShares(counts: readonly number[], classes: number): number[] {
  return counts.map((count, i) => {
    const row = Math.floor(i / classes)
    let sum = 0
    for (let k = 0; k < classes; k++) sum += counts[row * classes + k]
    return sum > 0 ? count / sum : 0
  })
}

/** The mistakes that cost a class most of its pixels, the largest first. */
export function largestConfusions(
  names: readonly string[],
  counts: readonly number[],
  most = 6,
): Confused[] {
  const n = names.length
  return rowShares(counts, n)
    .map((share, i) => ({ label: Math.floor(i / n), answer: i % n, share }))
    .filter(({ label, answer, share }) => label !== answer && share >= 0.005)
    .sort((a, b) => b.share - a.share)
    .slice(0, most)
    .map(({ label, answer, share }) => ({ label: names[label], answer: names[answer], share }))
}

/** The matrix as SVG in the page's colours. */
export function confusionSvg(names: readonly string[], counts: readonly number[]): string {
  const n = names.length
  const shares = rowShares(counts, n)
  const named = n <= NAMED
  const cell = named ? CELL : Math.max(3, Math.round(640 / n))
  const margin = named ? 8 * Math.max(...names.map((name) => Math.min(16, name.length))) + 14 : 4
  const size = margin + n * cell + 4
  const parts = [...cells(shares, n, cell, margin)]
  if (named)
    names.forEach((name, i) => {
      const middle = margin + (i + 0.5) * cell
      const short = escaped(name.length > 16 ? `${name.slice(0, 15)}…` : name)
      parts.push(
        `<text x="${margin - 8}" y="${middle + 4}" text-anchor="end">${short}</text>`,
        `<text transform="translate(${middle + 4} ${margin - 8}) rotate(-55)">${short}</text>`,
      )
    })
  const right = named ? 40 : 0
  return `<svg class="confusion" viewBox="0 0 ${size + right} ${size}" width="${size + right}" role="img" aria-label="Confusion matrix, rows by label and columns by answer: ${escaped(spoken(names, shares))}">
${parts.join('\n')}
</svg>`
}

function cells(shares: readonly number[], n: number, cell: number, margin: number): string[] {
  const paths: string[] = Array.from({ length: SHADES + 1 }, () => '')
  const numbers: string[] = []
  const inner = cell > 8 ? cell - 2 : cell
  shares.forEach((share, i) => {
    const [x, y] = [margin + (i % n) * cell, margin + Math.floor(i / n) * cell]
    // What is not nothing is not drawn as nothing.
    const shade = share > 0.002 ? Math.max(1, Math.round(share * SHADES)) : 0
    paths[shade] += `M${x} ${y}h${inner}v${inner}h-${inner}z`
    const text = Math.round(100 * share)
    if (n <= NAMED && text > 0)
      numbers.push(
        `<text class="${share > 0.55 ? 'on' : 'off'}" x="${x + inner / 2}" y="${y + inner / 2 + 4}" text-anchor="middle">${text}</text>`,
      )
  })
  const drawn = paths.flatMap((d, shade) =>
    d === ''
      ? []
      : [
          `<path class="${shade ? 'full' : 'empty'}"${shade ? ` fill-opacity="${shadeOf(shade)}"` : ''} d="${d}"/>`,
        ],
  )
  return [...drawn, ...numbers]
}

/** Small shares are what one looks for: they stand out more than in proportion. */
const shadeOf = (shade: number): string => ((shade / SHADES) ** 0.6).toFixed(2)

function spoken(names: readonly string[], shares: readonly number[]): string {
  const found = names.map((name, k) => `${name} ${percentText(shares[k * names.length + k], 0)}`)
  return `found of ${found.join(', ')}`
}

// What all charts are drawn with: text, round numbers for their axes, and the picture around them.

export const INK = '#2b2f36'

/** Round numbers from 0 up to `highest`: 4 to 8 of them. */
export function ticks(highest: number): number[] {
  const rough = highest / 6
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = [1, 2, 5, 10].map((k) => k * power).find((k) => k >= rough) ?? rough
  return Array.from({ length: Math.floor(highest / step) + 1 }, (_, i) => i * step)
}

/** `12k` for 12000, `0.25`. */
export function short(value: number): string {
  return value >= 1000 ? `${+(value / 1000).toPrecision(3)}k` : `${+value.toPrecision(3)}`
}

/** A line of text; what is no letter to SVG is escaped. */
export function text(
  x: number,
  y: number,
  content: string,
  anchor: string,
  fill: string,
  size = 12,
): string {
  const escaped = content.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;')
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}" fill="${fill}" font-size="${size}">${escaped}</text>`
}

/** A picture of these parts on white. */
export function svg(width: number, height: number, parts: readonly string[]): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="system-ui, sans-serif">
<rect width="100%" height="100%" fill="white"/>
${parts.join('\n')}
</svg>
`
}

// Tables of figures for a terminal.

/** Rows as lines, in columns; those in `right` end together. The first row is the heading. */
export function table(rows: readonly (readonly string[])[], right: ReadonlySet<number>): string[] {
  const widths = rows[0].map((_, i) => Math.max(...rows.map((row) => row[i].length)))
  return rows.map((row) =>
    row
      .map((cell, i) => (right.has(i) ? cell.padStart(widths[i]) : cell.padEnd(widths[i])))
      .join('  ')
      .trimEnd(),
  )
}

/** `24.6 M`, `101 G`: three figures, in powers of 1000. */
export function short(n: number, unit = ''): string {
  const power = n < 1000 ? 0 : Math.min(4, Math.floor(Math.log10(n) / 3 + 1e-9))
  const value = n / 1000 ** power
  const figures = power === 0 ? String(n) : value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0)
  return `${figures} ${['', 'k', 'M', 'G', 'T'][power]}${unit}`.trimEnd()
}

/** `12,345,678` */
export const exact = (n: number): string => n.toLocaleString('en')

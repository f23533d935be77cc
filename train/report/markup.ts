// Text for a page: what is no letter to HTML is escaped, and figures are written as people read them.

/** Text between tags or in a quoted attribute. */
export const escaped = (value: unknown): string =>
  String(value)
    .replace(/&/g, '&amp;')
    .replace(/</g, '&lt;')
    .replace(/>/g, '&gt;')
    .replace(/"/g, '&quot;')
    .replace(/'/g, '&#39;')

/** `57.3 %`; a dash for what is not there. */
export const percentText = (share: number | null | undefined, digits = 1): string =>
  typeof share === 'number' && Number.isFinite(share) ? `${(100 * share).toFixed(digits)} %` : '–'

/** `12,345` */
export const wholeText = (n: number): string => n.toLocaleString('en')

/** `24.6 M`: three figures. */
export function countText(n: number): string {
  const power = n < 1000 ? 0 : Math.min(4, Math.floor(Math.log10(n) / 3 + 1e-9))
  return `${+(n / 1000 ** power).toPrecision(3)} ${['', 'k', 'M', 'G', 'T'][power]}`.trimEnd()
}

/** `1.2 GiB` */
export function bytesText(n: number): string {
  if (n < 1024) return `${n} bytes`
  const power = Math.min(4, Math.floor(Math.log2(n) / 10 + 1e-9))
  return `${+(n / 1024 ** power).toPrecision(3)} ${['', 'KiB', 'MiB', 'GiB', 'TiB'][power]}`
}

/** `45 s`, `12 min`, `3 h 05 min`. */
export function timeText(seconds: number): string {
  if (seconds < 99.5) return `${Math.round(seconds)} s`
  const minutes = Math.round(seconds / 60)
  if (minutes < 100) return `${minutes} min`
  return `${Math.floor(minutes / 60)} h ${`${minutes % 60}`.padStart(2, '0')} min`
}

/** `0.00125`, `1.2e-7`: enough figures to tell neighbours apart. */
export const figureText = (value: number): string =>
  value !== 0 && (Math.abs(value) < 1e-4 || Math.abs(value) >= 1e5)
    ? value.toExponential(1).replace('e+', 'e')
    : `${+value.toPrecision(4)}`

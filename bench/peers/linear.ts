// Linear interpolation as a matrix, for engines that have no resizing of their own.

/** [n · factor, n]: what each result takes of each of n values on one axis, with pixels as areas (half-pixel centres) and
 * the border repeated. */
export function interpolation(n: number, factor: number): Float32Array<ArrayBuffer> {
  const matrix = new Float32Array(n * factor * n)
  for (let to = 0; to < n * factor; to++) {
    const at = Math.max(0, (to + 0.5) / factor - 0.5)
    const from = Math.min(n - 1, Math.floor(at))
    const next = Math.min(n - 1, from + 1)
    matrix[to * n + from] += 1 - (at - from)
    matrix[to * n + next] += at - from
  }
  return matrix
}

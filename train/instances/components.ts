// What instances are without boxes: the connected pieces of the likeliest classes' masks, the baseline that the localization net has
// to beat.

import type { Hypothesis } from '../scoring/instance-scores.ts'

/** The pieces, connected across edges, of the pixels whose likeliest class is the same and not background: of probabilities
 * [height, width, classes], pieces of fewer than `least` pixels left out. The score is the mean probability of the class. */
export function connectedInstances(
  probabilities: ArrayLike<number>,
  height: number,
  width: number,
  least = 16,
): Hypothesis[] {
  const classes = probabilities.length / (height * width)
  const likeliest = new Uint16Array(height * width)
  for (let at = 0; at < likeliest.length; at++)
    for (let k = 1; k < classes; k++)
      if (probabilities[at * classes + k] > probabilities[at * classes + likeliest[at]])
        likeliest[at] = k
  const seen = new Uint8Array(height * width)
  const found: Hypothesis[] = []
  for (let start = 0; start < seen.length; start++) {
    const own = likeliest[start]
    if (!own || seen[start]) continue
    const pixels = [start]
    seen[start] = 1
    for (let i = 0; i < pixels.length; i++) {
      const at = pixels[i]
      const x = at % width
      const beside = [x ? at - 1 : -1, x + 1 < width ? at + 1 : -1, at - width, at + width]
      for (const next of beside) {
        if (next < 0 || next >= seen.length || seen[next] || likeliest[next] !== own) continue
        seen[next] = 1
        pixels.push(next)
      }
    }
    if (pixels.length < least) continue
    const mask = new Uint8Array(height * width)
    for (const at of pixels) mask[at] = 1
    const score =
      pixels.reduce((sum, at) => sum + probabilities[at * classes + own], 0) / pixels.length
    found.push({ class: own, score, mask })
  }
  return found.sort((a, b) => b.score - a.score)
}

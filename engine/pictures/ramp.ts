// Strengths as colours: a ramp is a few colours, evenly spread over 0 to 1, and what lies between is mixed of its neighbours.

/** Red, green and blue, 0 to 255. */
export type Rgb = readonly [r: number, g: number, b: number]

/** From black over violet, red and yellow to white: brighter means more, in grey and for the colour-blind too. */
export const heatRamp: readonly Rgb[] = [
  [0, 0, 0],
  [68, 14, 84],
  [178, 36, 62],
  [238, 122, 36],
  [252, 216, 96],
  [255, 255, 255],
]

/** The colour of a share 0..1 of a ramp of two colours or more. */
export function rampColour(share: number, ramp: readonly Rgb[] = heatRamp): number[] {
  const place = share * (ramp.length - 1)
  const below = Math.min(Math.floor(place), ramp.length - 2)
  return ramp[below].map((v, c) => Math.round(v + (ramp[below + 1][c] - v) * (place - below)))
}

// The colours that PASCAL VOC gives to class indices, which other data sets without colours of their own borrow.

import type { ClassInfo, Colour } from '../dataset.ts'

/** The colour of index k, 0 … 255: bits 0, 3 and 6 of k are the highest of red, 1, 4 and 7 of green, 2 and 5 of blue. */
export function vocColour(k: number): Colour {
  const channel = (first: number) => {
    let value = 0
    for (let bit = first, weight = 128; bit < 8; bit += 3, weight >>= 1)
      if ((k >> bit) & 1) value |= weight
    return value
  }
  return [channel(0), channel(1), channel(2)]
}

/** Classes with the colours of their indices, the first of which is `first`. */
export const colouredClasses = (names: readonly string[], first = 0): ClassInfo[] =>
  names.map((name, i) => ({ name, colour: vocColour((i + first) % 256) }))

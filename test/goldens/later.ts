// Functions that are being written, looked up at run time.

import * as engine from '../../engine/index.ts'
import * as nn from '../../nn/index.ts'

// biome-ignore lint/suspicious/noExplicitAny: until they are there
export const later = (name: string): any => {
  const found = ({ ...engine, ...nn } as Record<string, unknown>)[name]
  if (!found) throw new Error(`there is no ${name} yet`)
  return found
}

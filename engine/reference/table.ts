// The plain-loop twin of every op that has kernels of its own. (Pointwise ops carry theirs in their definition.)

import { convReferences } from './conv.ts'
import { labelReferences } from './label.ts'
import { poolReferences } from './pool.ts'
import { reduceReferences } from './reduce.ts'
import { resizeReferences } from './resize.ts'
import { scanReferences } from './scan.ts'
import { selectReferences } from './select.ts'
import { shapeReferences } from './shape.ts'
import { takeReferences } from './take.ts'
import type { Reference } from './value.ts'

/** By op name. */
export const references: Readonly<Record<string, Reference | undefined>> = {
  ...shapeReferences,
  ...reduceReferences,
  ...scanReferences,
  ...convReferences,
  ...poolReferences,
  ...resizeReferences,
  ...labelReferences,
  ...takeReferences,
  ...selectReferences,
}

// The reference interpreter: an export of its own, so that no program carries it that does not ask for it.

export { checkOp } from './check.ts'
export { drawDirection, drawInput, randomFrom } from './draw.ts'
export { evaluate } from './evaluate.ts'
export { asStored, type Given, interpret, interpretAll, type State } from './interpret.ts'
export { roundingErrors } from './rounding.ts'
export { references } from './table.ts'
export { largestDifference, sizeOfValues, tolerance } from './tolerance.ts'
export type { Reference, Value } from './value.ts'

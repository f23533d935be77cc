// The overlap of boxes that a search found best for two networks, as `eval-instances --search` writes it beside the localization
// net's checkpoint.

import { DataError } from '../../engine/errors.ts'

export interface ChosenOverlap {
  readonly threshold: number
  /** On which it was found. */
  readonly split: string
  /** Of the localization net's weights that it was found with. */
  readonly step: number
}

/** Reads the record, whose name `file` is for messages. Throws DataError where it is none. */
export function chosenOverlap(text: string, file: string): ChosenOverlap {
  try {
    const { threshold, split, localization } = JSON.parse(text)
    const { step } = localization
    const isShare = typeof threshold === 'number' && threshold >= 0 && threshold <= 1
    if (isShare && typeof split === 'string' && Number.isInteger(step) && step >= 0)
      return { threshold, split, step }
  } catch {
    // Told below.
  }
  throw new DataError(
    file,
    'is damaged, or no record of a search',
    'search again with eval-instances --search, or do without the file',
  )
}

// How a picture will be looked at: what the page asks for, in as much memory as it allows.

import { type Device, OutOfMemoryError } from '../../../engine/index.ts'
import type { Network } from '../../../models/index.ts'
import {
  type Fitted,
  type FittedOptions,
  fittedPredictor,
  type TestTime,
} from '../../../train/index.ts'
import type { Look } from './types.ts'

export interface Fitting {
  readonly fitted: Fitted
  /** Whether probabilities are predicted, or classes alone. */
  readonly hasScores: boolean
}

/** What a network's own procedure says of sizes, mirrors and windows is the page's to say. */
export function testTimeBy(look: Look, usual: TestTime = {}): TestTime {
  const { height, flip, scales, tile } = look
  const { resize: _, ...rest } = usual
  return {
    ...rest,
    ...{ flip, scales },
    ...(height !== undefined && { resize: { height } }),
    ...(tile !== undefined && { window: { height: tile, width: tile } }),
  }
}

/** Probabilities where they fit, else classes. Throws OutOfMemoryError where not even they do. */
export function prepared(
  device: Device,
  network: Network,
  test: TestTime,
  size: readonly [height: number, width: number],
  options: FittedOptions,
): Fitting {
  const fit = (out: 'classes' | 'probabilities') =>
    fittedPredictor(device, network, test, size, { ...options, out })
  try {
    return { fitted: fit('probabilities'), hasScores: true }
  } catch (error) {
    if (!(error instanceof OutOfMemoryError)) throw error
    return { fitted: fit('classes'), hasScores: false }
  }
}

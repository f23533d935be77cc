// The numbers of the pipeline. The paper (Wu, Shen and van den Hengel 2016b) describes its steps and gives none of them: they are ours.

import { checkCount, optionsOf } from '../../engine/ops/options.ts'
import { refuseOption, shown } from '../../engine/ops/refuse.ts'

export interface InstanceOptions {
  /** Nested masks of each class: mask j holds the pixels where the class is among the j likeliest, background too. Default 3. */
  readonly masks?: number
  /** A box whose IoU with a better one of its class and mask is above this belongs to that one's instance; default 0.5. */
  readonly threshold?: number
  /** Of two regions of a class whose masks have an IoU above this the less confident one is dropped; 0 drops all that share a cell
   * (Hariharan et al. 2014). Default 0.3. */
  readonly overlap?: number
  /** Regions of fewer cells are dropped; default 16. */
  readonly leastCells?: number
  /** Pixels from one cell to the next, each way, of the grid on which this is done; default 2. */
  readonly step?: number
  /** A class casts boxes at cells where its probability is above this; default 0. */
  readonly leastScore?: number
}

export type InstanceSettings = Required<InstanceOptions>

/** All of the options. Throws OptionError for some that say nothing. */
export function instanceSettings(options: InstanceOptions = {}): InstanceSettings {
  const me = 'instances'
  const defaults = {
    masks: 3,
    threshold: 0.5,
    overlap: 0.3,
    leastCells: 16,
    step: 2,
    leastScore: 0,
  }
  const given = optionsOf(me, options, defaults)
  checkCount(me, 'masks', given.masks, 'it is how many of the likeliest classes of a pixel count')
  checkCount(me, 'step', given.step, 'it is the number of pixels from one cell to the next')
  checkCount(me, 'leastCells', given.leastCells, 'it is the number of cells of the smallest region')
  for (const name of ['threshold', 'overlap', 'leastScore'] as const) {
    const value: unknown = given[name]
    if (!(typeof value === 'number' && value >= 0 && value <= 1))
      refuseOption(me, `${name} ${shown(value)} is not between 0 and 1`, 'give a share')
  }
  return given
}

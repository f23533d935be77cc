// One training at a time for this origin: its snapshot and its curves lie in one place, where two would overwrite each other's.

import { OptionError } from '../../../engine/index.ts'

/** From now until what it gives is called, nobody else of this origin may write there. Throws OptionError where another tab is
 * training. Where the browser keeps nothing for this page there is nothing to write, and it is given always. */
export function onlyOne(): Promise<() => void> {
  return new Promise((resolve, reject) => {
    navigator.locks
      .request('atrous-training', { ifAvailable: true }, (lock) => {
        if (!lock)
          return reject(
            new OptionError(
              'another tab of this page is training',
              'stop it there, or go on there: both would keep their snapshots in one place',
            ),
          )
        return new Promise<void>((done) => resolve(done))
      })
      // Pages without storage have no locks either.
      .catch(() => resolve(() => {}))
  })
}

// A device that goes away: what is on its way to it goes to the next one, and what the page says of that.

import { type Device, DeviceLostError } from '../../../engine/index.ts'

/** What `place` makes of the open device; of the next one where that goes away meanwhile, and of no third: it may be what is placed
 * that makes them go. */
export async function placedOn<P extends { readonly device: Pick<Device, 'lost'> }, T>(
  here: () => Promise<P>,
  place: (on: P) => Promise<T>,
): Promise<readonly [on: P, placed: T]> {
  const first = await here()
  try {
    return [first, await place(first)]
  } catch (error) {
    if (!(error instanceof DeviceLostError)) throw error
    await first.device.lost
    const next = await here()
    return [next, await place(next)]
  }
}

/** Once there is another device. */
export function openedAgain(hasNetwork: boolean, hasPicture: boolean): string {
  if (!hasNetwork) return 'It was opened again.'
  if (!hasPicture) return 'It was opened again, and the network is back on it.'
  return 'It was opened again, the network is back on it, and the picture is looked at anew.'
}

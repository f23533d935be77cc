// The device of this page: opened once, when something is first to be run.

import { useEffect, useState } from 'preact/hooks'
import { type Device, openDevice } from '../../../engine/index.ts'
import { type Problem, problemOf } from '../ui/problem.tsx'

let opening: Promise<Device> | undefined

/** The device, opened anew where the last one was lost or closed. */
export async function pageDevice(): Promise<Device> {
  opening ??= open()
  const mine = opening
  const device = await mine
  try {
    device.check()
    return device
  } catch {
    // Whoever else waited for the one that is gone shares the next.
    if (opening === mine) opening = undefined
    opening ??= open()
    return opening
  }
}

/** What fails is tried again by the next that asks. */
function open(): Promise<Device> {
  const mine = openDevice()
  mine.catch(() => {
    if (opening === mine) opening = undefined
  })
  return mine
}

export function useDevice(): { readonly device?: Device; readonly problem?: Problem } {
  const [state, setState] = useState<{ device?: Device; problem?: Problem }>({})
  useEffect(() => {
    pageDevice().then(
      (device) => setState({ device }),
      (error) => setState({ problem: problemOf(error) }),
    )
  }, [])
  return state
}

// The device of this page: opened once, when something is first to be run.

import { useEffect, useState } from 'preact/hooks'
import { type Device, openDevice } from '../../../engine/index.ts'
import { type Problem, problemOf } from '../ui/problem.tsx'

let opening: Promise<Device> | undefined

/** The device, opened anew where the last one was lost or closed. */
export async function pageDevice(): Promise<Device> {
  opening ??= openDevice()
  const device = await opening
  try {
    device.check()
    return device
  } catch {
    opening = openDevice()
    return opening
  }
}

export function useDevice(): { readonly device?: Device; readonly problem?: Problem } {
  const [state, setState] = useState<{ device?: Device; problem?: Problem }>({})
  useEffect(() => {
    pageDevice().then(
      (device) => setState({ device }),
      (error) => {
        opening = undefined
        setState({ problem: problemOf(error) })
      },
    )
  }, [])
  return state
}

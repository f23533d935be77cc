// The device of this page: opened once, when something is first to be run. When it goes away the page is told, and gets another.

import { useEffect, useState } from 'preact/hooks'
import { type Device, openDevice } from '../../../engine/index.ts'
import { type Problem, problemOf } from '../ui/problem.tsx'

export interface PageDevice {
  readonly device?: Device
  /** Why there is none. */
  readonly problem?: Problem
  /** What is to be said of one that was lost, while another is being opened and when it is there. */
  readonly lost?: Problem
}

const AGAIN = 'It was opened again, and the values that are shown are computed anew.'

let opening: Promise<Device> | undefined
let state: PageDevice = {}
const watchers = new Set<(state: PageDevice) => void>()

function tell(next: PageDevice): void {
  state = next
  for (const watcher of watchers) watcher(next)
}

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
  mine.then(
    (device) => {
      tell({ device, ...(state.lost && { lost: { ...state.lost, toDo: AGAIN } }) })
      device.lost.then((error) => {
        tell({ ...(state.device !== device && state), lost: problemOf(error) })
        // Where nobody looks the next that asks opens it.
        if (watchers.size) pageDevice().catch(() => {})
      })
    },
    (error) => {
      if (opening === mine) opening = undefined
      tell({ problem: problemOf(error) })
    },
  )
  return mine
}

/** Calls `watcher` with every change; returns what ends that. */
export function watchDevice(watcher: (state: PageDevice) => void): () => void {
  watchers.add(watcher)
  // What comes of it is told to all.
  pageDevice().then(
    () => watchers.has(watcher) && watcher(state),
    () => {},
  )
  return () => watchers.delete(watcher)
}

/** Takes the message of a lost device away. */
export const forgetLoss = (): void => {
  const { lost, ...rest } = state
  tell(rest)
}

export function useDevice(): PageDevice {
  const [now, setNow] = useState(state)
  useEffect(() => watchDevice(setNow), [])
  return now
}

// What the page holds: the worker, the networks that are open in it, and pictures one after the other.

import { useCallback, useEffect, useRef, useState } from 'preact/hooks'
import type { ClassInfo, InstanceOptions } from '../../../train/index.ts'
import type { Remote } from '../remote.ts'
import type { KnownCheckpoint } from '../ui/checkpoints.ts'
import type { OpenedPicture } from '../ui/picture.ts'
import { type Problem, problemOf } from '../ui/problem.tsx'
import { startWorker } from '../ui/start-worker.ts'
import type { Events, Found, Functions, Opened } from './messages.ts'

export interface Shown {
  readonly key: string
  readonly picture: OpenedPicture
  /** Undefined until it was looked at. */
  readonly found?: Found
  /** In place of what was found. */
  readonly failed?: Problem
}

export interface Finder {
  readonly opened: Opened | undefined
  /** Of the networks that found what is shown, still there when their device is lost. */
  readonly classes: readonly ClassInfo[]
  readonly shown: readonly Shown[]
  /** What it is doing now. */
  readonly doing: string | undefined
  /** Of the networks or the device. */
  readonly problem: Problem | undefined
  readonly add: (pictures: readonly OpenedPicture[]) => void
  readonly clear: () => void
  /** Opens device and networks again, and looks at the pictures that have not been. */
  readonly again: () => void
  readonly coco: (least: number) => Promise<string>
}

let made = 0

export function useFinder(
  semantic: KnownCheckpoint | undefined,
  localization: KnownCheckpoint | undefined,
  settings: InstanceOptions,
): Finder {
  const worker = useRef<Remote<Functions, Events>>(undefined)
  const [opened, setOpened] = useState<Opened>()
  const [classes, setClasses] = useState<readonly ClassInfo[]>([])
  const [shown, setShown] = useState<readonly Shown[]>([])
  const [doing, setDoing] = useState<string>()
  const [problem, setProblem] = useState<Problem>()
  const [tries, setTries] = useState(0)

  useEffect(() => {
    const mine = startWorker<Functions, Events>('instances')
    worker.current = mine
    mine.on('lost', ({ message }) => {
      setOpened(undefined)
      setProblem(lostOf(message))
    })
    return () => mine.close()
  }, [])

  useEffect(() => {
    setOpened(undefined)
    setProblem(undefined)
    if (!semantic || !localization) return
    let stale = false
    setDoing('Opening the networks …')
    worker.current!.call.open(semantic.file, localization.file).then(
      (now) => {
        if (stale) return
        setDoing(undefined)
        setShown((all) => all.map(({ key, picture }) => ({ key, picture })))
        setClasses(now.classes)
        setOpened(now)
      },
      (error) => {
        if (stale) return
        setDoing(undefined)
        setProblem(problemOf(error))
      },
    )
    return () => {
      stale = true
      setDoing(undefined)
    }
  }, [semantic, localization, tries])

  // Other networks, or another setting: all once more.
  useEffect(() => {
    setShown((all) => all.map(({ key, picture }) => ({ key, picture })))
  }, [semantic, localization, settings])

  const next = shown.find(({ found, failed }) => !found && !failed)
  useEffect(() => {
    if (!opened || !next || problem) return
    const { key, picture } = next
    let stale = false
    setDoing(`Looking at ${picture.name} …`)
    const became = (what: Pick<Shown, 'found' | 'failed'>) =>
      setShown((all) => all.map((one) => (one.key === key ? { ...one, ...what } : one)))
    worker.current!.call.find({ key, ...picture }, settings).then(
      (found) => {
        if (stale) return
        setDoing(undefined)
        became({ found })
      },
      (error) => {
        if (stale) return
        setDoing(undefined)
        if ((error as Error).name === 'DeviceLostError') {
          setOpened(undefined)
          setProblem(lostOf((error as Error).message))
        } else became({ failed: problemOf(error) })
      },
    )
    return () => {
      stale = true
      setDoing(undefined)
    }
  }, [opened, next?.key, settings, problem])

  const add = useCallback((pictures: readonly OpenedPicture[]) => {
    const more = pictures.map((picture) => ({ key: `${++made}`, picture }))
    setShown((all) => [...all, ...more])
  }, [])
  const clear = useCallback(() => {
    setShown((all) => {
      // A worker that has ended remembers nothing.
      for (const { key } of all) worker.current?.call.forget(key).catch(() => {})
      return []
    })
  }, [])
  const again = useCallback(() => setTries((n) => n + 1), [])
  const coco = useCallback(
    (least: number) =>
      worker.current!.call.coco(
        shown.map(({ key }) => key),
        least,
      ),
    [shown],
  )
  return { opened, classes, shown, doing, problem, add, clear, again, coco }
}

const lostOf = (message: string): Problem => ({
  what: message.split('\n')[0],
  toDo: 'what you chose is still here: open it again, and the pictures are looked at once more',
  kind: 'DeviceLostError',
})

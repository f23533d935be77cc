// What the page holds: its worker, the network that is loaded there, the pictures, and what came of the one that is shown.

import { useCallback, useEffect, useRef, useState } from 'preact/hooks'
import { moved, type Remote } from '../remote.ts'
import { type Problem, problemOf } from '../ui/problem.tsx'
import { startWorker } from '../ui/start-worker.ts'
import { type Camera, openCamera } from './camera.ts'
import { openedAgain } from './put-back.ts'
import { type Chosen, recall, remember } from './remembered.ts'
import type { Events, Functions, LoadedNetwork, Look, Result, Unnamed, View } from './types.ts'

export interface PictureFile {
  readonly key: number
  readonly name: string
  readonly blob: Blob
  /** For the browser to show it. */
  readonly url: string
}

/** Where on the page something went wrong. */
export type Where = 'device' | 'network' | 'picture' | 'camera'

const MiB = 2 ** 20
export const usualLook: Look = {
  ...{ height: undefined, flip: false, scales: [1], tile: undefined, memory: 1024 * MiB },
}

const firstView: View = { mode: 'overlay', blend: 0.55, class: 0, outline: false }

let keys = 0

export function useSegment() {
  const worker = useRef<Remote<Functions, Events>>(undefined)
  const canvas = useRef<HTMLCanvasElement>(null)
  const camera = useRef<Camera>(undefined)
  /** Counts what was asked of the camera; it films while it is that which was asked last. */
  const filmTurn = useRef(0)
  /** Whether a person has asked for a network on this visit. */
  const asked = useRef(false)
  const [line, setLine] = useState<string>()
  const [problems, setProblems] = useState<Partial<Record<Where, Problem>>>({})
  const [progress, setProgress] = useState<Events['progress']>()
  const [network, setNetwork] = useState<LoadedNetwork>()
  const [unnamed, setUnnamed] = useState<{ chosen: Chosen; file: Unnamed }>()
  const [pictures, setPictures] = useState<readonly PictureFile[]>([])
  const [current, setCurrent] = useState<number>()
  const [look, setLook] = useState<Look>(usualLook)
  const [view, setViewState] = useState<View>(firstView)
  const [result, setResult] = useState<Result>()
  /** Whether the current picture was to be looked at and was not: stopped, or refused. */
  const [missed, setMissed] = useState(false)
  const [filming, setFilming] = useState(false)
  /** Frames a second. */
  const [rate, setRate] = useState(0)
  /** Grows when all is to be done again, as on a new device. */
  const [again, setAgain] = useState(0)
  const latest = useRef({ look, view, pictures, network })
  latest.current = { look, view, pictures, network }

  const say = useCallback((where: Where, error: unknown) => {
    // Of a device that went away the page has been told, and pictures are looked at again. Weights did not come.
    const again = where === 'picture' || where === 'camera'
    if (again && (error as Error | undefined)?.name === 'DeviceLostError') return
    const problem = error === undefined ? undefined : problemOf(error)
    setProblems((all) => ({ ...all, [where]: problem }))
  }, [])

  const load = useCallback(async (chosen: Chosen, isRecalled = false) => {
    say('network', undefined)
    if (!isRecalled) asked.current = true
    try {
      const loaded = await worker.current!.call.load(chosen.source, chosen.form)
      if (!loaded) return
      if ('tensors' in loaded) return setUnnamed({ chosen, file: loaded })
      const { usual } = loaded
      const { resize } = usual
      setUnnamed(undefined)
      setResult(undefined)
      setLook((before) => ({
        ...before,
        height: resize && 'height' in resize ? resize.height : undefined,
        flip: usual.flip ?? false,
        scales: usual.scales ?? [1],
      }))
      // The class whose probability was shown need not be among the new ones.
      const view: View = { ...latest.current.view, mode: 'overlay', class: 0 }
      latest.current.view = view
      setViewState(view)
      setNetwork(loaded)
      if (!isRecalled) await remember(chosen)
    } catch (error) {
      // A file that is gone, or an address that no longer answers, is no problem of this visit.
      if (!isRecalled) say('network', error)
    }
  }, [])

  useEffect(() => {
    const mine = startWorker<Functions, Events>('segment')
    worker.current = mine
    mine.on('progress', setProgress)
    mine.on('lost', (problem) => setProblems((all) => ({ ...all, device: problem })))
    mine.on('again', ({ line }) => {
      setLine(line)
      const { network, pictures } = latest.current
      const toDo = openedAgain(network !== undefined, pictures.length > 0)
      setProblems(({ device, ...rest }) => ({
        ...rest,
        ...(device && { device: { ...device, toDo } }),
      }))
      setAgain((n) => n + 1)
    })
    const screen = canvas.current!.transferControlToOffscreen()
    // Refused only when the page is left before it was taken; what fails in it is told by the next call.
    mine.call.attach(moved(screen, [screen])).catch(() => {})
    mine.call.open().then(
      ({ line }) => {
        setLine(line)
        recall().then(
          (chosen) => (chosen && !asked.current ? load(chosen, true) : undefined),
          () => {},
        )
      },
      (error) => say('device', error),
    )
    return () => {
      filmTurn.current++
      camera.current?.stop()
      for (const { url } of latest.current.pictures) URL.revokeObjectURL(url)
      mine.close()
    }
  }, [])

  const picture = pictures.find(({ key }) => key === current)
  useEffect(() => {
    setMissed(false)
    if (!network || !picture || filming) return
    let stale = false
    say('picture', undefined)
    worker.current!.call.segment(picture.blob, picture.name, look, latest.current.view).then(
      (found) => {
        if (stale) return
        if (found) setResult(found)
        else setMissed(true)
      },
      (error) => {
        if (stale) return
        setMissed(true)
        say('picture', error)
      },
    )
    return () => {
      stale = true
    }
  }, [network, picture, look, filming, again])

  const stopFilming = useCallback(() => {
    filmTurn.current++
    camera.current?.stop()
    camera.current = undefined
    setFilming(false)
  }, [])

  const add = useCallback((files: readonly Blob[], names: readonly string[]) => {
    const added = files.map((blob, i) => {
      const url = URL.createObjectURL(blob)
      return { key: ++keys, name: names[i], blob, url }
    })
    if (!added.length) return
    setPictures((all) => [...added, ...all])
    setCurrent(added[0].key)
    stopFilming()
  }, [])

  const scenes = useRef(0)
  const addScene = useCallback(async () => {
    const index = scenes.current++
    try {
      add([await worker.current!.call.scene(index)], [`street-${index + 1}.png`])
    } catch (error) {
      say('picture', error)
    }
  }, [])

  const film = useCallback(async () => {
    stopFilming()
    const mine = ++filmTurn.current
    const isNewest = () => mine === filmTurn.current
    say('camera', undefined)
    try {
      const opened = await openCamera()
      // A person may think about the permission for long, and be elsewhere when it is given.
      if (!isNewest()) return opened.stop()
      camera.current = opened
      setFilming(true)
      for (;;) {
        const frame = await opened.frame()
        if (!frame) break
        if (!isNewest()) return frame.close()
        const { look, view } = latest.current
        const { call } = worker.current!
        const began = performance.now()
        const found = await call.segment(moved(frame, [frame]), 'camera', look, view)
        if (found) setResult(found)
        setRate(1000 / (performance.now() - began))
      }
    } catch (error) {
      if (isNewest()) say('camera', error)
    }
    if (isNewest()) stopFilming()
  }, [])

  const setView = useCallback((change: Partial<View>) => {
    const next = { ...latest.current.view, ...change }
    latest.current.view = next
    setViewState(next)
    worker.current!.call.show(next).catch((error) => say('picture', error))
  }, [])

  return {
    ...{ worker, canvas, line, problems, say, progress },
    ...{ network, unnamed, load, forgetUnnamed: () => setUnnamed(undefined) },
    ...{ pictures, current, setCurrent, add, addScene },
    ...{ look, setLook, setView, result, missed },
    // Probabilities that did not fit are not shown.
    view: result?.hasScores === false ? { ...view, mode: 'overlay' as const } : view,
    ...{ filming, rate, film, stopFilming, lookAgain: () => setAgain((n) => n + 1) },
    // Refused only when the page is left, which ends it too.
    stop: () => worker.current!.call.cancel().catch(() => {}),
  }
}

export type Segment = ReturnType<typeof useSegment>

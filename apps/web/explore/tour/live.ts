// What is live on a step: the device, the program that the text is now, its values, and which of the claims hold. Work is done
// one after the other, and what has been overtaken by another setting is left out.

import { createContext } from 'preact'
import { useContext, useEffect, useMemo, useState } from 'preact/hooks'
import type { Stages } from '../../../../engine/stages.ts'
import { type Problem, problemOf } from '../../ui/problem.tsx'
import { watchDevice } from '../device.ts'
import { claims } from './claims.ts'
import { type ExampleName, examples } from './examples.ts'
import type { Claim, Scene } from './measure.ts'
import {
  type Program,
  programOf,
  type Results,
  Runner,
  type Settings,
  stagesOf,
  type Values,
} from './program.ts'

/** The tour's device: being opened, there, or not to be had. */
export interface Machine {
  readonly runner?: Runner
  readonly problem?: Problem
  /** What is to be said of a device that was lost. */
  readonly lost?: Problem
}

export const MachineContext = createContext<Machine>({})
export const useMachine = (): Machine => useContext(MachineContext)

/** A runner on the page's device, and another where that device is lost. */
export function useOpenedMachine(): Machine {
  const [machine, setMachine] = useState<Machine>({})
  useEffect(() => {
    let runner: Runner | undefined
    const end = watchDevice(({ device, problem, lost }) => {
      if (device && runner?.device !== device) {
        runner?.dispose()
        runner = new Runner(device)
      }
      setMachine({ ...(!problem && runner && { runner }), problem, lost })
    })
    return () => {
      end()
      runner?.dispose()
    }
  }, [])
  return machine
}

export interface Live<T> {
  /** The newest that is known, of these inputs or of those before. */
  readonly value?: T
  readonly problem?: Problem
  readonly busy: boolean
}

let queue: Promise<unknown> = Promise.resolve()

/** Calls `work` when `inputs` change, after all such work that is under way; undefined while there is nothing to do. */
export function useLive<T>(
  work: (() => Promise<T>) | undefined,
  inputs: readonly unknown[],
): Live<T> {
  const [live, setLive] = useState<Live<T>>({ busy: true })
  useEffect(() => {
    if (!work) return
    let overtaken = false
    setLive(({ value }) => ({ value, busy: true }))
    queue = queue.then(async () => {
      if (overtaken) return
      try {
        const value = await work()
        if (!overtaken) setLive({ value, busy: false })
      } catch (error) {
        if (!overtaken) setLive({ problem: problemOf(error), busy: false })
      }
    })
    return () => {
      overtaken = true
    }
  }, inputs)
  return live
}

/** Everything about an example as its reader has set it. */
export interface LiveScene extends Scene {
  readonly name: ExampleName
  readonly stages: Stages<Results>
  readonly values: Live<Values>
  readonly claims: Live<Claim[]>
  readonly change: (gap: string, value: string) => void
}

/** `settings` are kept by the caller, so that they last while the reader looks at other steps. */
export function useScene(
  name: ExampleName,
  settings: Settings,
  change: (gap: string, value: string) => void,
): LiveScene {
  const { runner, problem } = useMachine()
  const made = useMemo((): { program: Program; stages: Stages<Results> } => {
    const program = programOf(examples[name], settings)
    return { program, stages: stagesOf(program) }
  }, [name, settings])
  const scene: Scene = { ...made, settings, runner }
  const { resultsOnly } = made.program
  const ready = runner && !resultsOnly
  const values = useLive(ready ? () => runner.run(made.program) : undefined, [made, runner])
  const checked = useLive(runner || problem ? () => claims[name](scene) : undefined, [
    made,
    runner,
    problem,
  ])
  return { ...scene, ...made, name, values, claims: checked, change }
}

// The parent's side of an engine's process: one question at a time, each with a time limit. A process that crashes or hangs
// costs its engine the row, with what happened for an error, and is replaced before the next.

import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { AdapterChoice } from '../../engine/adapters/platform.ts'
import type { Opened, Task } from './worker.ts'

const worker = fileURLToPath(new URL('./worker.js', import.meta.url))

export interface EngineSettings {
  readonly engine: Extract<Task, { do: 'open' }>['engine']
  readonly adapter: AdapterChoice | undefined
  readonly folder: string
  /** Added to the environment. */
  readonly env?: Readonly<Record<string, string>>
}

export class EngineProcess {
  readonly settings: EngineSettings
  #child: ChildProcess | undefined
  #opened: Opened | undefined

  constructor(settings: EngineSettings) {
    this.settings = settings
  }

  /** Starts the process where none runs. */
  async open(): Promise<Opened> {
    if (this.#child && this.#opened) return this.#opened
    const { env, ...rest } = this.settings
    this.#child = fork(worker, [], {
      serialization: 'advanced',
      env: { ...process.env, ...env },
      // Peers print what they find missing; the table has their errors.
      stdio: ['ignore', 'ignore', process.env['PEERS_DEBUG'] ? 'inherit' : 'ignore', 'ipc'],
    })
    this.#opened = await this.#send<Opened>({ do: 'open', ...rest }, 60)
    return this.#opened
  }

  /** Throws with the engine's own words, or with how its process ended. */
  async ask<T>(task: Task, seconds = 300): Promise<T> {
    await this.open()
    return this.#send(task, seconds)
  }

  #send<T>(task: Task, seconds: number): Promise<T> {
    const child = this.#child!
    return new Promise((resolve, reject) => {
      const end = (error?: Error) => {
        clearTimeout(timer)
        child.off('message', answered)
        child.off('exit', ended)
        if (error) reject(error)
      }
      const answered = (answer: { value?: T; error?: string }) => {
        end(answer.error === undefined ? undefined : new Error(answer.error))
        resolve(answer.value as T)
      }
      const ended = (code: number | null, signal: string | null) => {
        this.#child = undefined
        end(new Error(`its process ended with ${signal ?? `exit code ${code}`}`))
      }
      const timer = setTimeout(() => {
        end(new Error(`no answer within ${seconds} s`))
        this.close()
      }, seconds * 1000)
      child.on('message', answered)
      child.on('exit', ended)
      child.send(task)
    })
  }

  close(): void {
    this.#child?.kill('SIGKILL')
    this.#child = undefined
  }
}

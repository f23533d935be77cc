// A worker's functions called from its page as if they were here: one message a call, one back, and events in between.
// Errors keep their name, message and hint; typed arrays and bitmaps that are wrapped in `moved` change hands without a copy.

/** What both a Worker and a worker's own scope are. */
export interface Port {
  postMessage(message: unknown, moved: Transferable[]): void
  addEventListener(type: 'message', listener: (event: MessageEvent) => void): void
}

type Functions = Record<string, (...args: never[]) => unknown>

/** The functions of `F` as their caller sees them. */
export type Called<F> = {
  readonly [K in keyof F]: F[K] extends (...args: infer A) => infer R
    ? (...args: A) => Promise<Awaited<R>>
    : never
}

type Message =
  | { readonly call: number; readonly name: string; readonly args: unknown[] }
  | { readonly answer: number; readonly value: unknown }
  | { readonly answer: number; readonly problem: PlainError }
  | { readonly event: string; readonly value: unknown }

interface PlainError {
  readonly name: string
  readonly message: string
  readonly hint?: string
  readonly stack?: string
}

/** An error of the worker, under its own name. */
export class RemoteError extends Error {
  readonly hint: string | undefined
  constructor({ name, message, hint, stack }: PlainError) {
    super(message)
    this.name = name
    this.hint = hint
    if (stack) this.stack = stack
  }
}

const transfers = new WeakMap<object, Transferable[]>()

/** `value`, for an argument, a result or an event: `list` goes with it and is no longer usable here. */
export function moved<T extends object>(value: T, list: Transferable[]): T {
  transfers.set(value, list)
  return value
}

const listOf = (value: unknown): Transferable[] =>
  (typeof value === 'object' && value !== null && transfers.get(value)) || []

export interface Remote<F, E> {
  readonly call: Called<F>
  /** Calls `listener` for every event of that name; returns what ends that. */
  on<K extends keyof E & string>(event: K, listener: (value: E[K]) => void): () => void
  /** Ends the worker; calls that wait are refused, and later ones too. */
  close(): void
}

/** The page's side. `E` names the events and their values. */
export function connect<F, E = Record<string, never>>(worker: Worker): Remote<F, E> {
  const waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>()
  const listeners = new Map<string, Set<(value: never) => void>>()
  let calls = 0
  let heard = false
  /** Why no call can be answered any more. */
  let ended: Error | undefined
  const refuseAll = (error: Error) => {
    for (const { reject } of waiting.values()) reject(error)
    waiting.clear()
  }
  worker.addEventListener('message', ({ data }: MessageEvent<Message>) => {
    heard = true
    if ('event' in data) {
      for (const listener of listeners.get(data.event) ?? []) listener(data.value as never)
      return
    }
    if (!('answer' in data)) return
    const call = waiting.get(data.answer)
    waiting.delete(data.answer)
    if ('problem' in data) call?.reject(new RemoteError(data.problem))
    else call?.resolve(data.value)
  })
  worker.addEventListener('error', (event) => {
    const error = new Error(event.message || 'a part of this page could not be loaded')
    // One that never said anything did not start.
    if (!heard) ended = error
    refuseAll(error)
  })
  const call = new Proxy({} as Called<F>, {
    get:
      (_, name: string) =>
      (...args: unknown[]) => {
        if (ended) return Promise.reject(ended)
        const number = ++calls
        return new Promise((resolve, reject) => {
          waiting.set(number, { resolve, reject })
          worker.postMessage({ call: number, name, args }, args.flatMap(listOf))
        })
      },
  })
  return {
    call,
    on(event, listener) {
      const of = listeners.get(event) ?? new Set()
      listeners.set(event, of.add(listener as (value: never) => void))
      return () => of.delete(listener as (value: never) => void)
    },
    close() {
      worker.terminate()
      ended = new Error('ended')
      refuseAll(ended)
    },
  }
}

/** The worker's side: answers calls by `functions`, each when it comes, and returns what sends events. */
export function serve<E>(
  functions: object,
  port: Port = globalThis as unknown as Port,
): <K extends keyof E & string>(event: K, value: E[K]) => void {
  port.addEventListener('message', async ({ data }: MessageEvent<Message>) => {
    if (!('call' in data)) return
    const { call: answer, name, args } = data
    try {
      const value = await (functions as Functions)[name](...(args as never[]))
      port.postMessage({ answer, value }, listOf(value))
    } catch (error) {
      port.postMessage({ answer, problem: plain(error) }, [])
    }
  })
  return (event, value) => port.postMessage({ event, value }, listOf(value))
}

function plain(error: unknown): PlainError {
  if (!(error instanceof Error)) return { name: 'Error', message: String(error) }
  const { name, message, stack } = error
  return { name, message, stack, hint: (error as { hint?: string }).hint }
}

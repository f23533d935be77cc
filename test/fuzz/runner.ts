// Many random programs on several processes: a driver that crashes or hangs takes its process along, and the seed that
// did it is known.

import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { DeviceOptions } from '../../engine/node.ts'
import type { Ways } from './check.ts'
import type { Report } from './worker.ts'

export interface FuzzOptions {
  readonly from: number
  readonly to: number
  readonly workers?: number
  /** No program is begun after so many minutes. */
  readonly minutes?: number
  readonly adapter?: DeviceOptions['adapter']
  /** Default: 'all'. */
  readonly ways?: Ways
  /** The file of the process. */
  readonly worker?: string
  /** Told of every failure, and now and then of progress. */
  readonly say?: (text: string) => void
}

export interface Failed {
  readonly seed: number
  readonly text: string
}

export interface Summary {
  readonly graphs: number
  readonly failed: readonly Failed[]
  /** How often each op occurred. */
  readonly ops: ReadonlyMap<string, number>
  readonly results: number
  readonly unsure: number
  readonly loose: number
  /** How often the choices of each op made results unsure. */
  readonly jumps: ReadonlyMap<string, number>
  readonly pipelines: number
  readonly seconds: number
}

const ownWorker = fileURLToPath(new URL('worker.js', import.meta.url))
/** Seconds after which a program counts as hanging. */
const patience = 300
/** Programs after which a process makes room for a new one: pipelines are kept as long as their device. */
const fresh = 5000
/** Programs from one word of progress to the next. */
const often = 1000

/** Checks the programs of all seeds from … to. */
export async function fuzz(options: FuzzOptions): Promise<Summary> {
  const { from, to, workers = 2, minutes = Number.POSITIVE_INFINITY } = options
  const begun = performance.now()
  const sum = new Sum()
  const seeds = Array.from({ length: workers }, (_, w) => ({
    worker: w,
    next: first(from, w, workers),
  }))
  const over = () => performance.now() - begun > minutes * 60000
  await Promise.all(
    seeds.map(async (own) => {
      while (own.next <= to && !over()) {
        const last = Math.min(to, own.next + (fresh - 1) * workers)
        own.next = await work(own.next, last, workers, options, over, sum)
      }
    }),
  )
  return sum.summary((performance.now() - begun) / 1000)
}

const first = (from: number, worker: number, workers: number) =>
  from + ((worker - (from % workers) + workers) % workers)

/** One process over seeds from, from + step, … last; resolves with the first seed that it left. */
function work(
  from: number,
  last: number,
  step: number,
  { adapter, ways = 'all', worker = ownWorker, say = () => undefined }: FuzzOptions,
  over: () => boolean,
  sum: Sum,
): Promise<number> {
  const child = start(worker, ways, adapter)
  let seed = from
  let timer: NodeJS.Timeout | undefined
  return new Promise((resolve, reject) => {
    let ready = false
    let why = ''
    const end = (next: number) => {
      clearTimeout(timer)
      child.removeAllListeners('exit')
      child.kill()
      resolve(next)
    }
    const ask = () => {
      if (seed > last || over()) return end(seed)
      child.send(seed)
      timer = setTimeout(() => {
        why = `no answer after ${patience} s`
        child.kill('SIGKILL')
      }, patience * 1000)
    }
    child.on('message', (message: Report | 'ready') => {
      clearTimeout(timer)
      if (message === 'ready') ready = true
      else {
        sum.add(message, say)
        seed += step
      }
      ask()
    })
    child.once('exit', (code, signal) => {
      clearTimeout(timer)
      if (!ready) return reject(new Error('no device opens: the process ended before it was ready'))
      sum.fail(seed, why || `the process ended: ${signal ?? code}`, say)
      resolve(seed + step)
    })
  })
}

function start(file: string, ways: Ways, adapter: DeviceOptions['adapter']): ChildProcess {
  return fork(file, [ways, ...(adapter ? [adapter] : [])], {
    // As many processes as processors leave none for helpers; and what is optimised late is not optimised for one program alone.
    execArgv: ['--max-semi-space-size=32', '--single-threaded-gc', '--interrupt-budget=400000'],
    // Most of the time goes into lavapipe's compiler, and most of that into optimising kernels that run once.
    env: { GALLIVM_PERF: 'nopt', ...process.env },
  })
}

class Sum {
  readonly #failed: Failed[] = []
  readonly #ops = new Map<string, number>()
  readonly #jumps = new Map<string, number>()
  #graphs = 0
  #results = 0
  #unsure = 0
  #loose = 0
  #pipelines = 0
  readonly #begun = performance.now()

  add(r: Report, say: (text: string) => void): void {
    this.#graphs++
    this.#results += r.results
    this.#unsure += r.unsure
    this.#loose += r.loose
    this.#pipelines = Math.max(this.#pipelines, r.pipelines)
    for (const [name, n] of Object.entries(r.ops)) count(this.#ops, name, n)
    for (const name of r.jumps) count(this.#jumps, name, 1)
    if (r.failure)
      this.fail(r.seed, `${r.failure.kind}: ${r.failure.message}\n${r.smallest ?? ''}`, say)
    if (this.#graphs % often) return
    const seconds = Math.round((performance.now() - this.#begun) / 1000)
    say(`${this.#graphs} graphs, ${this.#failed.length} failed; seed ${r.seed}; ${seconds} s`)
  }

  fail(seed: number, text: string, say: (text: string) => void): void {
    this.#failed.push({ seed, text })
    say(`failed: npm run fuzz -- --seeds ${seed}\n${text}`)
  }

  summary(seconds: number): Summary {
    return {
      graphs: this.#graphs,
      failed: this.#failed,
      ops: this.#ops,
      results: this.#results,
      unsure: this.#unsure,
      loose: this.#loose,
      jumps: this.#jumps,
      pipelines: this.#pipelines,
      seconds,
    }
  }
}

const count = (map: Map<string, number>, name: string, n: number) =>
  map.set(name, (map.get(name) ?? 0) + n)

const share = (n: number, of: number) => `${n} (${((100 * n) / Math.max(1, of)).toFixed(2)} %)`
const listed = (map: ReadonlyMap<string, number>) =>
  [...map].sort((a, b) => b[1] - a[1]).map(([name, n]) => `${name} ${n}`)

/** What a run amounts to, the last line all in one. */
export function showSummary(s: Summary): string {
  const applied = [...s.ops.values()].reduce((a, b) => a + b, 0)
  return [
    `ops: ${listed(s.ops).join(', ')}`,
    `on jumps: ${listed(s.jumps).join(', ') || 'none'}`,
    ...(s.failed.length ? [`failing seeds: ${s.failed.map((f) => f.seed).join(' ')}`] : []),
    `${s.graphs} graphs, ${s.failed.length} failed; ${applied} ops of ${s.ops.size} kinds; ` +
      `${s.results} results, ${share(s.unsure, s.results)} left out on jumps and ` +
      `${share(s.loose, s.results)} where rounding decides; ${s.seconds.toFixed(0)} s`,
  ].join('\n')
}

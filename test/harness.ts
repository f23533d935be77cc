// A thin layer over uvu: tests of a file form one suite, a test can skip itself with a reason, and
// in CI a skip for want of something that CI installs is a failure.

import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { suite } from 'uvu'
import { witness } from '../engine/witness.ts'
import { checkPlan } from './engine/plan-checker.ts'
import { checkRecomputed } from './engine/recompute-checker.ts'

/** What a machine may lack; a CI machine has all of it. */
export type Lacking = 'adapter' | 'browser' | 'shared'

export interface TestOptions {
  /** Runs only with `--slow`. */
  readonly slow?: boolean
  /** Seconds after which the test fails; 120 if left out. */
  readonly timeout?: number
}

export interface SkippedTest {
  readonly name: string
  readonly reason: string
}

// Every plan that any test makes is played through.
witness.plan = checkPlan
witness.recomputed = checkRecomputed

// Bits must not depend on what somebody has tuned on this machine.
process.env['ATROUS_TUNING'] ??= 'shipped'

class Skip extends Error {}

const defaultTimeout = 120
const inCi = process.env['CI'] === 'true'
/** Whether `--slow` was asked for. */
export const slowWanted = process.argv.includes('--slow')

let tests = suite()
let skipped: SkippedTest[] = []

// A test file run by itself (`node dist/test/name.test.js`) has nobody to run what it registers.
if (!('UVU_DEFER' in globalThis)) setTimeout(() => tests.run())

/** Registers a test; its name reads as a fact: `conv2d: dilation 2 equals a zero-stuffed kernel`. */
export function test(name: string, fn: () => unknown, options: TestOptions = {}): void {
  tests(name, async () => {
    try {
      if (options.slow && !slowWanted) skip('slow: runs with --slow')
      await withTimeout(fn, options.timeout ?? defaultTimeout)
    } catch (error) {
      if (!(error instanceof Skip)) throw error
      skipped.push({ name, reason: error.message })
    }
  })
}

/** Ends the running test as skipped, except in CI where `lacking` names what CI should have. */
export function skip(reason: string, lacking?: Lacking): never {
  if (inCi && lacking) throw new Error(`no ${lacking} in CI: ${reason}`)
  throw new Skip(reason)
}

/** The full path of a file or folder in the `shared` folder beside the repository, if it is there. */
export function shared(path: string): string | undefined {
  const full = join(repository, '..', 'shared', path)
  return existsSync(full) ? full : undefined
}

/** As `shared`, but the running test is skipped where it is absent. */
export function needShared(path: string): string {
  return shared(path) ?? skip(`../shared/${path} is not here`, 'shared')
}

/** The root folder of the repository. */
export const repository = findRepository(dirname(fileURLToPath(import.meta.url)))

function findRepository(from: string): string {
  if (existsSync(join(from, 'package-lock.json'))) return from
  const parent = dirname(from)
  return parent === from ? process.cwd() : findRepository(parent)
}

interface Running {
  /** What to do where the test is late. */
  readonly closers: Set<() => unknown>
  allow(seconds: number): void
}

let running: Running | undefined

/** Gives the running test that many seconds from its start, if it has less. */
export function allowSeconds(seconds: number): void {
  running?.allow(seconds)
}

/** Has `close` called where the running test is still running at its timeout; returns what takes that back. */
export function closeIfLate(close: () => unknown): () => void {
  const of = running?.closers.add(close)
  return () => of?.delete(close)
}

async function withTimeout(fn: () => unknown, seconds: number): Promise<void> {
  const begun = performance.now()
  const closers = new Set<() => unknown>()
  let timer: NodeJS.Timeout | undefined
  let limit = 0
  let isLate = false
  const late = new Promise<never>((_, reject) => {
    const allow = (wanted: number) => {
      if (wanted <= limit) return
      limit = wanted
      clearTimeout(timer)
      const end = () => {
        isLate = true
        reject(new Error(`still running after ${limit} s`))
      }
      timer = setTimeout(end, limit * 1000 - (performance.now() - begun))
    }
    running = { closers, allow }
    allow(seconds)
  })
  try {
    await Promise.race([fn(), late])
  } finally {
    clearTimeout(timer)
    running = undefined
    if (isLate) await Promise.allSettled([...closers].map((close) => close()))
  }
}

export interface FileResult {
  readonly passed: number
  readonly failed: number
  readonly skipped: readonly SkippedTest[]
  /** The failures in full, formatted; empty without any. */
  readonly errors: string
}

type UvuSuite = () => Promise<[errors: string | true, ran: number, skipped: number, total: number]>

/** Runs what was registered since the last call. For `run.ts`, which loads one file at a time. */
export async function runRegistered(): Promise<FileResult> {
  const queue: UvuSuite[] = []
  // uvu collects suites here, by file, and leaves running them to whoever set UVU_DEFER.
  Object.assign(globalThis, { UVU_QUEUE: [queue], UVU_INDEX: 0 })
  tests.run()
  tests = suite()
  skipped = []
  const [errors, ran, , total] = await queue[0]()
  return {
    passed: ran - skipped.length,
    failed: total - ran,
    skipped,
    errors: errors === true ? '' : errors,
  }
}

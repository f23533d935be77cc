// The terminal's view of a training run: one listener of its events. A bar where there is a terminal, a line now and
// then where there is none. All of it on standard error, so that standard output is left to results.

import { showBytes } from '../../engine/print.ts'
import type {
  EndEvent,
  StartEvent,
  StepEvent,
  TrainEvent,
  ValidationEvent,
} from '../../train/events.ts'
import { percent } from '../../train/scoring/metrics.ts'

const SECONDS_BETWEEN_LINES = 10
const BAR = 12

export class TerminalProgress {
  readonly #out: NodeJS.WriteStream
  readonly #live: boolean
  #loss: number | undefined
  #drawn = false
  #lastLine = 0

  constructor(out: NodeJS.WriteStream = process.stderr) {
    this.#out = out
    this.#live = out.isTTY === true
  }

  on(event: TrainEvent): void {
    if (event.kind === 'start') this.say(startLine(event))
    else if (event.kind === 'step') this.#step(event)
    else if (event.kind === 'validation') this.say(validationLine(event))
    else if (event.kind === 'end') this.say(endLine(event))
  }

  /** A line that stays. */
  say(line: string): void {
    if (this.#drawn) this.#out.write('\r\x1b[K')
    this.#drawn = false
    this.#out.write(`${line}\n`)
  }

  /** A line that the next one replaces; nothing without a terminal. */
  passing(line: string): void {
    if (!this.#live) return
    const room = (this.#out.columns || 80) - 1
    this.#out.write(`\r\x1b[K${line.length > room ? line.slice(0, room) : line}`)
    this.#drawn = true
  }

  /** Wipes a passing line. */
  clear(): void {
    if (this.#drawn) this.#out.write('\r\x1b[K')
    this.#drawn = false
  }

  #step(event: StepEvent): void {
    // Moving over about the last twenty steps, so that the eye sees the trend.
    const weight = Math.min(1, event.losses.length / 20)
    this.#loss =
      this.#loss === undefined ? event.loss : this.#loss + weight * (event.loss - this.#loss)
    if (event.outOfRange > 0)
      this.say(
        `step ${event.step}: ${event.outOfRange} labels are neither a class nor void; they do not count`,
      )
    if (event.skipped)
      this.say(
        `step ${event.step}: ${event.skipped} skipped on the way, whose gradients were not finite at their loss scale`,
      )
    const line = stepLine(event, this.#loss)
    if (this.#live) {
      this.passing(`${bar(event.progress)} ${line}`)
      return
    }
    const now = performance.now() / 1000
    if (now - this.#lastLine < SECONDS_BETWEEN_LINES) return
    this.#lastLine = now
    this.say(line)
  }
}

const bar = (share: number): string => {
  const full = Math.round(share * BAR)
  return `${'━'.repeat(full)}${'╌'.repeat(BAR - full)} ${`${Math.floor(100 * share)} %`.padStart(5)}`
}

const startLine = ({ step, parameters, activationBytes, pipelines, seconds }: StartEvent): string =>
  `${step ? `going on after step ${step}; ` : ''}${parameters.toLocaleString('en')} parameters, ` +
  `${showBytes(activationBytes)} of activations, ${pipelines} kernels, ready in ${seconds.toFixed(1)} s`

// What matters most comes first: a narrow terminal cuts the end.
const stepLine = (e: StepEvent, loss: number): string =>
  [
    `step ${e.step}${e.of ? `/${e.of}` : ''}`,
    `${duration(e.eta)} left`,
    `loss ${loss.toFixed(3)}`,
    `${e.imagesPerSecond.toPrecision(3)} img/s`,
    showBytes(e.bytes),
    `lr ${e.lr.toPrecision(2)}`,
  ].join('  ')

const validationLine = ({ step, score, scoreName, best, seconds }: ValidationEvent): string =>
  `step ${step}: validation ${scoreName} ${percent(score)}${best ? ' (best so far)' : ''} in ${seconds.toFixed(1)} s`

const endLine = ({ step, reason, seconds }: EndEvent): string =>
  reason === 'stopped' ? `stopped after step ${step}` : `${step} steps in ${duration(seconds)}`

/** `1:05:09` or `5:09`. */
export function duration(seconds: number): string {
  const whole = Math.round(seconds)
  const two = (n: number) => `${n}`.padStart(2, '0')
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60]
  return h ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`
}

// How the device's time is told, in Node and in pages. Timestamps are the better clock, but browsers round them, to a tenth of a
// millisecond or so, and some adapters have none; then the clock on the wall is read around many runs that are sent one after
// another, less what an empty round trip takes. Every figure says which of the two it is from.

import type { Device } from '../../engine/index.ts'
import { usage } from '../../engine/run/buffers.ts'

export interface Timer {
  /** Milliseconds that the steps of timestamps are apart; undefined where there are none. */
  readonly timestampStep: number | undefined
  /** The same of the clock on the wall. */
  readonly wallStep: number
  /** Milliseconds from sending nothing to hearing that it is done: the least of several. */
  readonly roundTrip: number
  /** Milliseconds on the device of a pass, by timestamps. Throws where there are none. */
  pass(encode: (pass: GPUComputePassEncoder) => void): Promise<number>
  close(): void
}

/** What is measured is at least so many steps of its clock long, so that rounding changes it by 2 % at most. */
export const STEPS = 50

/** Round trips and passes that the clocks are looked at with. */
const LOOKS = 9

export async function openTimer(device: Device): Promise<Timer> {
  const wall = { wallStep: wallStep(), roundTrip: await roundTrip(device) }
  if (!device.caps.timestamps) {
    const pass = () => Promise.reject(new Error('this adapter has no timestamps'))
    return { ...wall, timestampStep: undefined, pass, close: () => {} }
  }
  const querySet = device.gpu.createQuerySet({ type: 'timestamp', count: 2 })
  const resolved = device.buffers.make(16, 'timestamps', usage.queryResolve | usage.copySrc)
  const writes = { querySet, beginningOfPassWriteIndex: 0, endOfPassWriteIndex: 1 }
  const ticks = async (encode: (pass: GPUComputePassEncoder) => void) => {
    const encoder = device.gpu.createCommandEncoder()
    const pass = encoder.beginComputePass({ timestampWrites: writes })
    encode(pass)
    pass.end()
    encoder.resolveQuerySet(querySet, 0, 2, resolved.gpu, 0)
    device.gpu.queue.submit([encoder.finish()])
    const words = await device.readBuffer(resolved, { dtype: 'u32', shape: [4] })
    return new BigUint64Array(words.buffer, 0, 2)
  }
  const seen: bigint[] = []
  for (let i = 0; i < LOOKS; i++) seen.push(...(await ticks(() => {})))
  return {
    ...wall,
    // Rounded times are multiples of the step.
    timestampStep: Number(seen.reduce(commonDivisor)) / 1e6,
    async pass(encode) {
      const [begin, end] = await ticks(encode)
      return Number(end - begin) / 1e6
    },
    close() {
      querySet.destroy()
      device.buffers.free(resolved)
    },
  }
}

const commonDivisor = (a: bigint, b: bigint): bigint => (b ? commonDivisor(b, a % b) : a)

/** Milliseconds by which the clock on the wall moves at least. */
function wallStep(): number {
  let least = Number.POSITIVE_INFINITY
  for (let i = 0; i < LOOKS; i++) {
    const begun = performance.now()
    let now = begun
    while (now === begun) now = performance.now()
    least = Math.min(least, now - begun)
  }
  return least
}

async function roundTrip(device: Device): Promise<number> {
  let least = Number.POSITIVE_INFINITY
  for (let i = 0; i < LOOKS; i++) {
    const begun = performance.now()
    device.gpu.queue.submit([device.gpu.createCommandEncoder().finish()])
    await device.idle()
    least = Math.min(least, performance.now() - begun)
  }
  return least
}

/** `shorter than the step` and the like are told as they are. */
export function timerLine({ timestampStep, wallStep, roundTrip }: Timer): string {
  const ms = (v: number) =>
    v < 1e-3 ? `${+(1e6 * v).toPrecision(2)} ns` : `${+(1e3 * v).toPrecision(2)} µs`
  const wall = `a wall clock of ${ms(wallStep)} steps and round trips of ${ms(roundTrip)}`
  if (timestampStep === undefined) return `no timestamps here; ${wall}`
  return `timestamps in steps of ${ms(timestampStep)}; ${wall}`
}

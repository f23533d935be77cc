// How long the candidates of one problem take. They run by turns, so that what else the machine does meets all of them, and
// each is compared with the default of the same round: the median of these ratios decides.
//
// The operands are small integers, so that every sum is exact in whichever order it is taken, and a candidate counts only if
// its result is the default's to the last bit.

import type { Recipe, Slot } from '../../shaders/kernel.ts'
import { storedAs } from '../../shaders/problem-class.ts'
import type { Device } from '../device.ts'
import { type Buffer, usage } from '../run/buffers.ts'
import { clockOf, repeatFor, type Step, submit, type Work } from '../run/clock.ts'
import { type Candidate, elementsOf, type TuningProblem } from './problem.ts'

export interface Measured {
  readonly name: string
  /** Milliseconds of one run: the median over rounds. */
  readonly ms: number
  /** The median over rounds of its time to the default's. */
  readonly ratio: number
  /** Whether it was the faster in nearly every round. */
  readonly steady: boolean
}

/** Rounds, of which the slow candidates run only the first two. */
const ROUNDS = 7

interface Ready extends Work {
  readonly name: string
  readonly ms: number[]
}

/** Times candidates of a problem, the default first, until `deadline` (performance.now()). What gives another result than
 * the default is left out and said to `warn`. Empty where not even the default came to be measured. */
export async function measure(
  device: Device,
  { family, geometry }: Pick<TuningProblem, 'family' | 'geometry'>,
  candidates: readonly Candidate[],
  deadline: number,
  warn: (sentence: string) => void,
): Promise<Measured[]> {
  const made: Buffer[] = []
  const make = (bytes: number, flags?: number) => {
    const buffer = device.buffers.make(bytes, 'tuning', flags)
    made.push(buffer)
    return buffer
  }
  try {
    const [a, b, out] = elementsOf(family, geometry)
    const stored = storedAs(geometry)
    // Weights and their gradients are f32 whatever the activations are.
    const types = family === 'weight' ? [stored, stored, 'f32'] : [stored, 'f32', stored]
    const inputs = [a, b].map((n, i) => {
      const buffer = make(4 * n)
      device.gpu.queue.writeBuffer(buffer.gpu, 0, integers(n, types[i] === 'f16'))
      return buffer
    })
    // Bits are compared, of f32 or of pairs of f16.
    const result = { dtype: 'u32' as const, shape: [types[2] === 'f16' ? Math.ceil(out / 2) : out] }
    const blank = new Uint32Array(result.shape[0])
    const output = make(4 * out)
    const scratch = scratchFor(candidates, make)
    const ready: Ready[] = []
    let expected: Uint32Array | undefined
    for (const { name, recipe } of candidates) {
      if (expected && performance.now() > deadline) break
      const bound = { input: inputs, output: [output], scratch }
      const steps = await stepsOf(device, recipe, bound, make)
      device.gpu.queue.writeBuffer(output.gpu, 0, blank.fill(0x7fc0_7fc0))
      submit(device, steps, 1)
      const got = withoutSignOfZero(await device.readBuffer(output, result), types[2] === 'f16')
      expected ??= got
      if (got.some((v, i) => v !== expected![i]))
        warn(`${name} gives another result than the default, and is not used`)
      else ready.push({ name, steps, groups: groupsOf(recipe), ms: [] })
    }
    await timeByTurns(device, ready, deadline)
    return summed(ready)
  } finally {
    for (const buffer of made) device.buffers.free(buffer)
  }
}

/** Workgroups of the largest dispatch. */
const groupsOf = ({ dispatches }: Recipe) =>
  Math.max(...dispatches.map(({ grid: [x, y, z] }) => x * y * z))

/** Words of −2, −1, 1 and 2 in no order, as f32 or as pairs of f16. */
function integers(n: number, half: boolean): Uint32Array<ArrayBuffer> {
  const [f32, f16] = [
    [0xc0000000, 0xbf800000, 0x3f800000, 0x40000000],
    [0xc000, 0xbc00, 0x3c00, 0x4000],
  ]
  let state = 1
  const draw = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state >>> 30
  }
  const word = half ? () => ((f16[draw()] << 16) | f16[draw()]) >>> 0 : () => f32[draw()]
  return Uint32Array.from({ length: half ? Math.ceil(n / 2) : n }, word)
}

/** Blocks add zeros where others add nothing. */
function withoutSignOfZero(words: ArrayLike<number>, half: boolean): Uint32Array {
  const parts = half ? new Uint16Array(Uint32Array.from(words).buffer) : Uint32Array.from(words)
  const zero = half ? 0x8000 : 0x80000000
  parts.forEach((part, i) => {
    if (part === zero) parts[i] = 0
  })
  return new Uint32Array(parts.buffer)
}

/** Scratch memory that serves each candidate in turn. */
function scratchFor(candidates: readonly Candidate[], make: (bytes: number) => Buffer): Buffer[] {
  const sizes: number[] = []
  for (const { recipe } of candidates)
    recipe.scratch.forEach((bytes, i) => {
      sizes[i] = Math.max(sizes[i] ?? 0, bytes)
    })
  return sizes.map((bytes) => make(bytes))
}

async function stepsOf(
  device: Device,
  recipe: Recipe,
  bound: Readonly<Record<Slot['kind'], readonly Buffer[]>>,
  make: (bytes: number, flags: number) => Buffer,
): Promise<Step[]> {
  const steps: Step[] = []
  for (const { kernel, params, grid, buffers } of recipe.dispatches) {
    const pipeline = await device.pipelines.get(kernel)
    const uniform = make(params.byteLength, usage.uniform | usage.copyDst)
    device.gpu.queue.writeBuffer(uniform.gpu, 0, params as Uint32Array<ArrayBuffer>)
    const all = [uniform, ...buffers.map(({ kind, index }) => bound[kind][index])]
    const group = device.gpu.createBindGroup({
      layout: device.pipelines.layout(kernel),
      entries: all.map(({ gpu }, binding) => ({ binding, resource: { buffer: gpu } })),
    })
    steps.push({ pipeline, group, grid })
  }
  return steps
}

// ---- time

async function timeByTurns(
  device: Device,
  ready: readonly Ready[],
  deadline: number,
): Promise<void> {
  const { clock, close } = clockOf(device)
  try {
    if (!ready.length) return
    const once = await clock(ready[0], 1)
    const repeat = repeatFor(once)
    for (let round = 0; round < ROUNDS; round++) {
      if (round > 0 && performance.now() > deadline) return
      const best = Math.min(...ready.map((r) => median(r.ms)))
      // Which runs first changes from round to round.
      for (const [i] of ready.entries()) {
        const r = ready[(i + round) % ready.length]
        const hopeless = round >= 2 && r !== ready[0] && median(r.ms) > 1.2 * best
        if (!hopeless) r.ms[round] = (await clock(r, repeat)) / repeat
      }
    }
  } finally {
    close()
  }
}

// ---- figures

const median = (values: readonly number[]): number => {
  const sorted = values.filter((v) => v !== undefined).sort((a, b) => a - b)
  return sorted.length ? sorted[Math.floor(sorted.length / 2)] : Number.POSITIVE_INFINITY
}

function summed(ready: readonly Ready[]): Measured[] {
  if (!ready[0]?.ms.length) return []
  return ready.map(({ name, ms }) => {
    const ratios = ms.map((t, round) => t / ready[0].ms[round]).filter(Number.isFinite)
    const faster = ratios.filter((r) => r < 1).length
    return { name, ms: median(ms), ratio: median(ratios), steady: faster >= 0.8 * ratios.length }
  })
}

// What is asked of every random program: unfused, fused and with kernels run again it agrees with the float64
// interpreter as far as rounding explains; run twice, with updates one by one, with kernels run again and within a budget, it gives the
// same bits; and the passes themselves change nothing.

import { type HostArray, isFloat, type TensorType } from '../../engine/dtype.ts'
import type { Graph } from '../../engine/graph.ts'
import {
  type CompileOptions,
  type Device,
  OutOfMemoryError,
  type Program,
} from '../../engine/index.ts'
import { type Plan, planBytes } from '../../engine/plan/plan.ts'
import { recompute } from '../../engine/recompute/recompute.ts'
import {
  interpret,
  interpretAll,
  largestDifference,
  randomFrom,
  sizeOfValues,
} from '../../engine/reference/index.ts'
import { type Disturbed, disturbed } from '../../engine/reference/rounding.ts'
import { numbersOf, type Value } from '../../engine/reference/value.ts'
import { stages } from '../../engine/stages.ts'
import type { HostTensor, Tensor, Variable } from '../../engine/tensor.ts'
import { type Left, runFrom, type Values } from './device-runs.ts'
import { replay } from './program.ts'
import { randomBlocks, randomCuts } from './recompute.ts'
import { Dice } from './world.ts'

type Compiled = Program<readonly Tensor[]>

/** The part of a program that can be checked by itself. */
export interface Case {
  readonly graph: Graph
  readonly args: readonly HostTensor[]
}

export interface Failure {
  /** Which comparison failed. */
  readonly kind:
    | 'slope'
    | 'pass'
    | 'unfused'
    | 'fused'
    | 'twice'
    | 'apart'
    | 'recomputed'
    | 'budget'
    | 'windows'
    | 'later'
    | 'error'
  readonly message: string
}

export interface Verdict {
  readonly failure?: Failure
  /** Results and new values of variables, and how many of them were not compared: those that depend on a choice which
   * rounding may change, and those that rounding alone may change by a tenth. */
  readonly results: number
  readonly unsure: number
  readonly loose: number
  /** Ops whose choices those were. */
  readonly jumps: readonly string[]
}

class Mismatch extends Error {
  readonly kind: Failure['kind']
  constructor(kind: Failure['kind'], message: string) {
    super(message)
    this.kind = kind
  }
}

/** Largest binding, in bytes, of the device that large tensors are tried on. */
const smallBinding = 1024

/** The ways of running kernels again that a program is checked in: all four, or the one that its seed picks, and no
 * updates one by one: a third of the time. */
export type Ways = 'all' | 'one'

/** Runs a program in every way. `seed` chooses which kernels run again. */
export async function check(
  d: Device,
  p: Case,
  seed: number,
  ways: Ways = 'all',
): Promise<Verdict> {
  const sure = new Comparison(p)
  try {
    await compare(d, p, seed, ways, sure)
  } catch (error) {
    const failure =
      error instanceof Mismatch
        ? { kind: error.kind, message: error.message }
        : { kind: 'error' as const, message: String((error as Error).stack ?? error) }
    return { ...sure.counts(), failure }
  }
  return sure.counts()
}

async function compare(
  d: Device,
  p: Case,
  seed: number,
  ways: Ways,
  sure: Comparison,
): Promise<void> {
  const { args } = p
  const fn = replay(p.graph)
  const types = args.map(({ dtype, shape }) => ({ dtype, shape }))
  const programs: Compiled[] = []
  const compiled = (f: typeof fn, options: CompileOptions) => {
    const program = d.compile(f, options)
    programs.push(program)
    return program
  }
  const start = new Map<Variable, HostArray>()
  try {
    const unfused = compiled(fn, { fuse: false })
    const fused = compiled(fn, { recompute: 'none' })
    const made = fused.stages(...types)
    sure.agrees('pass', made.recomputed)
    if (seed % 4 === 0) checkWindows(d, fn, types, sure)
    for (const v of made.plan.variables) start.set(v, v.initial())
    sure.close('unfused', await runFrom(d, unfused, args, start))
    const first = await runFrom(d, fused, args, start)
    sure.close('fused', first)
    sameBits('twice', first, await runFrom(d, fused, args, start))
    const same = async (kind: Failure['kind'], program: Compiled) =>
      sameBits(kind, first, await runFrom(d, program, args, start))

    const all = (graph: Graph) => recompute(graph, 'cheap', 0)
    const cuts = () => same('recomputed', compiled(fn, { recompute: randomCuts(seed) }))
    const cheap = () => same('recomputed', compiled(fn, { recompute: all }))
    const blocks = () =>
      same('recomputed', compiled(replay(p.graph, randomBlocks(seed)), { recompute: all }))
    const budget = async () => {
      const memoryBudget = randomBudget(made.plan, seed)
      const tight = compiled(fn, { memoryBudget })
      if (fits(tight, types)) await same('budget', tight)
      else if (ways === 'one') await blocks()
    }
    const again = [cuts, cheap, blocks, budget]
    if (ways === 'one') await new Dice(-seed).one(again)()
    else {
      await same('apart', compiled(fn, { recompute: 'none', fuse: 'apart' }))
      for (const way of again) await way()
    }
    if (!made.plan.assigned.length || seed % 3) return
    const later = new Comparison(p, first.variables)
    later.close('later', await runFrom(d, fused, args, first.variables))
  } finally {
    for (const program of programs) program.dispose()
    for (const v of start.keys()) d.release(v)
  }
}

/** A random part of the memory that a program takes with everything kept, in bytes. */
function randomBudget({ activationBytes, ...rest }: Plan, seed: number): number {
  const share = 0.4 + 0.6 * randomFrom(seed)()
  return planBytes({ ...rest, activationBytes: 0 }) + Math.max(1, share * activationBytes)
}

/** Whether there is a plan within its budget. */
function fits(program: Compiled, types: readonly TensorType[]): boolean {
  try {
    program.stages(...types)
    return true
  } catch (error) {
    if (error instanceof OutOfMemoryError) return false
    throw error
  }
}

/** What becomes of the program where only small tensors can be bound, in the interpreter. */
function checkWindows(
  d: Device,
  fn: ReturnType<typeof replay>,
  types: readonly TensorType[],
  sure: Comparison,
): void {
  const caps = { ...d.caps, maxBindingBytes: smallBinding }
  let graph: Graph
  try {
    graph = stages(fn, types, caps, { recompute: (g) => recompute(g, 'cheap', 0) }).recomputed
  } catch (error) {
    // Some ops cannot work on pieces, and say so.
    if (error instanceof OutOfMemoryError) return
    throw error
  }
  sure.agrees('windows', graph)
}

/** What a program is expected to leave, and how far from it a device may be. */
class Comparison {
  readonly #case: Case
  readonly #state: ReadonlyMap<Variable, Float64Array>
  readonly #last: ReadonlyMap<Variable, Tensor>
  readonly #plain: ReadonlyMap<Tensor, Value>
  /** Whether a number on the way is larger than f32 holds: a device goes on with infinity. */
  readonly #overflows: boolean
  #bounds: Disturbed

  constructor(p: Case, start: Values = new Map()) {
    this.#case = p
    this.#state = new Map([...start].map(([v, data]) => [v, numbersOf(data)]))
    this.#plain = interpretAll(p.graph, p.args, new Map(this.#state))
    this.#overflows = [...this.#plain.values()].some(
      ({ dtype, data }) =>
        isFloat(dtype) && data.some((x) => Number.isFinite(x) && !Number.isFinite(Math.fround(x))),
    )
    this.#bounds = this.#disturbed(2)
    this.#last = new Map(p.graph.assigns.map((t) => [t.node.attrs.variable as Variable, t]))
  }

  #disturbed(count: number): Disturbed {
    return disturbed(this.#case.graph, this.#case.args, new Map(this.#state), count, this.#plain)
  }

  counts(): Verdict {
    const { unsure, jumps } = this.#bounds
    const results = [...new Set([...this.#case.graph.outputs, ...this.#last.values()])]
    return {
      results: results.length,
      unsure: results.filter((t) => unsure.has(t)).length,
      loose: results.filter((t) => !unsure.has(t) && this.#isLoose(t)).length,
      jumps: [...jumps].map((n) => n.op.name),
    }
  }

  /** Where rounding alone may change a tenth, or makes what is not finite, comparing says nothing. */
  #isLoose(t: Tensor): boolean {
    const { data } = this.#plain.get(t)!
    const size = sizeOfValues(data)
    return (
      isFloat(t.dtype) &&
      (this.#overflows ||
        this.#bounds.errors.get(t)! > 0.1 * Math.max(1e-3, size) ||
        !data.every(Number.isFinite))
    )
  }

  /** Asserts that a device left what is expected. */
  close(kind: Failure['kind'], { outputs, variables }: Left): void {
    outputs.forEach((data, i) => {
      this.#compare(kind, this.#case.graph.outputs[i], data, `result ${i}`)
    })
    for (const [v, data] of variables) this.#compareVariable(kind, v, data)
  }

  /** Asserts that another graph of the same program computes the same. */
  agrees(kind: Failure['kind'], graph: Graph): void {
    const after = new Map(this.#state)
    interpret(graph, this.#case.args, after).forEach((data, i) => {
      this.#compare(kind, this.#case.graph.outputs[i], data, `result ${i}`)
    })
    for (const [v, data] of after) this.#compareVariable(kind, v, data)
  }

  #compareVariable(kind: Failure['kind'], v: Variable, data: ArrayLike<number>): void {
    const t = this.#last.get(v)
    const kept = this.#state.get(v) ?? v.initial()
    if (t) this.#compare(kind, t, data, v.name)
    else if (largestDifference(data, kept) > 0) throw new Mismatch(kind, `${v.name} was changed`)
  }

  #compare(kind: Failure['kind'], t: Tensor, got: ArrayLike<number>, name: string): void {
    const expected = this.#plain.get(t)!.data
    const close = () =>
      this.#bounds.unsure.has(t) ||
      this.#isLoose(t) ||
      largestDifference(got, expected) <= this.#bounds.errors.get(t)!
    if (close()) return
    // Few experiments may happen to disturb little.
    this.#bounds = this.#disturbed(24)
    if (close()) return
    const most = this.#bounds.errors.get(t)!
    throw new Mismatch(kind, `${name}: ${firstDifference(got, expected, most)}`)
  }
}

function firstDifference(got: ArrayLike<number>, expected: Float64Array, most: number): string {
  const at = expected.findIndex((_, i) => !(largestDifference([got[i]], [expected[i]]) <= most))
  const off = largestDifference(got, expected).toPrecision(3)
  return `element ${at} is ${got[at]} and should be ${expected[at]} (at most off by ${off}, rounding explains ${most.toPrecision(3)})`
}

function sameBits(kind: Failure['kind'], a: Left, b: Left): void {
  a.outputs.forEach((x, i) => {
    equalBits(kind, x, b.outputs[i], `result ${i}`)
  })
  for (const [v, x] of a.variables) equalBits(kind, x, b.variables.get(v)!, v.name)
}

function equalBits(kind: Failure['kind'], a: HostArray, b: HostArray, name: string): void {
  const [p, q] = [a, b].map((x) => new Uint8Array(x.buffer, x.byteOffset, x.byteLength))
  const at = p.findIndex((byte, k) => byte !== q[k])
  if (at < 0) return
  const e = Math.floor(at / a.BYTES_PER_ELEMENT)
  throw new Mismatch(kind, `${name}: element ${e} was ${a[e]} and is ${b[e]}`)
}

// Every op at awkward sizes, not only those that somebody thought of: each axis of each sample at 1, at primes, at
// multiples of four and not, and empty. The device agrees with the interpreter, and the derivative is the slope.
// `--slow` takes all of them, else some of each op.

import * as assert from 'uvu/assert'
import { sizeOf } from '../../engine/dtype.ts'
import { AtrousError } from '../../engine/errors.ts'
import { type HostTensor, ops, type Tensor } from '../../engine/index.ts'
import { type Attrs, apply, type Op, type Sample } from '../../engine/op.ts'
import { interpret, roundingErrors } from '../../engine/reference/index.ts'
import { close, drawSample, split, title, traceOf, wrtOf } from '../checks.ts'
import { testDevice } from '../device.ts'
import { slowWanted, test } from '../harness.ts'
import { checkSlope, drawArguments, gradientsOf } from '../ops/op-checks.ts'
import { runFrom } from './device-runs.ts'
import { playable } from './op-moves.ts'
import { grid, withEmpty } from './resize.ts'

type AnySample = Sample<Attrs>

interface Trial {
  readonly what: string
  readonly args: readonly HostTensor[]
  build(...inputs: Tensor[]): Tensor[]
}

const elements = (s: AnySample) => s.inputs.reduce((n, x) => n + sizeOf(x.shape), 0)

/** Some of the samples, from all over the list. */
function some(samples: readonly AnySample[]): AnySample[] {
  const small = samples.filter((s) => elements(s) <= 3000)
  const most = slowWanted ? small.length : 24
  return small.filter(
    (_, i) => Math.floor((i * most) / small.length) !== Math.floor(((i - 1) * most) / small.length),
  )
}

const valueOf = (op: Op, s: AnySample): Trial => ({
  what: title(op, s),
  args: drawSample(s, 3),
  build: (...xs) => apply(op, xs, s.attrs),
})

/** The gradients of an op, each of which is the slope for one of three draws at least: another may lie on a kink. */
const gradientTrials = (op: Op, samples: readonly AnySample[]): Trial[] =>
  gradientsOf(op, samples).map((g) => {
    const what = `${title(op, g.sample)}: gradient`
    const graph = traceOf(g.build, g.types)
    const attempt = (seed: number): readonly HostTensor[] => {
      const args = drawArguments(g, seed)
      try {
        checkSlope(g.value, args, wrtOf(g.sample), interpret(graph, args), seed, what)
        return args
      } catch (error) {
        if (seed === 3) throw error
        return attempt(seed + 1)
      }
    }
    return { what, args: attempt(1), build: g.build }
  })

/** Asserts that the device gives what the interpreter gives. */
async function agree(trials: readonly Trial[]): Promise<void> {
  const d = await testDevice()
  const counts = trials.map((t) => t.args.length)
  const program = d.compile((...args: Tensor[]) =>
    split(args, counts).flatMap((xs, i) => trials[i].build(...xs)),
  )
  const { outputs } = await runFrom(
    d,
    program,
    trials.flatMap((t) => t.args),
    new Map(),
  )
  program.dispose()
  let at = 0
  for (const { what, args, build } of trials) {
    const graph = traceOf(build, args)
    const errors = roundingErrors(graph, args)
    interpret(graph, args).forEach((y, i) => {
      close(outputs[at++], y, errors.get(graph.outputs[i])!, `${what}: output ${i}`)
    })
  }
}

const finite = ({ args, build }: Trial) =>
  interpret(traceOf(build, args), args).every((y) => y.every(Number.isFinite))

for (const op of ops.filter(playable)) {
  const samples = some(grid(op))
  if (!samples.length) continue
  test(`${op.name}: of awkward sizes`, () =>
    agree(samples.map((s) => valueOf(op, s)).filter(finite)))
  if (gradientsOf(op, samples.slice(0, 1)).length)
    test(`${op.name}: the gradient of awkward sizes`, () => agree(gradientTrials(op, samples)))
}

for (const op of ops.filter(playable))
  test(`${op.name}: empty inputs are refused, or give what the interpreter gives`, async () => {
    const trials = withEmpty(op).flatMap((s) => {
      const trial = valueOf(op, s)
      try {
        traceOf(trial.build, trial.args)
        return [trial]
      } catch (error) {
        assert.instance(error, AtrousError, `${trial.what}: ${error}`)
        return []
      }
    })
    if (trials.length) await agree(trials)
  })

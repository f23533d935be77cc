// An op on every sample of its definition: the device against the float64 interpreter, and its derivative against finite
// differences. One program an op, so that equal kernels are compiled once. No Node in here, so that pages run them too.

import type { Device, Tensor } from '../../engine/index.ts'
import { type Attrs, apply, type Op, type Sample } from '../../engine/op.ts'
import {
  interpret,
  largestDifference,
  roundingErrors,
  sizeOfValues,
  tolerance,
} from '../../engine/reference/index.ts'
import { bitsOf, close, drawSample, readAll, split, title, traceOf, wrtOf } from '../samples.ts'
import { checkSlope, drawArguments, gradientsOf } from './op-checks.ts'

export const samplesOf = (op: Op) => op.samples as readonly Sample<Attrs>[]

export const gradients = (op: Op) => gradientsOf(op, samplesOf(op))

/** All samples of an op in one function: arguments one after another, outputs likewise. */
export const allSamples =
  (op: Op, prepare: (x: Tensor) => Tensor) =>
  (...inputs: Tensor[]) => {
    const counts = samplesOf(op).map((s) => s.inputs.length)
    return split(inputs, counts).flatMap((xs, i) =>
      apply(op, xs.map(prepare), samplesOf(op)[i].attrs),
    )
  }

/** Throws where a result is not the interpreter's, or has other bits when it is computed again. */
export async function compareOp(d: Device, op: Op, prepare: (x: Tensor) => Tensor): Promise<void> {
  const program = d.compile(allSamples(op, prepare))
  const drawn = samplesOf(op).map((s, i) => drawSample(s, 100 + i))
  const got = await readAll(await program.run(...drawn.flat()))
  const again = await readAll(await program.run(...drawn.flat()))
  got.forEach((x, i) => {
    if (largestDifference(bitsOf(x), bitsOf(again[i])))
      throw new Error(`result ${i} has other bits when run twice`)
  })
  samplesOf(op).forEach((s, i) => {
    const graph = traceOf((...xs) => apply(op, xs, s.attrs), s.inputs)
    const expected = interpret(graph, drawn[i])
    expected.forEach((y, k) => {
      const size = sizeOfValues(y)
      const types = graph.outputs[k].node.types
      const most = tolerance(op, s.inputs, types, s.attrs, size, types[k].dtype)
      close(got.shift()!, y, most, `${title(op, s)} output ${k}`)
    })
  })
  program.dispose()
}

/** Throws where the gradient of an op is not its slope, or the device's is another. */
export async function compareGradients(
  d: Device,
  op: Op,
  seeds: readonly number[] = [1, 2],
): Promise<void> {
  const all = gradients(op)
  const program = d.compile((...args: Tensor[]) =>
    split(
      args,
      all.map((g) => g.types.length),
    ).flatMap((xs, i) => all[i].build(...xs)),
  )
  for (const seed of seeds) {
    const drawn = all.map((g) => drawArguments(g, seed))
    const got = await readAll(await program.run(...drawn.flat()))
    all.forEach((g, i) => {
      const what = `${title(op, g.sample)} seed ${seed}`
      const graph = traceOf(g.build, g.types)
      const expected = interpret(graph, drawn[i])
      checkSlope(g.value, drawn[i], wrtOf(g.sample), expected, seed, what)
      const errors = roundingErrors(graph, drawn[i])
      expected.forEach((y, k) => {
        const most = errors.get(graph.outputs[k])!
        close(got.shift()!, y, most, `${what}: gradient ${k} on the device`)
      })
    })
  }
  program.dispose()
}

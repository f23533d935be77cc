// Random programs with gradients and updates, fused and not, against the interpreter. Reproduce one with
// ATROUS_FUZZ=seed; ATROUS_FUZZ=from-to runs a range; `--slow` runs ten times as many.

import { agree, drawn } from './agree.ts'
import { test } from './harness.ts'
import { argumentTypes, randomProgram } from './random-graph.ts'

const [from, to] = range(process.env['ATROUS_FUZZ'])

for (let seed = from; seed <= to; seed++) {
  // The first thirty in every run.
  const options = { slow: seed > 30 && process.env['ATROUS_FUZZ'] === undefined }
  test(`random program ${seed} agrees with the interpreter`, () => check(seed), options)
}

async function check(seed: number): Promise<void> {
  await agree(randomProgram(seed), drawn(argumentTypes(seed), seed), { what: `program ${seed}` })
}

function range(text = '1-300'): [number, number] {
  const [first, last = first] = text.split('-').map(Number)
  return [first, last]
}

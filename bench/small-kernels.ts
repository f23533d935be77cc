// Checks the copy, pool, unpool, resize, softmax, label and select kernels against plain loops, on shapes with 1, odd and prime sizes,
// and times each on one representative size. Exits 1 when one is wrong.
//
//   node dist/bench/small-kernels.js [part of a kernel's name]

import { given, named } from './options.ts'
import { checkCopies } from './small-copies.ts'
import { checkLabels } from './small-labels.ts'
import { checkPools } from './small-pools.ts'
import { checkResizes } from './small-resizes.ts'
import { openRunner } from './small-runner.ts'
import { checkSelects } from './small-selects.ts'

const [only] = given({}, ["a part of a kernel's name"]).positionals
const names = new Set<string>()
const wanted = (name: string) => {
  names.add(name)
  return only === undefined || name.includes(only)
}
const runner = await openRunner()
const chosen = {
  ...runner,
  check: (async (name, ...rest) =>
    wanted(name) ? runner.check(name, ...rest) : undefined) as typeof runner.check,
  time: (async (name, ...rest) =>
    wanted(name) ? runner.time(name, ...rest) : undefined) as typeof runner.time,
}
await checkCopies(chosen)
await checkPools(chosen)
await checkLabels(chosen)
await checkResizes(chosen)
await checkSelects(chosen)
named([...names], only, (name) => name)
process.exit(runner.report() ? 0 : 1)

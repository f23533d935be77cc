// Checks the copy, pool, unpool, resize, softmax, label and select kernels against plain loops, on shapes with 1, odd and prime sizes,
// and times each on one representative size. Exits 1 when one is wrong.
//
//   node dist/bench/small-kernels.js [part of a kernel's name]

import { checkCopies } from './small-copies.ts'
import { checkLabels } from './small-labels.ts'
import { checkPools } from './small-pools.ts'
import { checkResizes } from './small-resizes.ts'
import { openRunner } from './small-runner.ts'
import { checkSelects } from './small-selects.ts'

const only = process.argv[2] ?? ''
const runner = await openRunner()
const chosen = {
  ...runner,
  check: (async (name, ...rest) =>
    name.includes(only) ? runner.check(name, ...rest) : undefined) as typeof runner.check,
  time: (async (name, ...rest) =>
    name.includes(only) ? runner.time(name, ...rest) : undefined) as typeof runner.time,
}
await checkCopies(chosen)
await checkPools(chosen)
await checkLabels(chosen)
await checkResizes(chosen)
await checkSelects(chosen)
process.exit(runner.report() ? 0 : 1)

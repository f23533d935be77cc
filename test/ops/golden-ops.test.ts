// Single operators against an independent peer: one test for each operator of the golden values beside the repository.

import assert from 'node:assert/strict'
import { testDevice } from '../device.ts'
import { readIndex } from '../goldens/format.ts'
import { operators, runCases } from '../goldens/runner.ts'
import { needShared, shared, test } from '../harness.ts'

const folder = shared('goldens')
const listed = folder ? readIndex(folder).entries.map(({ op }) => op) : operators.keys()

for (const op of new Set(listed)) {
  if (op === 'network') continue
  test(`golden ${op}: results, gradients and state`, async () => {
    const { folder, entries } = readIndex(needShared('goldens'))
    const index = { folder, entries: entries.filter((e) => e.op === op) }
    const results = await runCases(index, await testDevice())
    assert.ok(results.length > 0)
    const problems = results.flatMap(({ id, problems }) => problems.map((p) => `${id}: ${p}`))
    assert.equal(problems.join('\n'), '')
  })
}

// Whole networks against an independent peer: every network case of the golden values beside the repository.

import assert from 'node:assert/strict'
import type { Device } from '../../engine/device.ts'
import { testDevice } from '../device.ts'
import { type Entry, GoldenCase, readIndex } from '../goldens/format.ts'
import { readCase } from '../goldens/network.ts'
import { runInFloat64 } from '../goldens/network-run.ts'
import { runCase } from '../goldens/runner.ts'
import { Trial } from '../goldens/trial.ts'
import { needShared, shared, test } from '../harness.ts'

const folder = shared('goldens')
const cases = (folder ? readIndex(folder).entries : []).filter(({ op }) => op === 'network')
const sizeOf = ({ attributes }: Entry) =>
  (attributes as { parameter_count: number }).parameter_count

if (!folder) test('golden networks', () => needShared('goldens'))

for (const entry of cases)
  test(
    `golden network ${entry.id}: activations, logits, loss, gradients, statistics, steps`,
    async () => {
      const { problems } = await runCase(folder!, entry, await testDevice())
      assert.equal(problems.join('\n'), '')
    },
    // Those of full width take as long as all others together.
    { slow: sizeOf(entry) > 1e6 },
  )

/** The definition of a network and of every gradient, without a device and without rounding: what is left is the rounding of
 * the numbers in the file. The tolerances of cases in training mode are wide, since float32 loses much there; here none is. */
const quick = /model_a|frrn_a_b8_train/
const noDevice = undefined as unknown as Device

for (const entry of cases)
  test(
    `golden network ${entry.id}: in float64 all of it agrees to 1e-6`,
    () => {
      const { experiment, compare } = readCase(new Trial(new GoldenCase(folder!, entry), noDevice))
      const outcome = runInFloat64({ ...experiment, descent: undefined })
      for (const [name, { error, problem }] of compare(outcome)) {
        assert.equal(problem, undefined, `${name} ${problem}`)
        assert.ok(error <= 1e-6, `${name} is off by ${error}`)
      }
    },
    { slow: sizeOf(entry) > 1e6 || !quick.test(entry.id), timeout: 600 },
  )

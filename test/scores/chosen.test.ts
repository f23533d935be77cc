// The overlap that a search found: a record of it is read, and what is none is refused by name.

import assert from 'node:assert/strict'
import { DataError } from '../../engine/errors.ts'
import { chosenOverlap } from '../../train/instances/chosen.ts'
import { test } from '../harness.ts'

test('chosen overlap: a record is read; what has no such numbers is told', () => {
  const record = { threshold: 0.2, split: 'val', localization: { step: 7 } }
  assert.deepEqual(chosenOverlap(JSON.stringify(record), 'instances.json'), {
    threshold: 0.2,
    split: 'val',
    step: 7,
  })
  for (const wrong of [
    '',
    'null',
    '{}',
    JSON.stringify({ ...record, threshold: null }),
    JSON.stringify({ ...record, threshold: '0.2' }),
    JSON.stringify({ ...record, threshold: 1.5 }),
    JSON.stringify({ ...record, split: 3 }),
    JSON.stringify({ ...record, localization: { step: null } }),
  ])
    assert.throws(
      () => chosenOverlap(wrong, 'instances.json'),
      (error) => error instanceof DataError && /^instances.json: is damaged/.test(error.message),
      wrong,
    )
})

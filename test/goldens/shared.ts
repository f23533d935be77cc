// The golden values beside the repository, for tests.

import assert from 'node:assert/strict'
import { needShared } from '../harness.ts'
import { GoldenCase, readIndex } from './format.ts'

/** All cases of an operator. The running test is skipped where the golden values are not here. */
export function goldenCases(op: string): GoldenCase[] {
  const { folder, entries } = readIndex(needShared('goldens'))
  return entries.filter((e) => e.op === op).map((e) => new GoldenCase(folder, e))
}

/** One case by its id. */
export function goldenCase(id: string): GoldenCase {
  const { folder, entries } = readIndex(needShared('goldens'))
  const entry = entries.find((e) => e.id === id)
  assert.ok(entry, `no golden case ${id}`)
  return new GoldenCase(folder, entry)
}

// The papers' numbers, as the reference has them; and which of them a checkpoint is put beside.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { published } from '../train/results/table.ts'
import { needShared, test } from './harness.ts'

interface Reference {
  readonly tables: readonly {
    readonly id: string
    readonly paper: string
    readonly where: string
    readonly dataset: string | null
    readonly split: string | null
    readonly rows: readonly Record<string, unknown>[]
  }[]
}

test('published: every number of the reference, and no other', () => {
  const { tables } = JSON.parse(
    readFileSync(needShared('reference/results.json'), 'utf8'),
  ) as Reference
  assert.deepEqual(
    published.map(({ id }) => id),
    tables.map(({ id }) => id),
  )
  tables.forEach((table, i) => {
    const { rows, paper, where } = published[i]
    assert.deepEqual([paper.toUpperCase(), where], [table.paper, table.where])
    const expected = table.rows.map(({ by, dataset, split, config, values, perClass }) => ({
      ...{ by, dataset: dataset ?? table.dataset, split: split ?? table.split, config, values },
      ...(perClass !== undefined && { perClass }),
    }))
    assert.deepEqual(rows, expected, table.id)
  })
})

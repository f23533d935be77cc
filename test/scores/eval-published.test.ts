// The papers' numbers, as the reference has them; and which of them a checkpoint is put beside.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { type Beside, besidePapers, type Evaluated } from '../../train/results/beside.ts'
import { published } from '../../train/results/table.ts'
import { needShared, test } from '../harness.ts'

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

const fcrn = { kernel: 5, dilation: 12, dropout: 0.3 }
const bootstrap = { loss: { name: 'bootstrap', keep: 512 }, name: 'fcrn-voc', init: 'x' } as const

const beside = (
  name: string,
  options: Readonly<Record<string, unknown>>,
  more: Partial<Evaluated> = {},
  table?: string,
) =>
  besidePapers(
    {
      model: { name, options },
      ...{ dataset: 'voc', split: 'val', images: 1449, steps: 10 ** 6, recipe: bootstrap },
      ...more,
    },
    table,
  )

const ids = (rows: readonly Beside[]) =>
  rows.map(({ table, row: { values } }) => `${table} ${values['meanIoU']}`)

test('published: a network is put beside the rows of exactly what was done', () => {
  const full = beside('fcrn-101', fcrn)
  assert.deepEqual(ids(full.matches), ['p0-table4 75.45'])
  assert.deepEqual([full.near, full.notes], [[], []])
  const dry = beside('fcrn-101', { ...fcrn, dropout: 0 })
  assert.deepEqual(ids(dry.matches).sort(), [
    'p0-table4 74.8',
    'p0-table5 74.8',
    'p1-table2 74.8',
    'p1-table7 74.8',
  ])
  const plain = { recipe: { loss: { name: 'crossEntropy' }, name: 'fcrn-voc', init: 'x' } } as const
  const sixteen = { ...fcrn, dropout: 0, outputStride: 16, kernel: 3, dilation: 6 }
  assert.deepEqual(ids(beside('fcrn-50', sixteen, plain).matches), [
    'p0-table1 69.09',
    'p1-table1 69.09',
  ])
  const city = { dataset: 'cityscapes', images: 500 }
  const frrn = { recipe: { name: 'frrn-a', data: { height: 256 } as never } }
  assert.deepEqual(ids(beside('frrn-a', {}, { ...city, ...frrn }).matches), ['p2-text-val 65.7'])
  const gcn = { recipe: { name: 'gcn-voc-3', init: 'x' } }
  assert.deepEqual(ids(beside('gcn-152', {}, gcn).matches)[0], 'p3-table7 80.3')
  const scales = { ...gcn, test: { scales: [0.75, 1, 1.25], flip: true, crf: true } } as const
  assert.deepEqual(ids(beside('gcn-152', {}, scales).matches), ['p3-table7 81'])
  const two = beside('model-a', { head: '2conv' }, { test: { flip: true } })
  assert.deepEqual(ids(two.matches), ['p4-table2 80.84'])
})

test('published: what was not done alike is near at most, with what differs', () => {
  const other = beside('fcrn-101', { ...fcrn, dilation: 24 })
  assert.deepEqual(other.matches, [])
  assert.equal(other.near.length, 3)
  assert.deepEqual(other.near[0].differs, ['dilation 12, here 24'])
  const refined = beside('fcrn-101', fcrn, { test: { crf: true } })
  assert.deepEqual([refined.matches, refined.near[0].differs], [[], ['here crf true']])
  const mirrored = beside('fcrn-101', fcrn, { test: { flip: true } })
  assert.deepEqual([mirrored.matches, mirrored.near[0].differs], [[], ['here flip true']])
  const unknown = beside('fcrn-101', fcrn, { recipe: undefined })
  assert.deepEqual(unknown.matches, [])
  assert.match(unknown.notes.join(), /trained by no recipe of a paper/)
  const narrow = beside('fcrn-101', { ...fcrn, width: 16 }, { images: 20, steps: 9, resized: true })
  assert.deepEqual(narrow.matches, [])
  assert.equal(narrow.near[0].table, 'p0-table4')
  for (const [i, note] of [
    /the network is not the paper's: width 16, not 64/,
    /scored on 20 of 1449 images/,
    /another size than the labels' own/,
    /trained for 9 steps of the recipe's \d+/,
  ].entries())
    assert.match(narrow.notes[i], note)
  const fewer = beside('resnet-50', { classes: 50 }, { dataset: 'imagenet', images: 50_000 })
  assert.deepEqual(fewer.matches, [])
  assert.match(fewer.notes[0], /the network is not the paper's: 50 classes, not 1000/)
  const camvid = beside('fcrn-101', fcrn, { dataset: 'camvid' })
  assert.deepEqual(camvid.notes, ['none of the five papers has results on camvid'])
  const asked = beside('fcrn-101', fcrn, {}, 'p0-table1')
  assert.equal(asked.matches.length, 0)
  assert.equal(asked.near.length, 21)
  assert.throws(() => beside('fcrn-101', fcrn, {}, 'p0-table99'), /there is no table p0-table99/)
})

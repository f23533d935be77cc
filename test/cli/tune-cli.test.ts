// `tune` as a person meets it, and what a training run keeps of the table.

import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openDevice } from '../../engine/node.ts'
import { testDevice } from '../device.ts'
import { withEnvironment } from '../environment.ts'
import { skip, test } from '../harness.ts'
import { ran, refused, scratch } from './cli.ts'

const withTuning = <T>(tuning: string, work: () => Promise<T>): Promise<T> =>
  withEnvironment({ ATROUS_TUNING: tuning }, work)

const narrow = ['resnet-18', '--width', '8', '--classes', '10', '--input', '32x32']

test('cli: tune measures a network, prints what it found and writes a table that opens devices', async () => {
  const file = join(scratch(), 'new/table.json')
  const { code, out, err } = await ran(['tune', ...narrow, '--seconds', '4', '--out', file])
  assert.equal(code, 0, err)
  assert.match(err, /tuning: shipped defaults, [0-9a-f]{16}/)
  assert.match(out, /^class of problems +default +ms +best +ms +ratio\n(conv|product) f32 p\d+ c/)
  assert.match(out, /\n {2}measured +\d+ class(?:es)?, \d+ of them better than the default\n/)
  assert.match(out, /\n {2}whole step +(unchanged|[\d.e+]+ ms before, .* ratio \d\.\d\d)\n/)
  const table = JSON.parse(readFileSync(file, 'utf8'))
  assert.equal(table.format, 1)
  const device = await openDevice({ tuning: { file } })
  try {
    assert.deepEqual(device.tuning.toJSON(), table)
    const { size, hash } = device.tuning
    assert.match(
      out,
      new RegExp(`\\n {2}table +${size} class(?:es)?, ${hash}, in .*table\\.json\\n$`),
    )
  } finally {
    device.close()
  }
})

test('cli: tune measures what mixed precision runs, which is of other classes', async () => {
  const opened = await testDevice()
  if (!opened.caps.f16) skip('the adapter has no shader-f16')
  const file = join(scratch(), 'table.json')
  const model = ['frrn-a', '--base', '8', '--lanes', '8', '--input', '32x32']
  const mixed = ['--precision', 'mixed', '--seconds', '4', '--out', file, '--json']
  const { code, out, err } = await ran(['tune', ...model, ...mixed])
  assert.equal(code, 0, err)
  const { measured, precision } = JSON.parse(out)
  assert.equal(precision, 'mixed')
  assert.match(measured[0].problemClass, / f16 /)
  // The table has them by name, what was measured by how much work they are.
  assert.deepEqual(
    Object.keys(JSON.parse(readFileSync(file, 'utf8')).entries),
    measured.map((m: { problemClass: string }) => m.problemClass).sort(),
  )
})

test('cli: a run keeps its table, and goes on with it whatever was tuned since', async () => {
  const folder = scratch()
  const run = join(folder, 'run')
  const device = await openDevice({ tuning: 'shipped' })
  const { adapter } = device.tuning
  const lanes = device.caps.software ? 8 : 64
  device.close()
  // A class that such a network has, with a tile that is not its default on any machine here.
  const entries = { 'conv f32 p11 c8 o8 t9': `direct cols1 lanes${lanes} rows4` }
  const file = join(folder, 'table.json')
  writeFileSync(file, JSON.stringify({ format: 1, kernels: 1, adapter, entries }))
  const steps = (n: number) => ['--steps', `${n}`, '--eval-every', '99']
  const small = ['--size', '16x16', '--batch', '8', '--option', 'depthMultiplier=0.5']
  const begin = ['train', ...small, ...steps(1), '--out', run]
  const first = await withTuning(file, () => ran(begin))
  assert.equal(first.code, 0, first.err)
  const config = JSON.parse(readFileSync(join(run, 'config.json'), 'utf8'))
  const kept = JSON.parse(readFileSync(join(run, 'tuning.json'), 'utf8'))
  assert.deepEqual(kept.entries, entries)
  assert.match(config.tuning, /^[0-9a-f]{16}$/)
  const hash = () => JSON.parse(readFileSync(join(run, 'checkpoint.json'), 'utf8')).tuning
  assert.equal(hash(), config.tuning)
  const resume = ['train', '--resume', run, ...steps(2)]
  const second = await withTuning('shipped', () => ran(resume))
  assert.equal(second.code, 0, second.err)
  assert.equal(hash(), config.tuning)
})

test('cli: a table that is not there, or of another adapter, ends a command with one sentence', async () => {
  const file = join(scratch(), 'foreign.json')
  writeFileSync(file, '{"format": 1, "kernels": 1, "adapter": "another", "entries": {}}')
  await withTuning('/nowhere/t.json', () => refused(['tune', ...narrow], /cannot be read/))
  await withTuning(file, () =>
    refused(['tune', ...narrow], /was measured on another, and this adapter is/),
  )
})

test('cli: tune refuses what it cannot do before it opens a device', async () => {
  await refused(['tune'], /MODEL is missing/)
  await refused(['tune', 'resnet-18', '--seconds', '0'], /--seconds cannot be '0'/)
  await refused(['tune', 'resnet-180'], /resnet-180/)
  await refused(['tune', ...narrow, '--out', scratch()], /--out cannot be .*\n.*end in \.json/)
  await refused(['tune', ...narrow, '--precision', 'half'], /--precision cannot be 'half'/)
})

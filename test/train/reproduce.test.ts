// Experiments: every row of a table asks for a run that there is, its arguments mean what the row says, and `reproduce` goes on
// where it was and shows what came out.

import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Args } from '../../apps/cli/command.ts'
import { chosenRows, jobsOf, procedureOf } from '../../apps/cli/reproduce-jobs.ts'
import { newRecipe } from '../../apps/cli/settings.ts'
import { train } from '../../apps/cli/train.ts'
import { experimentNamed, experiments, isRun } from '../../train/experiments/index.ts'
import { figuresInPercent, spreadOf } from '../../train/experiments/table.ts'
import { recipes } from '../../train/recipes/index.ts'
import { holdRun } from '../../train/runs/lock.ts'
import { ran, refused, scratch } from '../cli/cli.ts'
import { test } from '../harness.ts'

const recipeOf = (argv: readonly string[]) =>
  newRecipe(new Args(train, [...argv, '--data', 'street']), undefined)

test('experiments: each row that is run is a recipe that means something', () => {
  const seen = new Set<string>()
  for (const { id, rows } of experiments)
    for (const row of rows.filter(isRun)) {
      assert.ok(recipes.has(row.train[0]), `${id} ${row.key}`)
      // Classifiers need images with classes, which drawn scenes are not.
      const recipe = recipeOf(row.train)
      assert.ok(recipe.model.name, `${id} ${row.key}`)
      seen.add(recipe.model.name)
      if (row.init !== undefined)
        assert.ok(
          rows.some((r) => isRun(r) && r.key === row.init),
          `${id} ${row.key}`,
        )
    }
  for (const name of ['fcrn-152', 'frrn-a', 'gcn-152', 'model-a', 'resnet-50'])
    assert.ok(seen.has(name))
})

test('experiments: a row trains what it says', () => {
  const row = (id: string, key: string) => chosenRows(experimentNamed(id), key)[0]
  const best = row('p0-table1', '20')
  assert.equal(best.published?.['meanIoU'], 73.32)
  const { model, loss, data } = recipeOf(best.train)
  const { kernel, dilation, outputStride, dropout } = model.options
  assert.deepEqual([model.name, kernel, dilation, outputStride, dropout], ['fcrn-152', 5, 12, 8, 0])
  assert.deepEqual([loss.name, data.kind], ['crossEntropy', 'street'])
  const bootstrapped = row('p0-table6', '2')
  assert.equal(recipeOf(bootstrapped.train).loss.keep, 512)
  const finer = row('p0-table3', '5')
  assert.deepEqual(finer.test, { shifted: 'features' })
  const last = row('p3-table7', '11')
  assert.deepEqual(last.test, { scales: [0.75, 1, 1.25], flip: true, crf: true })
  // It is trained at a quarter of the size at which it is scored.
  const frrn = chosenRows(experimentNamed('p2-text-val'), undefined).map(({ test }) => test)
  assert.ok(frrn.length > 1)
  for (const each of frrn) assert.deepEqual(each, { resize: { height: 256, width: 512 } })
  const small = { resize: { height: 16, width: 32 } }
  assert.deepEqual(procedureOf({ test: frrn[0]! }, small), small)
  const { test } = recipeOf(last.train)
  assert.deepEqual(procedureOf(last, test!), { pad: { height: 512, width: 512 }, ...last.test })
  const crops = recipeOf(row('p3-table9', '4').train).test
  assert.deepEqual(procedureOf(row('p3-table9', '4'), crops!).window, crops?.window)
  const jobs = jobsOf([last], experimentNamed('p3-table7'), {
    ...{ out: 'x', seeds: 1, more: [] },
    data: new Map([['', 'somewhere']]),
  })
  assert.deepEqual(
    jobs.map(({ argv }) => argv[0]),
    ['gcn-voc-1', 'gcn-voc-2', 'gcn-voc-3'],
  )
  assert.equal(jobs[2].argv.at(-1), jobs[1].folder)
})

test('experiments: what a person asks for wins over what a row says', () => {
  const experiment = experimentNamed('ablation-stride')
  const [job] = jobsOf(experiment.rows.filter(isRun), experiment, {
    ...{ out: 'x', seeds: 2, data: new Map([['', 'street']]) },
    more: ['--minutes', '3', '--size', '32x32', '--set', 'optimizer.clip={"norm":1}'],
  })
  assert.equal(job.argv.filter((word) => word === '--size').length, 1)
  assert.ok(!job.argv.includes('--steps'))
  assert.ok(job.argv.includes('outputStride=16'))
})

test('experiments: figures in percent, and their spread', () => {
  assert.deepEqual(figuresInPercent({ meanIoU: 0.5, top5: 0.9, seconds: 3 }), {
    meanIoU: 50,
    top5Err: 100 * (1 - 0.9),
  })
  assert.deepEqual(spreadOf([1, 3]), { mean: 2, deviation: Math.SQRT2, count: 2 })
  assert.deepEqual(spreadOf([5]), { mean: 5, deviation: undefined, count: 1 })
  assert.equal(spreadOf([]), undefined)
})

test('cli: reproduce trains what is missing, tests it, and shows the table', async () => {
  const out = join(scratch(), 'table')
  const few = ['--set', 'data.val=4', '--set', 'data.test=4']
  const small = ['--size', '16x16', '--steps', '2', '--set', 'validateEvery=2', ...few]
  const args = ['reproduce', 'ablation-shifted', '--data', 'street', ...small, '--out', out]
  const first = await ran([...args, '--only', 'once,once-4'])
  assert.equal(first.code, 0, first.err)
  assert.match(first.out, /one pass, tested at 1\/4 +\d+\.\d\d +\d+\.\d\d +\d+\.\d\d +done/)
  assert.match(first.out, /four passes, tested at 1\/4 *\n?$/)
  const folder = join(out, 'once-seed1')
  const made = statSync(join(folder, 'scores.json')).mtimeMs
  const { figures } = JSON.parse(readFileSync(join(folder, 'test-once-4.json'), 'utf8'))
  // A killed run that never came to a checkpoint begins anew.
  mkdirSync(join(out, 'four-seed1'))
  writeFileSync(join(out, 'four-seed1', 'config.json'), '{}')
  const second = await ran([...args, '--json'])
  assert.equal(second.code, 0, second.err)
  assert.equal(statSync(join(folder, 'scores.json')).mtimeMs, made)
  const { rows } = JSON.parse(second.out)
  assert.deepEqual(
    rows.map(({ state }: { state: string }) => state),
    ['done', 'done', 'done'],
  )
  assert.equal(rows[1].figures[0].meanIoU, 100 * figures.meanIoU)
  await refused([...args, '--batch', '1'], /have other settings or data/)
  rmSync(out, { recursive: true })
})

test('cli: reproduce refuses tables, rows and data that there are not', () =>
  Promise.all([
    refused(['reproduce', 'p0-tabel1', '--data', 'street'], /did you mean p0-table1/),
    refused(['reproduce', 'p0-table1', '--data', 'street', '--only', '99'], /has no row 99/),
    refused(['reproduce', 'p0-table1', '--data', 'cityscapes=x'], /is of voc2012, and its folder/),
  ]))

test('cli: what reproduce refuses before the first run leaves its folder as it was', async () => {
  const out = join(scratch(), 'table')
  const args = ['reproduce', 'ablation-shifted', '--only', 'once', '--out', out, '--size', '16x16']
  const street = [...args, '--data', 'street']
  await refused([...street, '--steps', '0'], /--steps cannot be '0'/)
  await refused([...street, '--batch', '1.5'], /--batch cannot be '1.5'/)
  await refused([...args, '--data', join(out, 'typo')], /typo: .*does not exist/)
  assert.ok(!existsSync(out))
  // A run that another process has begun, and that has no checkpoint yet, is neither removed nor given other settings.
  const folder = join(out, 'once-seed1')
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'config.json'), '{}')
  const steps = [...street, '--steps', '1']
  {
    using _ = holdRun(folder)
    const { code, err } = await ran(steps)
    assert.equal(code, 2)
    assert.match(err, /once-seed1 is in use: process \d+ works on it/)
    assert.ok(existsSync(join(folder, 'config.json')))
    await refused([...street, '--steps', '2'], /have other settings or data/)
  }
  // Nobody works on it, and it has come to nothing: other settings may take the place of its own.
  const { code, err } = await ran([...street, '--steps', '2', '--set', 'data.val=2'])
  assert.equal(code, 0, err)
  assert.match(readFileSync(join(out, 'reproduce.json'), 'utf8'), /data\.val=2/)
})

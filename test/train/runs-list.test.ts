// Runs side by side: listed, sorted, and compared by what differs.

import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createRun } from '../../train/runs/folder.ts'
import { runInfo } from '../../train/runs/info.ts'
import { differences, listRuns, sortedRuns } from '../../train/runs/list.ts'
import { ran, refused, scratch } from '../cli/cli.ts'
import { test } from '../harness.ts'

/** A folder that holds `runs/` with three runs in it, one of an older version, and two folders that are none. */
async function threeRuns(): Promise<string> {
  const cwd = scratch()
  const root = join(cwd, 'runs')
  const recipe = (base: number, lr: number) => ({
    data: { kind: 'street', seed: 1 },
    model: { name: 'frrn-a', options: { classes: 8, base } },
    rate: [{ lr, steps: 100 }],
  })
  const make = async (name: string, config: object, scores: number[], state?: object) => {
    const run = await createRun(name, { out: join(root, name) })
    await run.writeConfig(config)
    for (const [i, meanIoU] of scores.entries()) {
      run.appendMetrics({ step: 10 * (i + 1), loss: 1 - meanIoU })
      run.appendMetrics({ step: 10 * (i + 1), validation: { meanIoU } })
    }
    if (state) await run.writeJson('state.json', state)
    return run
  }
  const finished = { step: 20, of: 20, seconds: 75, best: { step: 20, score: 0.5 } }
  await make('a-2', { recipe: recipe(8, 0.01) }, [0.25, 0.5], { state: 'finished', ...finished })
  await make('a-10', { recipe: recipe(16, 0.01), device: 'x' }, [0.75], {
    ...{ state: 'failed', step: 10, seconds: 5, message: 'the loss of step 11 is NaN' },
    best: { step: 10, score: 0.75 },
  })
  await make('old', { recipe: recipe(8, 0.02) }, [0.1, 0.4, 0.3])
  mkdirSync(join(root, 'empty'))
  mkdirSync(join(root, 'broken'))
  writeFileSync(join(root, 'broken/config.json'), '{"recipe":')
  return cwd
}

test('runs: a folder is listed with what each run is, damaged ones named', async () => {
  const cwd = await threeRuns()
  const { runs, damaged } = await listRuns(join(cwd, 'runs'))
  assert.deepEqual(
    runs.map(({ name, state, step, best, note }) => [name, state, step, best?.score, note]),
    [
      ['a-2', 'finished', 20, 0.5, undefined],
      ['a-10', 'failed', 10, 0.75, 'the loss of step 11 is NaN'],
      ['old', 'stopped', 30, 0.4, undefined],
    ],
  )
  assert.equal(damaged.length, 1)
  assert.match(damaged[0].message, /broken.config.json: is not JSON/)
  const names = (by: Parameters<typeof sortedRuns>[1]) => sortedRuns(runs, by).map((r) => r.name)
  assert.deepEqual(names('score'), ['a-10', 'a-2', 'old'])
  assert.deepEqual(names('step'), ['old', 'a-2', 'a-10'])
  assert.deepEqual(names('time'), ['a-2', 'a-10', 'old'])
})

test('runs: only what differs is compared', async () => {
  const cwd = await threeRuns()
  const { runs } = await listRuns(join(cwd, 'runs'))
  assert.deepEqual(differences(runs), [
    { path: 'model.options.base', values: ['8', '16', '8'] },
    {
      path: 'rate',
      values: [0.01, 0.01, 0.02].map((lr) => JSON.stringify([{ lr, steps: 100 }])),
    },
    { path: 'device', values: [undefined, 'x', undefined] },
  ])
  assert.deepEqual(differences([runs[0], runs[0]]), [])
})

test('runs: the command lists, sorts, compares and draws', async () => {
  const cwd = await threeRuns()
  const listed = await ran(['runs', '--sort', 'score'], cwd)
  assert.equal(listed.code, 0, listed.err)
  assert.match(listed.err, /^note: .*broken.*is not JSON/)
  const lines = listed.out.split('\n')
  assert.match(lines[0], /^run +network +data +steps +state +best +time$/)
  assert.match(lines[1], /^a-10 +frrn-a \(base 16\) +street +10 +failed +75\.00 % +0:05$/)
  assert.match(lines[3], /^old .* 40\.00 % +–$/)
  const json = JSON.parse((await ran(['runs', 'runs', '--json'], cwd)).out)
  assert.equal(json.runs.length, 3)

  const args = ['runs', '--compare', 'a-2', 'runs/a-10', '--out', 'curves.svg']
  const compared = await ran(args, cwd)
  assert.equal(compared.code, 0, compared.err)
  assert.match(compared.out, /^model\.options\.base +8 +16$/m)
  assert.doesNotMatch(compared.out, /seed/)
  const drawn = readFileSync(join(cwd, 'curves.svg'), 'utf8')
  assert.match(drawn, />a-2<.*>a-10</s)
  assert.doesNotMatch(drawn, /NaN|undefined/)
  await refused(['runs', '--compare', 'a-2'], /two runs or more/, cwd)
  await refused(['runs', '--out', 'x.svg'], /--out is where curves go/, cwd)
  await refused(['runs', 'nowhere'], /nowhere: cannot be read: does not exist/, cwd)
  assert.match((await ran(['runs', 'runs/empty'], cwd)).out, /^there are no runs in runs.empty$/m)
})

test('runs: what a configuration lacks is not made up', async () => {
  const run = await createRun('a', { root: scratch() })
  await run.writeConfig({})
  const { network, data, step, best, seconds, scoreName } = await runInfo(run)
  assert.deepEqual(
    [network, data, step, best, seconds, scoreName],
    [undefined, undefined, 0, undefined, undefined, 'mean IoU'],
  )
})

// A run whose process is killed, again and again, at whatever moment: nothing is lost that a checkpoint held, and it ends in the
// same bits as one that was left alone.

import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { readCheckpoint } from '../../train/checkpoint/files.ts'
import { openRun } from '../../train/runs/folder.ts'
import { atrous, ran, refused, scratch } from '../cli/cli.ts'
import { testDevice } from '../device.ts'
import { slowWanted, test } from '../harness.ts'

const STEPS = slowWanted ? 18 : 9
const KILLS = slowWanted ? 10 : 1

test(
  `runs: killed (times: ${KILLS}), a run ends in the same bits as one that was not`,
  async () => {
    await testDevice()
    const cwd = scratch()
    const network = ['--base', '2', '--lanes', '2', '--option', 'depthMultiplier=0.5']
    const asked = ['train', '--size', '32x32', ...network, '--batch', '1']
    const set = ['optimizer.ema=0.9', 'optimizer.clip={"norm":1}', 'augmentation=[{"name":"flip"}]']
    const more = set.flatMap((text) => ['--set', text])
    const all = [
      ...asked,
      ...more,
      ...['--set', 'data.val=4', '--set', 'data.test=4'],
      '--steps',
      `${STEPS}`,
      '--eval-every',
      '3',
      '--checkpoints',
      '2',
    ]
    const whole = await ran([...all, '--out', 'whole'], cwd)
    assert.equal(whole.code, 0, whole.err)

    let kills = 0
    let inUse: Promise<void> | undefined
    const killing = (args: string[]) => {
      const before = kills
      return atrous(args, cwd, (err, child) => {
        // The first checkpoint follows the first validation; without one there is nothing to go on from.
        const validations = err.split('validation mean IoU').length - 1
        if (validations < (before ? 1 : 2) || kills >= KILLS || kills > before) return
        kills++
        // The first is held up, so that somebody else can try to go on with it.
        if (kills === 1) {
          child.kill('SIGSTOP')
          inUse = refused(['train', '--resume', 'run'], /run is in use: process \d+ works/, cwd)
          inUse.finally(() => child.kill('SIGKILL'))
        } else setTimeout(() => child.kill('SIGKILL'), 400 * Math.random())
      })
    }
    let ended = await killing([...all, '--out', 'run'])
    // Nobody is killed twice as often as that without having come further.
    for (let i = 0; i < 2 * KILLS + 1 && ended.code !== 0; i++)
      ended = await killing(['train', '--resume', 'run'])
    await inUse
    assert.equal(ended.code, 0, ended.err)
    assert.equal(kills, KILLS)

    const [one, other] = await Promise.all(
      ['whole', 'run'].map(async (name) => {
        const { model, optimizer } = await readCheckpoint(join(cwd, name), 'last')
        const records = await (await openRun(join(cwd, name))).readMetrics()
        const losses = records.flatMap(({ step, loss, gradientNorm }) =>
          loss === undefined ? [] : [[step, loss, gradientNorm]],
        )
        const scores = records.flatMap(({ validation }) =>
          validation ? [(validation as { meanIoU: number }).meanIoU] : [],
        )
        return { model: [...model], optimizer: [...optimizer], losses, scores }
      }),
    )
    assert.equal(one.losses.length, STEPS)
    assert.ok(one.losses.every(([, , norm]) => (norm as number) > 0))
    assert.deepEqual(other.losses, one.losses)
    assert.deepEqual(other.scores, one.scores)
    assert.deepEqual(other.model, one.model)
    assert.deepEqual(other.optimizer, one.optimizer)
    const left = readdirSync(join(cwd, 'run'), { recursive: true }).map(String)
    assert.deepEqual(
      left.filter((name) => /\.tmp$|^lock$/.test(name)),
      [],
    )
    assert.ok(left.includes('report.html'))
  },
  { timeout: 600 },
)

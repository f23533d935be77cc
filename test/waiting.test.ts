// Waiting for a software driver: the processor is left to it, and whatever else this thread has to do goes on.

import * as assert from 'uvu/assert'
import { nodePlatform } from '../engine/platform-node.ts'
import { test } from './harness.ts'

const after = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))
const settle = <T>(promise: Promise<T>) => nodePlatform.settle(promise)

test('waiting: the result and the error of a promise come through', async () => {
  assert.is(await settle(after(5).then(() => 7)), 7)
  const failing = after(5).then(() => {
    throw new Error('lost')
  })
  const said = await settle(failing).catch((error: Error) => error.message)
  assert.is(said, 'lost')
})

test('waiting: takes a small part of a processor', async () => {
  const used = process.cpuUsage()
  await settle(after(300))
  const { user, system } = process.cpuUsage(used)
  // A loop that only polls takes all 300.
  assert.ok((user + system) / 1000 < 150, `${(user + system) / 1000} ms of 300`)
})

test('waiting: timers and turns of the event loop go on, however many wait', async () => {
  let [ticks, turns, done] = [0, 0, false]
  const timer = setInterval(() => ticks++, 5)
  const turn = () => {
    turns++
    if (!done) setImmediate(turn)
  }
  turn()
  await Promise.all(Array.from({ length: 50 }, () => settle(after(300))))
  done = true
  clearInterval(timer)
  // A nap of a millisecond for each who waits would leave 6 turns.
  assert.ok(turns > 50, `${turns} turns`)
  assert.ok(ticks > 15, `${ticks} ticks`)
})

test('waiting: no nap follows a turn in which this thread had work', async () => {
  const { wait } = Atomics
  let naps = 0
  Atomics.wait = ((...args: Parameters<typeof wait>) => {
    naps++
    return wait(...args)
  }) as typeof wait
  let release = () => {}
  const held = settle(
    new Promise<void>((resolve) => {
      release = resolve
    }),
  )
  try {
    for (let round = 0; round < 40; round++) {
      const begun = performance.now()
      while (performance.now() - begun < 2);
      await new Promise((resolve) => setImmediate(resolve))
    }
    assert.ok(naps < 10, `${naps} naps in 40 busy turns`)
    // A few turns, however long other processes make them.
    for (let i = 0; i < 50 && naps <= 10; i++) await after(30)
    assert.ok(naps > 10, `${naps} naps with nothing to do`)
  } finally {
    Atomics.wait = wait
    release()
    await held
  }
})

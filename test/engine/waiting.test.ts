// Waiting for a software driver: the processor is left to it, and whatever else this thread has to do goes on.

import * as assert from 'uvu/assert'
import { nodePlatform } from '../../engine/adapters/platform-node.ts'
import { test } from '../harness.ts'

const after = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))
const settle = <T>(promise: Promise<T>) => nodePlatform.settle(promise)

/** Calls `use` and tells how often this thread went to sleep meanwhile, and for how long. */
async function sleeping(use: (so: { naps: number; ms: number }) => Promise<void>) {
  const { wait } = Atomics
  const so = { naps: 0, ms: 0 }
  Atomics.wait = ((...args: Parameters<typeof wait>) => {
    const begun = performance.now()
    const result = wait(...args)
    so.naps++
    so.ms += performance.now() - begun
    return result
  }) as typeof wait
  try {
    await use(so)
  } finally {
    Atomics.wait = wait
  }
  return so
}

test('waiting: the result and the error of a promise come through', async () => {
  assert.is(await settle(after(5).then(() => 7)), 7)
  const failing = after(5).then(() => {
    throw new Error('lost')
  })
  const said = await settle(failing).catch((error: Error) => error.message)
  assert.is(said, 'lost')
})

test('waiting: the thread sleeps for the greater part of it', async () => {
  const asleep = await sleeping(async () => {
    await settle(after(300))
  })
  // A loop that only polls sleeps for none of it. What the processor did is no measure: drivers' threads work beside.
  assert.ok(asleep.ms > 150, `${asleep.ms} ms of 300`)
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

test('waiting: no nap follows a turn in which this thread had work', () =>
  sleeping(async (asleep) => {
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
      assert.ok(asleep.naps < 10, `${asleep.naps} naps in 40 busy turns`)
      // A few turns, however long other processes make them.
      for (let i = 0; i < 50 && asleep.naps <= 10; i++) await after(30)
      assert.ok(asleep.naps > 10, `${asleep.naps} naps with nothing to do`)
    } finally {
      release()
      await held
    }
  }))

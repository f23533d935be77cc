// Runs of the Train page that would get in each other's way: begun twice, or in two tabs. What a browser gives is played.

import * as assert from 'uvu/assert'
import { onlyOne } from '../../apps/web/train/only-one.ts'
import { forgetKept, run } from '../../apps/web/train/run.ts'
import { test } from '../harness.ts'

test('train run: begun twice it begins once, and resumes where it was paused alone', async () => {
  const ends: ((outcome: 'paused' | 'ended') => void)[] = []
  const work = () => new Promise<'paused' | 'ended'>((end) => ends.push(end))
  const first = run.begin(work)
  await run.begin(work)
  await run.resume()
  assert.is(run.state.status, 'running')
  ends[0]('paused')
  await first
  await run.begin(work)
  assert.is(run.state.status, 'paused')
  assert.is(ends.length, 1)
})

type Granted = (lock: object | null) => unknown

/** Does `work` with the browser's locks and files in place of what Node has. */
async function within(
  request: (name: string, options: object, granted: Granted) => Promise<unknown>,
  work: () => Promise<void>,
): Promise<string[]> {
  const removed: string[] = []
  const folder = { removeEntry: async (name: string) => void removed.push(name) }
  const root = { getDirectoryHandle: async () => folder }
  const played = { locks: { request }, storage: { getDirectory: async () => root } }
  const before = Object.getOwnPropertyDescriptor(globalThis, 'navigator')
  Object.defineProperty(globalThis, 'navigator', { value: played, configurable: true })
  try {
    await work()
    return removed
  } finally {
    if (before) Object.defineProperty(globalThis, 'navigator', before)
    else Reflect.deleteProperty(globalThis, 'navigator')
  }
}

test('train run: what another tab is training is neither written over nor forgotten; without storage nobody waits', async () => {
  const denied = async () => {
    throw new DOMException('The request was denied.', 'SecurityError')
  }
  await within(denied, async () => (await onlyOne())())

  const taken = async (_: string, __: object, granted: Granted) => granted(null)
  const kept = await within(taken, async () => {
    const error = await forgetKept().catch((error) => error)
    assert.is(error.message.split('\n')[0], 'another tab of this page is training')
  })
  assert.equal(kept, [])

  let isHeld = false
  const free = async (_: string, __: object, granted: Granted) => {
    isHeld = true
    await granted({})
    isHeld = false
  }
  const removed = await within(free, async () => {
    const forgotten = forgetKept()
    assert.ok(isHeld)
    await forgotten
    await undefined
    assert.ok(!isHeld)
  })
  assert.equal(removed, ['snapshot.safetensors', 'curves.json'])
})

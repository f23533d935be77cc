// A worker's functions as its page calls them, with a worker that is played: what comes back, and what a call hears when nobody will
// ever answer it.

import * as assert from 'uvu/assert'
import { connect, type Port, serve } from '../../apps/web/remote.ts'
import { DataError } from '../../engine/errors.ts'
import { test } from '../harness.ts'

type Functions = { add(a: number, b: number): number; fail(): void; never(): Promise<void> }
type Events = { told: string }

/** Two ends of a line, the first of which is a worker to its page; `start` is what runs in it. */
function played(start: (port: Port) => void) {
  const [outside, inside] = [new EventTarget(), new EventTarget()]
  const to = (end: EventTarget) => (data: unknown) => {
    const message = structuredClone(data)
    queueMicrotask(() => end.dispatchEvent(new MessageEvent('message', { data: message })))
  }
  const worker = Object.assign(outside, { postMessage: to(inside), terminate: () => {} })
  start(Object.assign(inside, { postMessage: to(outside) }) as unknown as Port)
  const broke = (message: string) =>
    outside.dispatchEvent(Object.assign(new Event('error'), { message }))
  return { remote: connect<Functions, Events>(worker as unknown as Worker), broke }
}

const answering = () => {
  let tell = (_: 'told', __: string) => {}
  const made = played((port) => {
    tell = serve<Events>(
      {
        add: (a: number, b: number) => a + b,
        fail: () => {
          throw new DataError('a.png', 'is no picture', 'take another')
        },
        never: () => new Promise(() => {}),
      },
      port,
    )
  })
  return { ...made, tell: (text: string) => tell('told', text) }
}

const refusal = (call: Promise<unknown>): Promise<string> =>
  call.then(
    () => 'answered',
    (error: Error) => error.message,
  )

test('remote: calls come back, errors under their names, and events in between', async () => {
  const { remote, tell } = answering()
  assert.is(await remote.call.add(2, 3), 5)
  const error = await remote.call.fail().catch((e) => e)
  assert.equal([error.name, error.hint], ['DataError', 'take another'])
  const heard: string[] = []
  const end = remote.on('told', (text) => heard.push(text))
  tell('one')
  await remote.call.add(0, 0)
  end()
  tell('two')
  await remote.call.add(0, 0)
  assert.equal(heard, ['one'])
})

test('remote: a worker that did not start refuses the calls that wait and those that come', async () => {
  const { remote, broke } = played(() => {})
  const waiting = refusal(remote.call.add(1, 1))
  broke('no such file')
  assert.is(await waiting, 'no such file')
  assert.is(await refusal(remote.call.add(1, 1)), 'no such file')
})

test('remote: a worker in which something broke later refuses what waits, and answers again', async () => {
  const { remote, broke } = answering()
  await remote.call.add(1, 1)
  const waiting = refusal(remote.call.never())
  broke('out of its depth')
  assert.is(await waiting, 'out of its depth')
  assert.is(await remote.call.add(2, 2), 4)
})

test('remote: once it is closed what waits and what comes is refused', async () => {
  const { remote } = answering()
  const waiting = refusal(remote.call.never())
  remote.close()
  assert.is(await waiting, 'ended')
  assert.is(await refusal(remote.call.add(1, 1)), 'ended')
})

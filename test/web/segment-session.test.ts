// What the Segment page's worker says of networks that are asked for one after the other, without a device.

import * as assert from 'uvu/assert'
import { Session } from '../../apps/web/segment/session.ts'
import { test } from '../harness.ts'

const file = (text: string) => ({ from: 'file', file: new File([text], 'notes.txt') }) as const

test('segment session: of a network that nobody waits for any more nothing is said, a failure neither', async () => {
  const told: [event: string, value: unknown][] = []
  const session = new Session((event, value) => told.push([event, value]))
  const first = session.load(file('dear diary'))
  const second = session.load(file('dear sister')).catch((error) => error.name)
  assert.is(await first, undefined)
  assert.is(await second, 'DataError')
  // The end of the first wipes nothing of the second.
  assert.equal(told, [['progress', undefined]])
})

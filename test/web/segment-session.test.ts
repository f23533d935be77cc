// What the Segment page's worker makes of networks that are asked for, and says of them, without a device.

import * as assert from 'uvu/assert'
import { openedAgain, placedOn } from '../../apps/web/segment/put-back.ts'
import { Session } from '../../apps/web/segment/session.ts'
import { openNetwork } from '../../apps/web/segment/weights.ts'
import { DataError, DeviceLostError } from '../../engine/errors.ts'
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

test('segment session: weights on their way to a device that goes away go to the next one, and to no third', async () => {
  const lost = new DeviceLostError('the device was lost')
  let opened = 0
  const here = async () => ({ device: { lost: Promise.resolve(lost) }, number: ++opened })
  const failing = (times: number) => async (on: { number: number }) => {
    if (on.number <= times) throw lost
    return `on device ${on.number}`
  }
  const [on, placed] = await placedOn(here, failing(1))
  assert.equal([on.number, placed], [2, 'on device 2'])
  opened = 0
  assert.is(await placedOn(here, failing(2)).catch((error) => error), lost)
  assert.is(opened, 2)
  opened = 0
  const refused = async () => {
    throw new DataError('a.pth', 'is damaged')
  }
  assert.is(await placedOn(here, refused).catch((error) => error.name), 'DataError')
  assert.is(opened, 1)
})

test('segment session: of a device that was opened again nothing is said that is not there', () => {
  assert.is(openedAgain(false, true), 'It was opened again.')
  assert.is(openedAgain(true, false), 'It was opened again, and the network is back on it.')
  assert.match(openedAgain(true, true), /the network is back on it, and the picture is looked at/)
})

test('segment session: weights that the browser has no room to keep are fetched all the same', async () => {
  const header = JSON.stringify({ a: { dtype: 'F32', shape: [1], data_offsets: [0, 4] } })
  const bytes = new Uint8Array(8 + header.length + 4)
  new DataView(bytes.buffer).setUint32(0, header.length, true)
  bytes.set(new TextEncoder().encode(header), 8)
  const played = {
    navigator: {
      storage: {
        getDirectory: async () => ({ getDirectoryHandle: async () => folder }),
        estimate: async () => ({ quota: 9, usage: 0 }),
      },
    },
    FileSystemFileHandle: { prototype: { createWritable: () => {} } },
    fetch: async () => {
      asked++
      return new Response(bytes, { headers: { 'content-length': `${bytes.length}` } })
    },
  }
  let asked = 0
  const folder = { getFileHandle: () => Promise.reject(new DOMException('', 'NotFoundError')) }
  const before = Object.keys(played).map(
    (key) => [key, Object.getOwnPropertyDescriptor(globalThis, key)] as const,
  )
  for (const [key, value] of Object.entries(played))
    Object.defineProperty(globalThis, key, { value, configurable: true, writable: true })
  try {
    const url = 'https://example.org/a.safetensors'
    const found = await openNetwork({ from: 'url', url }, undefined, () => {})
    assert.is('file' in found && found.file, 'a.safetensors')
    assert.is(asked, 2)
  } finally {
    for (const [key, descriptor] of before)
      if (descriptor) Object.defineProperty(globalThis, key, descriptor)
      else Reflect.deleteProperty(globalThis, key)
  }
})

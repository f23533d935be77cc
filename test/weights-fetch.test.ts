// Weights from an address, in Node, where nothing is kept: a server says and sends what a test wants. (The browser's part: web/lib-weights.)

import { createHash, randomBytes } from 'node:crypto'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import * as assert from 'uvu/assert'
import { FetchError, OptionError } from '../engine/errors.ts'
import { type FetchProgress, fetchWeights } from '../train/weights/fetch.ts'
import { forgetWeights, keptWeights } from '../train/weights/kept.ts'
import { Sha256, sha256Of } from '../train/weights/sha256.ts'
import { test } from './harness.ts'

const bytes = new Uint8Array(randomBytes(300_000))
/** Without a length. */
const unsaid = { 'transfer-encoding': 'chunked' }
const sha256 = createHash('sha256').update(bytes).digest('hex')

test('sha256: of any length, in any pieces, is what others say', async () => {
  for (const length of [0, 1, 55, 56, 63, 64, 65, 119, 120, 1000, 300_000]) {
    const part = bytes.subarray(0, length)
    const expected = createHash('sha256').update(part).digest('hex')
    const hash = new Sha256()
    for (let at = 0, step = 1; at < length; at += step, step = (step * 7) % 211 || 1)
      hash.update(part.subarray(at, Math.min(length, at + step)))
    assert.is(hash.digest(), expected, `${length}`)
    assert.is(await sha256Of(new Blob([part])), expected)
  }
})

test('fetch: a file comes in parts, under its name', () =>
  withServer(
    (response) => response.writeHead(200, { 'content-length': bytes.length }).end(bytes),
    async (url) => {
      const told: FetchProgress[] = []
      const options = { sha256: sha256.toUpperCase(), bytes: bytes.length }
      const file = await fetchWeights(`${url}some/net%20one.safetensors?v=2`, {
        ...options,
        onProgress: (progress) => told.push(progress),
      })
      assert.is(file.name, 'net one.safetensors')
      assert.equal(new Uint8Array(await file.arrayBuffer()), bytes)
      assert.equal(told[0], { loaded: 0, total: bytes.length, from: 'network' })
      assert.equal(told.at(-1), { loaded: bytes.length, total: bytes.length, from: 'network' })
      assert.ok(told.length > 2, `${told.length}`)
      assert.is((await fetchWeights(`${url}50%`)).name, '50%')
    },
  ))

test('fetch: each failure has its reason', async () => {
  const answers: [FetchError['reason'], RegExp, (response: ServerResponse) => void, object?][] = [
    ['status', /status 404 Not Found[\s\S]*not there/, (r) => r.writeHead(404).end()],
    ['status', /status 403/, (r) => r.writeHead(403).end('no')],
    ['network', /no answer/, (r) => r.destroy()],
    [
      'truncated',
      /ended after 1000 of 300000 bytes/,
      (r) => {
        r.writeHead(200, { 'content-length': bytes.length })
        r.write(bytes.subarray(0, 1000), () => r.destroy())
      },
    ],
    [
      'truncated',
      /ended after 999 of 1000/,
      (r) => r.writeHead(200, unsaid).end(bytes.subarray(0, 999)),
      { bytes: 1000 },
    ],
    [
      'damaged',
      /more than 1000 bytes/,
      (r) => r.writeHead(200, unsaid).end(bytes),
      { bytes: 1000 },
    ],
    [
      'damaged',
      /is 300000 bytes long, and should be 1000/,
      (r) => r.writeHead(200, { 'content-length': bytes.length }).end(bytes),
      { bytes: 1000 },
    ],
    ['damaged', /has SHA-256 /, (r) => r.end(bytes.subarray(1)), { sha256 }],
  ]
  for (const [reason, message, answer, options] of answers)
    await withServer(answer, async (url) => {
      const error = await fetchWeights(`${url}w.bin`, options).catch((e) => e)
      assert.instance(error, FetchError, String(error))
      assert.is(error.reason, reason)
      assert.match(error.message, message)
      assert.ok(error.file.endsWith('/w.bin') && error.hint, error.message)
      assert.is(
        error.status,
        reason === 'status' ? Number(/status (\d+)/.exec(error.message)![1]) : undefined,
      )
    })
})

test('fetch: it ends when it is told to, with the reason that was given', () =>
  withServer(
    (response) => response.writeHead(200, { 'content-length': 10 }).write('12345'),
    async (url) => {
      const stop = new AbortController()
      const onProgress = ({ loaded }: FetchProgress) => {
        if (loaded) stop.abort(new Error('enough'))
      }
      const options = { signal: stop.signal, onProgress }
      const message = (e: Error) => e.message
      assert.is(await fetchWeights(url, options).catch(message), 'enough')
      assert.is(await fetchWeights(url, options).catch(message), 'enough')
    },
  ))

test('fetch: options that mean nothing are refused, and Node keeps nothing', async () => {
  const refused = async (url: string, options?: object) =>
    assert.instance(await fetchWeights(url, options).catch((e) => e), OptionError)
  await refused('weights.bin')
  await refused('http://127.0.0.1/', { sha256: 'abc' })
  assert.equal(await keptWeights(), [])
  await forgetWeights('http://127.0.0.1/')
})

async function withServer(
  answer: (response: ServerResponse) => void,
  use: (url: string) => Promise<void>,
): Promise<void> {
  const server = createServer((_, response) => answer(response))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  try {
    await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
  } finally {
    server.closeAllConnections()
    server.close()
  }
}

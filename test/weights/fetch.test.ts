// Weights from an address, in Node, where nothing is kept: a server says and sends what a test wants. (The browser's part: web/lib-weights.)

import { createHash, randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import * as assert from 'uvu/assert'
import { FetchError, OptionError } from '../../engine/errors.ts'
import { type FetchOptions, type FetchProgress, fetchWeights } from '../../train/weights/fetch.ts'
import { forgetWeights, keptWeights } from '../../train/weights/kept.ts'
import { Sha256, sha256Of } from '../../train/weights/sha256.ts'
import { test } from '../harness.ts'

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
      { tries: 1 },
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

/** Headers of the whole file. */
const whole = { 'content-length': bytes.length, etag: '"one"' }

/** Sends some bytes of what was announced, and cuts. */
const cutAfter = (response: ServerResponse, sent: Uint8Array) =>
  response.write(sent, () => setImmediate(() => response.destroy()))

/** The rest from the byte that was asked for; `etag` and `total` are what it says of itself. */
function rest(
  { headers }: IncomingMessage,
  response: ServerResponse,
  said: { data?: Uint8Array; etag?: string; total?: number; until?: number } = {},
) {
  const { data = bytes, etag = '"one"' } = said
  const { total = data.length, until = data.length } = said
  const from = Number(/^bytes=(\d+)-$/.exec(headers.range ?? '')![1])
  response.writeHead(206, {
    'content-length': data.length - from,
    ...{ 'content-range': `bytes ${from}-${data.length - 1}/${total}`, etag },
  })
  if (until < data.length) cutAfter(response, data.subarray(from, until))
  else response.end(data.subarray(from))
}

/** Asks a server whose answers come one after the other, the last of them again and again. */
async function fetchedFrom(answers: readonly Answer[], options: FetchOptions = {}) {
  const asked: (string | undefined)[] = []
  const told: number[] = []
  let outcome: Uint8Array | Error | undefined
  await withServer(
    (response, request) => {
      const answer = answers[Math.min(asked.length, answers.length - 1)]
      asked.push([request.headers.range, request.headers['if-range']].filter(Boolean).join(' '))
      answer(response, request)
    },
    async (url) => {
      const onProgress = ({ loaded }: FetchProgress) => told.push(loaded)
      outcome = await fetchWeights(url, { onProgress, ...options }).then(
        async (file) => new Uint8Array(await file.arrayBuffer()),
        (error) => error,
      )
    },
  )
  return { asked, told, outcome }
}

const others = bytes.toReversed()
const firstPart: Answer = (r) => cutAfter(r.writeHead(200, whole), bytes.subarray(0, 100_000))
const all: Answer = (r) => r.writeHead(200, whole).end(bytes)

test('fetch: what is cut goes on where it stopped', async () => {
  const { asked, told, outcome } = await fetchedFrom(
    [firstPart, (r, request) => rest(request, r, { until: 250_000 }), (r, q) => rest(q, r)],
    { sha256, bytes: bytes.length },
  )
  assert.equal(outcome, bytes)
  assert.is(asked.length, 3)
  assert.is(asked[0], '')
  // A cut may swallow what was sent last.
  const from = asked.slice(1).map((text) => Number(/^bytes=(\d+)- "one"$/.exec(text!)![1]))
  assert.ok(from[0] > 0 && from[0] <= 100_000 && from[1] > from[0], `${from}`)
  assert.ok(from[1] <= 250_000, `${from}`)
  assert.ok(
    told.every((n, i) => i === 0 || n > told[i - 1]),
    `${told}`,
  )
  assert.is(told.at(-1), bytes.length)
})

test('fetch: where the rest is not to be had for certain it begins again, and is one file', async () => {
  const changed = { ...whole, etag: '"two"' }
  const asNew: Answer = (r) => r.writeHead(200, changed).end(others)
  const cases: Record<string, [answers: Answer[], expected: Uint8Array, hasRange?: boolean]> = {
    'no ranges': [[firstPart, all], bytes],
    'another version, told by If-Range': [[firstPart, asNew], others],
    'another version, in spite of If-Range': [
      [firstPart, (r, q) => rest(q, r, { data: others, etag: '"two"' }), asNew],
      others,
    ],
    'another length': [[firstPart, (r, q) => rest(q, r, { total: 300_001 }), all], bytes],
    'another place': [
      [
        firstPart,
        (r) => r.writeHead(206, { ...whole, 'content-range': 'bytes 5-9/300000' }).end(),
        all,
      ],
      bytes,
    ],
    'no such range': [[firstPart, (r) => r.writeHead(416).end(), all], bytes],
    'no version': [
      [
        (r) =>
          cutAfter(r.writeHead(200, { 'content-length': bytes.length }), bytes.subarray(0, 9999)),
        all,
      ],
      ...([bytes, false] as const),
    ],
    'a weak version': [
      [
        (r) => cutAfter(r.writeHead(200, { ...whole, etag: 'W/"one"' }), bytes.subarray(0, 9999)),
        all,
      ],
      ...([bytes, false] as const),
    ],
  }
  await Promise.all(
    Object.entries(cases).map(async ([name, [answers, expected, hasRange = true]]) => {
      const { asked, outcome, told } = await fetchedFrom(answers)
      assert.equal(outcome, expected, name)
      assert.is(asked.length, answers.length, name)
      assert.is(Boolean(asked[1]), hasRange, name)
      assert.ok(told.slice(1).includes(0), `${name}: ${told}`)
    }),
  )
})

test('fetch: a server that is out of breath is asked again; one that refuses, and a cut that stays, are told', async () => {
  const [busy, gone, stays] = await Promise.all([
    fetchedFrom([firstPart, (r) => r.writeHead(503).end(), (r, q) => rest(q, r)]),
    fetchedFrom([firstPart, (r) => r.writeHead(404).end()]),
    fetchedFrom([firstPart, (r) => r.destroy()], { tries: 3 }),
  ])
  assert.equal(busy.outcome, bytes)
  assert.match(String(gone.outcome), /FetchError: .*status 404/)
  assert.match(String(stays.outcome), /FetchError: .*ended after \d+ of 300000 bytes/)
  assert.equal([gone.asked.length, stays.asked.length], [2, 3])
})

test('fetch: a part that was not asked for is no file, and neither is more than was to come', async () => {
  const part: Answer = (r) =>
    r.writeHead(206, { 'content-range': 'bytes 6-9/10', 'content-length': 4 }).end('1234')
  const long: Answer = (r, q) => {
    const from = Number(/^bytes=(\d+)-$/.exec(q.headers.range!)![1])
    r.writeHead(206, { etag: '"one"', 'content-range': `bytes ${from}-299999/300000` })
    r.end(new Uint8Array(300_050 - from))
  }
  const [inPart, tooLong] = await Promise.all([fetchedFrom([part]), fetchedFrom([firstPart, long])])
  assert.match(String(inPart.outcome), /FetchError: .*answered in part/)
  assert.match(String(tooLong.outcome), /FetchError: .*is 300050 bytes long, and should be 300000/)
})

test('fetch: a wrong file put together of right parts is refused by its hash', async () => {
  const mixed = others.slice()
  const { outcome } = await fetchedFrom([firstPart, (r, q) => rest(q, r, { data: mixed })], {
    sha256,
  })
  assert.match(String(outcome), /FetchError: .*has SHA-256/)
})

test('fetch: it can be ended while it waits for another attempt', () =>
  withServer(firstPart, async (url) => {
    const stop = new AbortController()
    let began = Number.POSITIVE_INFINITY
    const fetching = fetchWeights(url, { signal: stop.signal, tries: 30 }).catch((e) => e.message)
    // In the third wait, which takes two seconds.
    setTimeout(() => {
      began = performance.now()
      stop.abort(new Error('enough'))
    }, 1700)
    assert.is(await fetching, 'enough')
    assert.ok(performance.now() - began < 1000)
  }))

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
  await refused('http://127.0.0.1/', { tries: 0 })
  assert.equal(await keptWeights(), [])
  await forgetWeights('http://127.0.0.1/')
})

type Answer = (response: ServerResponse, request: IncomingMessage) => unknown

async function withServer(answer: Answer, use: (url: string) => Promise<void>): Promise<void> {
  const server = createServer((request, response) => answer(response, request))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  try {
    await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
  } finally {
    server.closeAllConnections()
    server.close()
  }
}

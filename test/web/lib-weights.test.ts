import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import * as assert from 'uvu/assert'
import { type Browser, callInPage, openBrowser } from '../browser.ts'
import { test } from '../harness.ts'
import type * as page from './lib-weights-page.ts'
import type { Asked } from './lib-weights-page.ts'

const bytes = Uint8Array.from({ length: 4_000_000 }, (_, i) => (i * i) % 251)
const others = bytes.toReversed()
const hashOf = (data: Uint8Array) => createHash('sha256').update(data).digest('hex')
const sumOf = (data: Uint8Array) => data.reduce((a, b) => (a * 31 + b) % 65521, 7)

test('weights: an address is fetched once, and asked again only whether it changed', () =>
  withServer(async ({ url, server, call, asked }) => {
    const fetched = (options: object = {}) => call('fetched', { url, ...options })
    const first = await fetched()
    const came = { name: 'net.safetensors', size: bytes.length, sum: sumOf(bytes) }
    const whole = { loaded: bytes.length, total: bytes.length }
    assert.equal({ ...first, times: 0 }, { ...came, ...whole, from: 'network', times: 0 })
    assert.ok(first.times! > 2, `${first.times}`)
    assert.equal(await call('kept', undefined), [{ url, bytes: bytes.length }])
    assert.equal(await fetched(), { ...came, ...whole, from: 'kept', times: 1 })
    assert.is(asked(), 2)
    // One that is known by its hash needs no server.
    const sha256 = hashOf(bytes)
    assert.equal(await fetched({ sha256 }), { ...came, ...whole, from: 'kept', times: 1 })
    assert.is(asked(), 2)
    server.data = others
    const changed = await fetched()
    assert.equal([changed.from, changed.sum], ['network', sumOf(others)])
    const wrong = await fetched({ sha256 })
    assert.equal([wrong.reason, wrong.isOurs], ['damaged', true])
    // What was kept is as it was.
    server.end()
    assert.equal((await fetched()).from, 'kept')
    await call('forget', url)
    assert.equal(await call('kept', undefined), [])
    assert.is((await fetched()).reason, 'network')
  }))

test('weights: what goes wrong has its reason, and leaves what was kept', () =>
  withServer(async ({ url, server, call, browser }) => {
    const reason = async (answer: Answer, options: object = {}) => {
      server.answer = answer
      const { reason, message } = await call('fetched', { url, ...options })
      return reason ?? message
    }
    assert.is((await call('fetched', { url })).from, 'network')
    server.data = others
    assert.is(await reason((_, r) => r.writeHead(500, cors).end()), 'status')
    assert.is(await reason((_, r) => r.writeHead(200).end(bytes), { keep: false }), 'network')
    assert.is(
      await reason(
        (_, r) => {
          r.writeHead(200, { ...cors, 'content-length': bytes.length })
          r.write(bytes.subarray(0, 9000), () => r.destroy())
        },
        { tries: 1 },
      ),
      'truncated',
    )
    assert.is(await reason(send, { abortAt: 1 }), 'enough')
    const { origin } = new URL(browser.page.url())
    const cdp = await browser.page.context().newCDPSession(browser.page)
    await cdp.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: 5_000_000 })
    assert.is(await reason(send), 'quota', 'told before it begins')
    const silent: Answer = (_, r) => r.writeHead(200, cors).end(Buffer.concat([others, others]))
    assert.is(await reason(silent), 'quota', 'told when there is no room')
    assert.equal((await call('fetched', { url, keep: false })).from, 'network')
    assert.equal(await call('kept', undefined), [{ url, bytes: bytes.length }])
    server.end()
    assert.is((await call('fetched', { url })).sum, sumOf(bytes))
  }))

test('weights: what is cut on the way from another site goes on where it stopped, without being asked whether it may', () =>
  withServer(async ({ url, server, call }) => {
    const asked: string[] = []
    const headers = { ...cors, etag: '"one"' }
    server.answer = ({ method, headers: { range } }, response) => {
      asked.push(`${method} ${range}`)
      const from = Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1] ?? 0)
      const length = { 'content-length': bytes.length - from }
      response.writeHead(range ? 206 : 200, { ...headers, ...length })
      if (range) response.end(bytes.subarray(from))
      else
        response.write(bytes.subarray(0, 1_500_000), () =>
          setTimeout(() => response.destroy(), 300),
        )
    }
    const { sum, loaded, from } = await call('fetched', { url })
    assert.equal([sum, loaded, from], [sumOf(bytes), bytes.length, 'network'])
    assert.is(asked.length, 2)
    assert.is(asked[0], 'GET undefined')
    assert.match(asked[1], /^GET bytes=[1-9]\d+-$/)
    assert.equal(await call('kept', undefined), [{ url, bytes: bytes.length }])
  }))

test('weights: a checkpoint goes from its address to the device', () =>
  withServer(async ({ url, server, call }) => {
    server.data = new Uint8Array(Buffer.from(await call('checkpointText', undefined), 'base64'))
    for (let i = 0; i < 2; i++) {
      const agree = await call('loadedFrom', url)
      assert.ok(agree.length > 100 && agree.every(Boolean), `${agree}`)
    }
  }))

type Page = typeof page
type Answer = (request: IncomingMessage, response: ServerResponse) => void
type Call = <K extends keyof Page>(name: K, argument: Parameters<Page[K]>[0]) => ReturnType<Page[K]>

const cors = { 'access-control-allow-origin': '*', 'access-control-expose-headers': 'etag' }

interface Serving {
  data: Uint8Array
  answer: Answer
  end(): void
}

let send: Answer = () => {}

/** A server of another origin than the page's, that sends `server.data` with its hash as ETag unless it has another answer. */
async function withServer(
  use: (given: {
    url: string
    server: Serving
    call: Call
    asked: () => number
    browser: Browser
  }) => Promise<void>,
): Promise<void> {
  let asked = 0
  const http = createServer((request, response) => {
    asked++
    serving.answer(request, response)
  })
  send = (_, response) => {
    const { data } = serving
    const headers = { ...cors, 'content-length': data.length, etag: `"${hashOf(data)}"` }
    response.writeHead(200, headers).end(data)
  }
  const end = () => {
    http.closeAllConnections()
    http.close()
  }
  const serving: Serving = { data: bytes, answer: send, end }
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(http.address() as AddressInfo).port}/net.safetensors`
  const browser = await openBrowser()
  const call = ((name: string, argument: Asked) =>
    callInPage(browser, 'test/web/lib-weights-page.js', name, argument)) as Call
  try {
    await use({ url, server: serving, call, asked: () => asked, browser })
  } finally {
    await browser.close()
    end()
  }
}

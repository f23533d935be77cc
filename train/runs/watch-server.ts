// A run's report while it trains (Node): a page on this machine alone that is told by server-sent events when something is new,
// and then fetches its main part again.
//
//   /            the page            /events       "changed", and a beat now and then
//   /main        its main element    /samples/…    the pictures of samples/, and no other file

import { existsSync } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { OptionError } from '../../engine/errors.ts'
import { errorCode } from '../files.ts'
import { reportData } from '../report/from-run.ts'
import { reportBody, reportHtml } from '../report/html.ts'
import { WATCH_SCRIPT } from '../report/watch-script.ts'
import type { RunFolder } from './folder.ts'
import { MetricsTail } from './metrics-tail.ts'

export interface WatchOptions {
  /** Default 0: a free one. */
  readonly port?: number
  /** Milliseconds between looks at the folder; default 500. */
  readonly every?: number
}

export interface Watched {
  readonly url: string
  close(): Promise<void>
}

const HOST = '127.0.0.1'
/** Milliseconds between signs of life, so that a browser notices when the program has gone. */
const BEAT = 10_000

const LAST_PORT = 65_535

const REFUSED: Record<string, string> = {
  EADDRINUSE: 'is in use',
  EACCES: 'is kept for the system',
}

const badPort = (port: number, reason: string) =>
  new OptionError(`port ${port} ${reason}`, 'name another, or leave --port out')

/** Serves a run until closed. Throws OptionError for a port that is in use, kept for the system, or none. */
export async function watchRun(
  run: RunFolder,
  { port = 0, every = 500 }: WatchOptions = {},
): Promise<Watched> {
  if (!(Number.isInteger(port) && port >= 0 && port <= LAST_PORT))
    throw badPort(port, `is none: they end at ${LAST_PORT}`)
  const tail = new MetricsTail(run.path('metrics.jsonl'))
  const listeners = new Set<ServerResponse>()
  let seen = ''
  let looking: Promise<void> | undefined
  const tell = (text: string) => {
    for (const listener of listeners) listener.write(text)
  }
  const look = async () => {
    const now = await looks(run)
    const fresh = await tail.read()
    if (!fresh && now === seen) return
    seen = now
    tell(`event: changed\ndata: ${tail.records.at(-1)?.step ?? 0}\n\n`)
  }
  const lookOnce = () => {
    // A slow disk must not make looks pile up; what fails now is tried again.
    looking ??= look()
      .catch(() => {})
      .finally(() => {
        looking = undefined
      })
    return looking
  }
  const data = async () => {
    await lookOnce()
    const address = (file: string) => `/${file}`
    return reportData(run, { records: tail.records, address })
  }

  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost')
    if (request.method !== 'GET') return plain(response, 405, 'only GET')
    // Another site's page may name this address, but not as this host.
    if (!own.has(request.headers.host ?? '')) return plain(response, 403, 'another host')
    if (pathname === '/') return html(response, reportHtml(await data(), { script: WATCH_SCRIPT }))
    if (pathname === '/main') return html(response, reportBody(await data()))
    if (pathname === '/events') return listen(response)
    if (SAMPLE.test(pathname)) return sample(run, pathname, response)
    return plain(response, 404, 'not here')
  }
  const listen = (response: ServerResponse) => {
    response.writeHead(200, { ...HEADERS, 'content-type': 'text/event-stream' })
    response.write('retry: 1000\n\n')
    listeners.add(response)
    response.on('close', () => listeners.delete(response))
  }

  const server = createServer((request, response) => {
    answer(request, response).catch((error) => {
      if (response.headersSent) response.destroy()
      else plain(response, 500, (error as Error).message)
    })
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => {
      const reason = REFUSED[errorCode(error) ?? '']
      reject(reason ? badPort(port, reason) : error)
    })
    server.listen(port, HOST, resolve)
  })
  const address = `${(server.address() as AddressInfo).port}`
  const own = new Set([`${HOST}:${address}`, `localhost:${address}`])
  const timers = [setInterval(lookOnce, every), setInterval(() => tell(': beat\n\n'), BEAT)]
  return {
    url: `http://${HOST}:${address}/`,
    async close() {
      for (const timer of timers) clearInterval(timer)
      await looking
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** What stands for the state of the files that are not the metrics. */
async function looks(run: RunFolder): Promise<string> {
  const files = ['state.json', 'scores.json', 'samples', 'lock', 'config.json']
  const times = files.map((file) =>
    stat(run.path(file)).then(
      ({ mtimeMs }) => mtimeMs,
      () => 0,
    ),
  )
  return (await Promise.all(times)).join()
}

/** No file of another name can be asked for, whatever the path's spelling. */
const SAMPLE = /^\/samples\/(step-\d+|truth)\.png$/

async function sample(run: RunFolder, path: string, response: ServerResponse): Promise<void> {
  const file = run.path(path.slice(1))
  if (!existsSync(file)) return plain(response, 404, 'not here')
  const png = await readFile(file)
  response.writeHead(200, { ...HEADERS, 'content-type': 'image/png' }).end(png)
}

const HEADERS = {
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  'content-security-policy':
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src 'self' data:; connect-src 'self'",
}

const html = (response: ServerResponse, text: string): void => {
  response.writeHead(200, { ...HEADERS, 'content-type': 'text/html; charset=utf-8' }).end(text)
}

const plain = (response: ServerResponse, code: number, text: string): void => {
  response.writeHead(code, { ...HEADERS, 'content-type': 'text/plain' }).end(`${text}\n`)
}

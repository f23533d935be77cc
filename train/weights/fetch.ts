// A file of weights from its address: it comes as a stream, is told of as it comes, and is kept for the next time. On the way it is
// never in memory as a whole.

import { FetchError, OptionError } from '../../engine/errors.ts'
import {
  addressOf,
  type KeptFile,
  needRoom,
  noRoom,
  type Place,
  placeOf,
  type Sink,
} from './kept.ts'
import { Sha256, sha256Of } from './sha256.ts'

export interface FetchProgress {
  /** Bytes that are here. */
  readonly loaded: number
  /** Bytes of the file, where the server says how many. */
  readonly total: number | undefined
  readonly from: 'network' | 'kept'
}

export interface FetchOptions {
  /** Keep it for this origin, in the browser's private files (default): asked for again, the server is asked for no more than
   * whether it is still the same, and where it gives no answer what is kept serves. Where the browser keeps no files, as in private
   * windows and in Node, it comes from the network each time. */
  readonly keep?: boolean
  /** How many bytes it must have. */
  readonly bytes?: number
  /** Its SHA-256, in hexadecimal digits. What is kept and has it serves without asking the server. */
  readonly sha256?: string
  /** Ends it: the promise rejects with the signal's reason, and what was kept before stays. */
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: FetchProgress) => void
}

/** The file at an address, for `openWeights` or `openCheckpoint`. Throws FetchError with its reason: no answer or none for this page
 * (CORS), a status that is no success, a file that ended early or is another than it should be, no room to keep it; OptionError. */
export async function fetchWeights(url: string | URL, options: FetchOptions = {}): Promise<File> {
  const { keep = true, signal } = options
  const address = addressOf(url)
  const sha256 = options.sha256?.toLowerCase()
  if (sha256 !== undefined && !/^[0-9a-f]{64}$/.test(sha256))
    throw new OptionError(`sha256: '${sha256}' is not 64 hexadecimal digits`)
  signal?.throwIfAborted()
  const place = keep ? await placeOf(address) : undefined
  const kept = await goodOne(await place?.read(), options.bytes, sha256)
  if (kept && sha256) return given(kept, options)
  // What is kept here need not be in the browser's cache as well.
  const asked = fetch(address, { signal: signal ?? null, ...(place && { cache: 'no-store' }) })
  const response = await asked.catch(() => undefined)
  signal?.throwIfAborted()
  if (!response) {
    if (kept) return given(kept, options)
    throw new FetchError(
      address,
      'network',
      'cannot be fetched: its server gave no answer that this page may read',
      'look at the address and the network; the server must allow other sites to read it (CORS)',
    )
  }
  const { version, length } = headersOf(response)
  const isSame = kept && kept.version === version && (length ?? kept.bytes) === kept.bytes
  // The length alone says nothing: weights that were trained again are as long as before.
  if (response.ok && isSame && version) {
    await response.body?.cancel()
    return given(kept, options)
  }
  try {
    checkAnswer(response, address, length, options.bytes)
    if (place && length) await needRoom(address, length)
  } catch (error) {
    await response.body?.cancel()
    throw error
  }
  const blob = await received(response, address, place, { ...options, sha256 })
  return named(blob, address)
}

/** What is kept, if it is what it should be. */
async function goodOne(
  kept: KeptFile | undefined,
  bytes: number | undefined,
  sha256: string | undefined,
): Promise<KeptFile | undefined> {
  if (!kept || (bytes !== undefined && kept.bytes !== bytes)) return undefined
  if (sha256 && (kept.sha256 ?? (await sha256Of(kept.file))) !== sha256) return undefined
  return kept
}

function given({ file, url, bytes }: KeptFile, { onProgress }: FetchOptions): File {
  onProgress?.({ loaded: bytes, total: bytes, from: 'kept' })
  return named(file, url)
}

/** Under its own name: a File of a file, which is not copied. */
function named(blob: Blob, address: string): File {
  const { pathname, hostname } = new URL(address)
  const last = pathname.split('/').at(-1) || hostname
  return new File([blob], /%(?![0-7][\da-f])/i.test(last) ? last : decodeURIComponent(last))
}

function headersOf({ headers }: Response) {
  const version = headers.get('etag') ?? headers.get('last-modified') ?? ''
  // Of what is packed for the way the length is that of the packet.
  const isPacked = headers.has('content-encoding')
  const length = isPacked ? null : headers.get('content-length')
  return { version, length: length === null ? undefined : Number(length) }
}

/** Throws FetchError for what is not worth receiving. */
function checkAnswer(
  { ok, status, statusText, body }: Response,
  address: string,
  length: number | undefined,
  bytes: number | undefined,
): void {
  if (!ok) {
    const answer = `${status} ${statusText}`.trim()
    const hint =
      status === 404 || status === 410
        ? 'look at the address: the file is not there'
        : status === 401 || status === 403
          ? 'the server wants to know who asks: fetch the file another way and drop it here'
          : 'try again later'
    throw new FetchError(address, 'status', `cannot be fetched: status ${answer}`, hint, status)
  }
  if (!body) throw truncated(address, 0, bytes ?? length)
  if (bytes !== undefined && length !== undefined && length !== bytes)
    throw damaged(address, `is ${length} bytes long, and should be ${bytes}`)
}

const damaged = (address: string, problem: string): FetchError =>
  new FetchError(
    address,
    'damaged',
    problem,
    'the file at this address is another one: look for its new size and hash, or its old address',
  )

async function received(
  response: Response,
  address: string,
  place: Place | undefined,
  { bytes, sha256, signal, onProgress }: FetchOptions,
): Promise<Blob> {
  const { version, length } = headersOf(response)
  const hash = sha256 ? new Sha256() : undefined
  const reader = response.body!.getReader()
  let loaded = 0
  // A server may pack without saying so to this page; then it sends more than it announced.
  const total = () => (length !== undefined && loaded <= length ? length : bytes)
  const room = <T>(work: Promise<T>): Promise<T> =>
    work.catch((error: Error) => {
      throw error.name === 'QuotaExceededError' ? noRoom(address, total() ?? loaded) : error
    })
  const sink = place
    ? await room(place.sink()).catch(async (error) => {
        await reader.cancel().catch(() => {})
        throw error
      })
    : memorySink()
  try {
    onProgress?.({ loaded, total: total(), from: 'network' })
    for (;;) {
      const { done, value } = await reader.read().catch((error: Error) => {
        signal?.throwIfAborted()
        throw truncated(address, loaded, total(), error.message)
      })
      signal?.throwIfAborted()
      if (done) break
      loaded += value.length
      if (bytes !== undefined && loaded > bytes)
        throw damaged(address, `is more than ${bytes} bytes long, which it should be`)
      hash?.update(value)
      await room(sink.write(value))
      onProgress?.({ loaded, total: total(), from: 'network' })
    }
    const needed = bytes ?? total()
    if (needed !== undefined && loaded < needed) throw truncated(address, loaded, needed)
    const found = hash?.digest()
    if (found !== sha256) throw damaged(address, `has SHA-256 ${found}, and should have ${sha256}`)
    return await room(sink.close(version, found))
  } catch (error) {
    await Promise.allSettled([sink.abort(), reader.cancel()])
    throw error
  }
}

function truncated(address: string, loaded: number, total?: number, why?: string): FetchError {
  const of = total === undefined ? '' : ` of ${total}`
  return new FetchError(
    address,
    'truncated',
    `ended after ${loaded}${of} bytes${why ? `: ${why}` : ''}`,
    'the connection was cut: try again',
  )
}

/** Bytes that are handed to the browser, which may put them on a disk, as soon as there are so many. */
const HANDED_OVER = 8 * 2 ** 20

/** For what is not kept. */
function memorySink(): Sink {
  const parts: Blob[] = []
  let chunks: Uint8Array<ArrayBuffer>[] = []
  let held = 0
  const handOver = () => {
    parts.push(new Blob(chunks))
    chunks = []
    held = 0
  }
  return {
    write: async (chunk) => {
      chunks.push(chunk)
      held += chunk.length
      if (held >= HANDED_OVER) handOver()
    },
    close: async () => {
      handOver()
      return new Blob(parts)
    },
    abort: async () => {},
  }
}

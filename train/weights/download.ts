// The bytes of a file from the server's first answer on. Where they are cut off the server is asked for the rest, or where that is
// not to be had for all of them again; what comes is one file, of one version, or none.

import { checkAnswer, damaged, type FileHeaders, goesOn, headersOf, truncated } from './answers.ts'
import { needRoom, noRoom, type Place, type Sink } from './kept.ts'
import { Sha256 } from './sha256.ts'

export interface Wanted {
  readonly address: string
  /** Where it is kept; in memory without. */
  readonly place: Place | undefined
  readonly bytes: number | undefined
  readonly sha256: string | undefined
  readonly tries: number
  readonly signal: AbortSignal | undefined
  readonly onProgress:
    | ((progress: {
        readonly loaded: number
        readonly total: number | undefined
        readonly from: 'network'
      }) => void)
    | undefined
}

/** A file on its way. */
interface Coming {
  readonly headers: FileHeaders
  readonly sink: Sink
  readonly hash: Sha256 | undefined
  loaded: number
  /** Whether it went on after a cut: then its length is known for certain. */
  continued: boolean
}

/** Milliseconds before the second attempt; before each one after it twice as many. */
const WAIT = 500

/** Throws FetchError, and the signal's reason. */
export async function received(answer: Response, wanted: Wanted): Promise<Blob> {
  const { address, bytes, sha256, tries } = wanted
  let file = await begun(answer, wanted)
  let body = answer.body!
  let most = 0
  let failures = 0
  try {
    for (;;) {
      const cut = await poured(body, file, wanted)
      if (cut === undefined) break
      if (file.loaded > most) failures = 0
      most = Math.max(most, file.loaded)
      const next = await again(file, wanted, () => {
        if (++failures >= tries) throw truncated(address, file.loaded, totalOf(file, wanted), cut)
        return WAIT * 2 ** (failures - 1)
      })
      if (goesOn(next, file.headers, file.loaded)) file.continued = true
      else {
        await file.sink.abort()
        file = await begun(next, wanted)
      }
      body = next.body!
    }
    if (file.continued && file.loaded !== file.headers.length)
      throw damaged(address, `is ${file.loaded} bytes long, and should be ${file.headers.length}`)
    const needed = bytes ?? totalOf(file, wanted)
    if (needed !== undefined && file.loaded < needed) throw truncated(address, file.loaded, needed)
    const found = file.hash?.digest()
    if (found !== sha256) throw damaged(address, `has SHA-256 ${found}, and should have ${sha256}`)
    return await roomFor(file.sink.close(file.headers.version, found), file, wanted)
  } catch (error) {
    await file.sink.abort().catch(() => {})
    throw error
  }
}

async function begun(answer: Response, wanted: Wanted): Promise<Coming> {
  const { address, place, sha256, onProgress } = wanted
  const headers = headersOf(answer)
  const file = { headers, hash: sha256 ? new Sha256() : undefined, loaded: 0, continued: false }
  try {
    if (place && headers.length) await needRoom(address, headers.length)
    const sink = place ? await roomFor(place.sink(), file, wanted) : memorySink()
    onProgress?.({ loaded: 0, total: totalOf(file, wanted), from: 'network' })
    return { ...file, sink }
  } catch (error) {
    await answer.body?.cancel().catch(() => {})
    throw error
  }
}

/** Why a body ended before the file did; undefined where the file is whole, as far as that is known. */
async function poured(
  body: ReadableStream<Uint8Array<ArrayBuffer>>,
  file: Coming,
  wanted: Wanted,
): Promise<string | undefined> {
  const { address, bytes, signal, onProgress } = wanted
  const { length } = file.headers
  const reader = body.getReader()
  let isCut = false
  try {
    for (;;) {
      const read = await reader.read().catch((error: Error) => {
        isCut = true
        signal?.throwIfAborted()
        return error.message
      })
      if (typeof read === 'string') return file.loaded === length ? undefined : read
      signal?.throwIfAborted()
      const { done, value } = read
      if (done) return length !== undefined && file.loaded < length ? 'the answer ended' : undefined
      file.loaded += value.length
      if (bytes !== undefined && file.loaded > bytes)
        throw damaged(address, `is more than ${bytes} bytes long, which it should be`)
      file.hash?.update(value)
      await roomFor(file.sink.write(value), file, wanted)
      onProgress?.({ loaded: file.loaded, total: totalOf(file, wanted), from: 'network' })
    }
  } finally {
    if (!isCut) await reader.cancel().catch(() => {})
  }
}

/** The next answer that has bytes: the rest, or all of it. `pause` says how long to wait before each attempt, or throws. */
async function again(file: Coming, wanted: Wanted, pause: () => number): Promise<Response> {
  const { address, bytes, signal } = wanted
  const { exact, length } = file.headers
  // More than there should be came of what was packed: what is left of it cannot be told.
  let isRest = Boolean(exact && length !== undefined && file.loaded && file.loaded < length)
  for (;;) {
    await waited(pause(), signal)
    const headers = isRest ? rangeFrom(file.loaded, exact!, address) : {}
    const options = { headers, cache: 'no-store' as const, signal: signal ?? null }
    const answer = await fetch(address, options).catch(() => undefined)
    signal?.throwIfAborted()
    if (!answer) continue
    if (goesOn(answer, file.headers, file.loaded)) return answer
    // No such range, or one of another file: from the beginning.
    const isOther = answer.status === 416 || answer.status === 206
    if (isOther) isRest = false
    else if (!isPassing(answer.status)) {
      checkAnswer(answer, address, bytes)
      return answer
    }
    await answer.body?.cancel().catch(() => {})
  }
}

/** Of another site If-Range would have to be allowed first; the answer's own version is looked at in any case. */
function rangeFrom(loaded: number, exact: string, address: string): Record<string, string> {
  const { location } = globalThis as { location?: Location }
  const isOurs = !location || new URL(address).origin === location.origin
  return { range: `bytes=${loaded}-`, ...(isOurs && { 'if-range': exact }) }
}

/** Statuses that say to ask again later. */
const isPassing = (status: number): boolean => status >= 500 || status === 408 || status === 429

function waited(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const ended = () => {
      clearTimeout(timer)
      reject(signal!.reason)
    }
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', ended)
      resolve()
    }, milliseconds)
    signal?.addEventListener('abort', ended, { once: true })
  })
}

/** A server may pack without saying so to this page; then it sends more than it announced. */
const totalOf = (
  { headers: { length }, loaded }: Pick<Coming, 'headers' | 'loaded'>,
  { bytes }: Wanted,
): number | undefined => (length !== undefined && loaded <= length ? length : bytes)

const roomFor = <T>(
  work: Promise<T>,
  file: Pick<Coming, 'headers' | 'loaded'>,
  wanted: Wanted,
): Promise<T> =>
  work.catch((error: Error) => {
    throw error.name === 'QuotaExceededError'
      ? noRoom(wanted.address, totalOf(file, wanted) ?? file.loaded)
      : error
  })

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

// What a server's answer says of a file, and whether a later one goes on with it (HTTP semantics: RFC 9110, ranges in section 14).

import { FetchError } from '../../engine/errors.ts'

/** What names a file's bytes, and how many they are, as far as the answer says. */
export interface FileHeaders {
  /** An ETag, else the time of the last change; empty without either. */
  readonly version: string
  readonly length: number | undefined
  /** The version, where two files of one version have the same bytes. */
  readonly exact: string | undefined
}

export function headersOf({ headers }: Response): FileHeaders {
  const tag = headers.get('etag')
  const changed = headers.get('last-modified')
  // Of what is packed for the way the length is that of the packet.
  const length = headers.has('content-encoding') ? null : headers.get('content-length')
  // A file may change twice within the time that the clock tells: RFC 9110, 8.8.2.2.
  const isOld = changed !== null && Date.now() - Date.parse(changed) > 60_000
  return {
    version: tag ?? changed ?? '',
    length: length === null ? undefined : Number(length),
    exact: tag !== null ? (tag.startsWith('W/') ? undefined : tag) : isOld ? changed : undefined,
  }
}

/** Whether an answer has the bytes of the same file from `loaded` on. Of another site not all of it can be read; then it has none. */
export function goesOn(answer: Response, { exact, length }: FileHeaders, loaded: number): boolean {
  const { headers, status } = answer
  const isPart = status === 206 && answer.body && !headers.has('content-encoding')
  if (!isPart || length === undefined) return false
  if (exact === undefined || headersOf(answer).exact !== exact) return false
  const said = headers.get('content-range')
  if (said === null) return Number(headers.get('content-length')) === length - loaded
  const range = /^bytes (\d+)-\d+\/(\d+)$/.exec(said)
  return range !== null && Number(range[1]) === loaded && Number(range[2]) === length
}

/** Throws FetchError for what is not worth receiving, and ends it. */
export function checkAnswer(answer: Response, address: string, bytes: number | undefined): void {
  const problem = problemOf(answer, address, bytes)
  if (!problem) return
  answer.body?.cancel().catch(() => {})
  throw problem
}

function problemOf(
  answer: Response,
  address: string,
  bytes: number | undefined,
): FetchError | undefined {
  const { ok, status, statusText, body } = answer
  const { length } = headersOf(answer)
  if (!ok) {
    const said = `${status} ${statusText}`.trim()
    const hint =
      status === 404 || status === 410
        ? 'look at the address: the file is not there'
        : status === 401 || status === 403
          ? 'the server wants to know who asks: fetch the file another way and drop it here'
          : 'try again later'
    return new FetchError(address, 'status', `cannot be fetched: status ${said}`, hint, status)
  }
  if (status === 206) return damaged(address, 'was answered in part, which was not asked for')
  if (!body) return truncated(address, 0, bytes ?? length)
  if (bytes !== undefined && length !== undefined && length !== bytes)
    return damaged(address, `is ${length} bytes long, and should be ${bytes}`)
  return undefined
}

export const damaged = (address: string, problem: string): FetchError =>
  new FetchError(
    address,
    'damaged',
    problem,
    'the file at this address is another one: look for its new size and hash, or its old address',
  )

export function truncated(
  address: string,
  loaded: number,
  total?: number,
  why?: string,
): FetchError {
  const of = total === undefined ? '' : ` of ${total}`
  return new FetchError(
    address,
    'truncated',
    `ended after ${loaded}${of} bytes${why ? `: ${why}` : ''}`,
    'the connection was cut: try again',
  )
}

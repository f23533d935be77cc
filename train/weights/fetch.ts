// A file of weights from its address: it comes as a stream, is told of as it comes, and is kept for the next time. On the way it is
// never in memory as a whole.

import { FetchError, OptionError } from '../../engine/errors.ts'
import { checkAnswer, headersOf } from './answers.ts'
import { received } from './download.ts'
import { addressOf, type KeptFile, placeOf } from './kept.ts'
import { sha256Of } from './sha256.ts'

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
  /** Where the bytes are cut the server is asked `tries` − 1 times more, and as often again after an attempt that brought bytes which
   * were not here before; default 5, 1 gives up at the first cut. Before them are half a second, one second, two, four … The first
   * answer is asked for once. */
  readonly tries?: number
  /** Ends it: the promise rejects with the signal's reason, and what was kept before stays. */
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: FetchProgress) => void
}

/** The file at an address, for `openWeights` or `openCheckpoint`. A download that is cut goes on where it stopped; from the beginning
 * where the server has no ranges, or does not say (by an ETag or the time of the last change) that the file is still the same. Throws
 * FetchError with its reason: no answer or none for this page (CORS), a status that is no success, a file that ended early or is
 * another than it should be, no room to keep it; OptionError. */
export async function fetchWeights(url: string | URL, options: FetchOptions = {}): Promise<File> {
  const { keep = true, signal } = options
  const address = addressOf(url)
  const sha256 = options.sha256?.toLowerCase()
  if (sha256 !== undefined && !/^[0-9a-f]{64}$/.test(sha256))
    throw new OptionError(`sha256: '${sha256}' is not 64 hexadecimal digits`)
  const { tries = 5 } = options
  if (!(Number.isInteger(tries) && tries > 0))
    throw new OptionError(`tries: ${tries} is not a whole number from 1`)
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
  checkAnswer(response, address, options.bytes)
  const { bytes, onProgress } = options
  const wanted = { address, place, bytes, sha256, tries, signal, onProgress }
  return named(await received(response, wanted), address)
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

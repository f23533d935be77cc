// SHA-256 of bytes as they come (FIPS 180-4): the browser's own wants all of them at once.

const primes: number[] = []
for (let n = 2; primes.length < 64; n++) if (primes.every((p) => n % p)) primes.push(n)

/** The first 32 bits behind the point. */
const fraction = (x: number): number => ((x % 1) * 2 ** 32) | 0

/** Section 4.2.2 and 5.3.3: of the cube roots of the first 64 primes, and of the square roots of the first eight. */
const K = Int32Array.from(primes, (p) => fraction(Math.cbrt(p)))
const START = Int32Array.from(primes.slice(0, 8), (p) => fraction(Math.sqrt(p)))

const BLOCK = 64

export class Sha256 {
  readonly #state = START.slice()
  readonly #words = new Int32Array(64)
  readonly #rest = new Uint8Array(BLOCK)
  readonly #view = new DataView(this.#rest.buffer)
  #held = 0
  #bytes = 0

  update(bytes: Uint8Array): this {
    this.#bytes += bytes.length
    let at = 0
    if (this.#held) {
      at = Math.min(BLOCK - this.#held, bytes.length)
      this.#rest.set(bytes.subarray(0, at), this.#held)
      this.#held += at
      if (this.#held < BLOCK) return this
      this.#block(this.#view, 0)
    }
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    for (; at + BLOCK <= bytes.length; at += BLOCK) this.#block(view, at)
    this.#rest.set(bytes.subarray(at))
    this.#held = bytes.length - at
    return this
  }

  /** In hexadecimal digits. Nothing may be added after. */
  digest(): string {
    const bits = 8n * BigInt(this.#bytes)
    const padding = new Uint8Array(((BLOCK + 55 - this.#held) % BLOCK) + 9)
    padding[0] = 0x80
    new DataView(padding.buffer).setBigUint64(padding.length - 8, bits)
    this.update(padding)
    return [...this.#state].map((word) => (word >>> 0).toString(16).padStart(8, '0')).join('')
  }

  #block(view: DataView, from: number): void {
    const w = this.#words
    for (let i = 0; i < 16; i++) w[i] = view.getInt32(from + 4 * i)
    for (let i = 16; i < 64; i++) {
      const [x, y] = [w[i - 15], w[i - 2]]
      const s0 = turned(x, 7) ^ turned(x, 18) ^ (x >>> 3)
      const s1 = turned(y, 17) ^ turned(y, 19) ^ (y >>> 10)
      w[i] = w[i - 16] + s0 + w[i - 7] + s1
    }
    let [a, b, c, d, e, f, g, h] = this.#state
    for (let i = 0; i < 64; i++) {
      const s1 = turned(e, 6) ^ turned(e, 11) ^ turned(e, 25)
      const t1 = (h + s1 + ((e & f) ^ (~e & g)) + K[i] + w[i]) | 0
      const s0 = turned(a, 2) ^ turned(a, 13) ^ turned(a, 22)
      const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0
      h = g
      g = f
      f = e
      e = (d + t1) | 0
      d = c
      c = b
      b = a
      a = (t1 + t2) | 0
    }
    const added = [a, b, c, d, e, f, g, h]
    for (let i = 0; i < 8; i++) this.#state[i] += added[i]
  }
}

const turned = (word: number, by: number): number => (word >>> by) | (word << (32 - by))

/** Of all bytes of a file, of which no more than a chunk is in memory at a time. */
export async function sha256Of(blob: Blob): Promise<string> {
  const hash = new Sha256()
  const reader = blob.stream().getReader()
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return hash.digest()
    hash.update(value)
  }
}

// Counter-based random numbers: a draw is a pure function of its keys, never of what was drawn before it elsewhere.

/** Murmur3's 32-bit finaliser: a bijection on u32 in which every input bit reaches every output bit. */
export function mix32(value: number): number {
  let h = value | 0
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}

/** A u32 that depends on every key (each taken modulo 2^32) and on their order. */
export function hashKeys(...keys: readonly number[]): number {
  let h = 0x9e3779b9
  for (const key of keys) h = mix32(Math.imul(h, 31) + mix32((key >>> 0) + 0x165667b1))
  return h >>> 0
}

/** A stream of draws fixed by its keys (splitmix: a Weyl sequence through `mix32`); the same on every engine. */
export class Random {
  private state: number

  constructor(...keys: readonly number[]) {
    this.state = hashKeys(...keys)
  }

  /** Uniform integer in [0, 2^32). */
  u32(): number {
    this.state = (this.state + 0x9e3779b9) >>> 0
    return mix32(this.state)
  }

  /** Uniform in [low, high), 32 bits of resolution. */
  uniform(low = 0, high = 1): number {
    return low + (high - low) * (this.u32() / 4294967296)
  }

  /** Uniform integer in [low, high], both included (bias below 2^-32 times the span). */
  int(low: number, high: number): number {
    return low + Math.floor((this.u32() / 4294967296) * (high - low + 1))
  }

  /** True with probability `p`. */
  chance(p: number): boolean {
    return this.uniform() < p
  }

  /** One of the items, each as likely as the others. */
  pick<T>(items: readonly T[]): T {
    return items[this.int(0, items.length - 1)]
  }
}

/** A permutation of 0..count-1 fixed by its keys (Fisher–Yates). */
export function permutation(count: number, ...keys: readonly number[]): Uint32Array {
  const random = new Random(...keys)
  const order = Uint32Array.from({ length: count }, (_, i) => i)
  for (let i = count - 1; i > 0; i--) {
    const j = random.int(0, i)
    const kept = order[i]
    order[i] = order[j]
    order[j] = kept
  }
  return order
}

// The points of a sparse lattice: numbers for coordinates, and who is whose neighbour.
//
// A point has six coordinates, of which the last follows from the others. Its neighbours along axis a are a step of
// (−1, …, +5 at a, …, −1) and the same step back.

/** Coordinates that tell a point. */
export const DIMENSIONS = 5

/** Corners of a simplex. */
export const CORNERS = DIMENSIONS + 1

/** From each point: along each axis, two ways. */
const STEPS = 2 * CORNERS

/** Stands for a neighbour that is not there. */
export const ABSENT = 0xffffffff

/** Points by their coordinates: open addressing, at most half full. A slot holds a point's number + 1 and its hash. */
export class PointTable {
  size = 0
  #keys: Int32Array
  #slots: Int32Array

  constructor(expected: number) {
    let slots = 1024
    while (slots < 2 * expected) slots *= 2
    this.#slots = new Int32Array(2 * slots)
    this.#keys = new Int32Array((slots / 2) * DIMENSIONS)
  }

  /** The number of a point, which is new if it was not met before. */
  add(key: Int32Array): number {
    const hash = hashOf(key, 0)
    const slot = this.#slot(key, 0, hash)
    if (this.#slots[slot]) return this.#slots[slot] - 1
    const number = this.size++
    this.#slots[slot] = number + 1
    this.#slots[slot + 1] = hash
    this.#keys.set(key, number * DIMENSIONS)
    if (4 * this.size >= this.#slots.length) {
      const keys = this.#keys
      this.#keys = new Int32Array(2 * keys.length)
      this.#keys.set(keys)
      this.#refill(2 * this.#slots.length)
    }
    return number
  }

  /** The points one step before and after each point along each axis, [6][points, 2], where `points` are those there are now and,
   * after them, new ones: those that have two or more of them as neighbours. New ones are no neighbours of each other. */
  connect(): Uint32Array[] {
    const there = this.size
    // Numbers by point, axis and way.
    const links = new Uint32Array(there * STEPS).fill(ABSENT)
    const once = new FirstSteps(links.length)
    const key = new Int32Array(DIMENSIONS)
    for (let step = 0; step < links.length; step++) {
      this.#reach(step, key)
      const hash = hashOf(key, 0)
      const found = this.#slots[this.#slot(key, 0, hash)] - 1
      if (found >= 0) links[step] = found
      else {
        const first = once.of(hash, step)
        if (first !== step && this.#reaches(first, key)) links[first] = links[step] = this.add(key)
      }
    }
    return Array.from({ length: CORNERS }, (_, axis) => this.#alongAxis(links, axis))
  }

  #alongAxis(links: Uint32Array, axis: number): Uint32Array {
    const found = new Uint32Array(2 * this.size).fill(ABSENT)
    const there = links.length / STEPS
    for (let i = 0; i < there; i++)
      for (let way = 0; way < 2; way++) {
        const other = links[i * STEPS + 2 * axis + way]
        found[2 * i + way] = other
        if (other !== ABSENT) found[2 * other + 1 - way] = i
      }
    return found
  }

  /** The coordinates where a step (point · 12 + axis · 2 + way) leads. */
  #reach(step: number, key: Int32Array): void {
    const at = Math.floor(step / STEPS) * DIMENSIONS
    const axis = Math.floor(step / 2) % CORNERS
    const way = step % 2 ? -1 : 1
    for (let j = 0; j < DIMENSIONS; j++) key[j] = this.#keys[at + j] - way
    if (axis < DIMENSIONS) key[axis] += way * CORNERS
  }

  /** Whether a step leads to these coordinates. */
  #reaches(step: number, key: Int32Array): boolean {
    const other = new Int32Array(DIMENSIONS)
    this.#reach(step, other)
    return other.every((v, j) => v === key[j])
  }

  /** The slot of a point whose coordinates begin at `at`, or the free one where it would be. */
  #slot(key: Int32Array, at: number, hash: number): number {
    const slots = this.#slots
    const mask = slots.length - 1
    let slot = (2 * hash) & mask
    while (slots[slot] && !(slots[slot + 1] === hash && this.#is(slots[slot] - 1, key, at)))
      slot = (slot + 2) & mask
    return slot
  }

  #is(number: number, key: Int32Array, at: number): boolean {
    const own = number * DIMENSIONS
    for (let j = 0; j < DIMENSIONS; j++) if (this.#keys[own + j] !== key[at + j]) return false
    return true
  }

  #refill(length: number): void {
    this.#slots = new Int32Array(length)
    for (let i = 0; i < this.size; i++) {
      const hash = hashOf(this.#keys, i * DIMENSIONS)
      const slot = this.#slot(this.#keys, i * DIMENSIONS, hash)
      this.#slots[slot] = i + 1
      this.#slots[slot + 1] = hash
    }
  }
}

/** Of the coordinates from `at`; 32 bits, the low ones well mixed. */
function hashOf(key: Int32Array, at: number): number {
  let hash = 0
  for (let j = 0; j < DIMENSIONS; j++) {
    hash = Math.imul(hash ^ key[at + j], 0x2c1b3c6d)
    hash ^= hash >>> 15
  }
  return Math.imul(hash, 0x297a2d39) | 0
}

/** Which step first led to a place that has such a hash. */
class FirstSteps {
  /** Step + 1 and hash. */
  readonly #slots: Int32Array

  constructor(most: number) {
    let slots = 1024
    while (slots <= most) slots *= 2
    this.#slots = new Int32Array(2 * slots)
  }

  /** The first step with this hash, perhaps this one. */
  of(hash: number, step: number): number {
    const slots = this.#slots
    const mask = slots.length - 1
    let slot = (2 * hash) & mask
    while (slots[slot] && slots[slot + 1] !== hash) slot = (slot + 2) & mask
    if (slots[slot]) return slots[slot] - 1
    slots[slot] = step + 1
    slots[slot + 1] = hash
    return step
  }
}

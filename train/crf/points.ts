// The points of a sparse lattice: numbers for coordinates, and who is whose neighbour.
//
// A point has six coordinates, of which the last follows from the others. Its neighbours along axis a are a step of
// (−1, …, +5 at a, …, −1) and the same step back.

/** Coordinates that tell a point. */
export const DIMENSIONS = 5

/** Corners of a simplex. */
export const CORNERS = DIMENSIONS + 1

/** Stands for a neighbour that is not there. */
export const ABSENT = 0xffffffff

/** Points by their coordinates: open addressing, doubled when half full. */
export class PointTable {
  size = 0
  #keys: Int32Array
  #slots: Int32Array

  constructor(expected: number) {
    let slots = 1024
    while (slots < 2 * expected) slots *= 2
    this.#slots = new Int32Array(slots).fill(-1)
    this.#keys = new Int32Array((slots / 2) * DIMENSIONS)
  }

  /** The number of a point, which is new if it was not met before. */
  add(key: Int32Array): number {
    const slot = this.#slot(key)
    if (this.#slots[slot] >= 0) return this.#slots[slot]
    const number = this.size++
    this.#slots[slot] = number
    this.#keys.set(key, number * DIMENSIONS)
    if (2 * this.size >= this.#slots.length) this.#grow()
    return number
  }

  /** Adds the points that have two or more of those there were as neighbours. */
  closeGaps(): void {
    const once = new PointTable(this.size)
    const key = new Int32Array(DIMENSIONS)
    const there = this.size
    for (let i = 0; i < there; i++)
      for (let axis = 0; axis < CORNERS; axis++)
        for (const way of [1, -1] as const) {
          this.#step(i, axis, way, key)
          if (this.#slots[this.#slot(key)] >= 0) continue
          const before = once.size
          once.add(key)
          if (once.size === before) this.add(key)
        }
  }

  /** The points before and after each point along an axis, [size, 2]. */
  neighbours(axis: number): Uint32Array {
    const found = new Uint32Array(2 * this.size).fill(ABSENT)
    const key = new Int32Array(DIMENSIONS)
    for (let i = 0; i < this.size; i++) {
      this.#step(i, axis, 1, key)
      const other = this.#slots[this.#slot(key)]
      if (other < 0) continue
      found[2 * i + 1] = other
      found[2 * other] = i
    }
    return found
  }

  /** The coordinates one step from point `i`. */
  #step(i: number, axis: number, way: 1 | -1, key: Int32Array): void {
    for (let j = 0; j < DIMENSIONS; j++) key[j] = this.#keys[i * DIMENSIONS + j] - way
    if (axis < DIMENSIONS) key[axis] += way * CORNERS
  }

  /** Where the point is, or the free slot where it would be. */
  #slot(key: Int32Array): number {
    const mask = this.#slots.length - 1
    let hash = 0
    for (let j = 0; j < DIMENSIONS; j++) hash = Math.imul(hash + key[j], 0x2c1b3c6d) ^ (hash >>> 15)
    hash ^= hash >>> 13
    let slot = hash & mask
    while (this.#slots[slot] >= 0 && !this.#is(this.#slots[slot], key)) slot = (slot + 1) & mask
    return slot
  }

  #is(number: number, key: Int32Array): boolean {
    const at = number * DIMENSIONS
    for (let j = 0; j < DIMENSIONS; j++) if (this.#keys[at + j] !== key[j]) return false
    return true
  }

  #grow(): void {
    const keys = this.#keys
    this.#slots = new Int32Array(2 * this.#slots.length).fill(-1)
    this.#keys = new Int32Array(2 * keys.length)
    this.#keys.set(keys)
    const key = new Int32Array(DIMENSIONS)
    for (let i = 0; i < this.size; i++) {
      for (let j = 0; j < DIMENSIONS; j++) key[j] = keys[i * DIMENSIONS + j]
      this.#slots[this.#slot(key)] = i
    }
  }
}

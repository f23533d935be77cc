// The order of what is asked of a device. A program's first run waits for its kernels; whatever is asked meanwhile waits
// behind it, so that a variable never has another value than the order of the lines says.

export class Turns {
  #last: Promise<void> | undefined
  #alone = 0

  /** Whether something waits: what is asked now has to wait too. */
  get busy(): boolean {
    return this.#last !== undefined
  }

  /** Whether something that waits, or is being done, must have the device to itself. */
  get alone(): boolean {
    return this.#alone > 0
  }

  /** Does `work` when all that waits now is done, well or badly. It must not wait for another turn. */
  async wait<T>(work: () => Promise<T>, alone = false): Promise<T> {
    const before = this.#last
    if (alone) this.#alone++
    const mine = (async () => {
      await before
      return work()
    })()
    const ended = () => {
      if (alone) this.#alone--
      if (this.#last === last) this.#last = undefined
    }
    const last = mine.then(ended, ended)
    this.#last = last
    return mine
  }

  /** Does `work` at once where nothing waits, else in its turn. */
  after(work: () => void): void {
    if (this.busy) void this.wait(async () => work())
    else work()
  }
}

// Host arguments on their way. The queue keeps a copy of what it is given to write until the run that reads it is over; no buffer of
// the engine holds these bytes, so they are counted here.

/** Runs of a program that may be on the device or wait for it, where each is awaited before the next: one that runs, and two for
 * which everything is there when it ends. */
export const runsInFlight = 3

export class Uploads {
  /** Bytes in the queue now, and the most so far. */
  bytes = 0
  peak = 0

  /** Counts bytes until what was submitted with them is done. */
  add(bytes: number, done: Promise<unknown>): void {
    if (!bytes) return
    this.bytes += bytes
    this.peak = Math.max(this.peak, this.bytes)
    const over = () => {
      this.bytes -= bytes
    }
    done.then(over, over)
  }
}

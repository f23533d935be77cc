// A data set for threads to open, drawn from its index alone, with what may go wrong in one: slowness, a file that cannot be read, a
// thread that dies.

import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { DataError } from '../../engine/errors.ts'
import { type Dataset, type Example, VOID } from '../../train/dataset.ts'
import { Random } from '../../train/random.ts'

export interface DrawnOptions {
  readonly size: number
  readonly height?: number
  readonly width?: number
  /** Milliseconds that each read takes at least. */
  readonly delay?: number
  /** This example cannot be read. */
  readonly broken?: number
  /** Reading this example ends the thread. */
  readonly deadly?: number
  /** Only if this file is there, which is then removed; else always. */
  readonly once?: string
  /** The data set cannot be opened. */
  readonly absent?: boolean
  /** Widths differ. */
  readonly ragged?: boolean
  /** Images are parts of a larger buffer, as a decoder of Node's makes them. */
  readonly pooled?: boolean
  /** A file that gets a letter for each read. */
  readonly log?: string
}

export async function openDataset(options: DrawnOptions): Promise<Dataset> {
  const { size, delay, broken, deadly, once, absent } = options
  if (absent) throw new DataError('/no/such/list.txt', 'does not exist', 'look for it')
  return {
    ...{ name: 'drawn', split: 'train', ignore: VOID, size },
    classes: Array.from({ length: 5 }, (_, k) => ({ name: `c${k}`, colour: [k, k, k] })),
    get: async (index) => {
      if (options.log) writeFileSync(options.log, '.', { flag: 'a' })
      if (delay) await sleep(delay)
      if (index === broken)
        throw new DataError(`${index}.png`, 'cannot be decoded: it is torn', 'mend it')
      if (index === deadly && (!once || existsSync(once))) {
        if (once) rmSync(once)
        process.exit(7)
      }
      const example = drawn(index, options)
      return options.pooled ? { ...example, image: Buffer.from(example.image) } : example
    },
  }
}

function drawn(index: number, { height = 6, width = 7, ragged }: DrawnOptions): Example {
  const columns = ragged ? width + (index % 2) : width
  const random = new Random(index)
  return {
    name: `${index}`,
    image: new Uint8Array(height * columns * 3).map(() => random.int(0, 255)),
    labels: new Uint8Array(height * columns).map(() => random.int(0, 4)),
    instances: new Uint16Array(height * columns).map(() => random.int(0, 40_000)),
    category: random.int(0, 9),
    height,
    width: columns,
  }
}

// The run that was left: its newest snapshot, kept for this origin. Where the browser keeps no files it lives as long as the page.

import { DataError, OptionError } from '../../../engine/index.ts'
import type { Snapshots } from '../../../train/index.ts'
import { openFolder, readFile, writeFile } from '../opfs.ts'
import { CHECKPOINTS } from '../ui/checkpoints.ts'

/** The folder, and its files: the snapshot, and the curves until then. */
export const TRAINING = 'training'
export const SNAPSHOT = 'snapshot.safetensors'
export const CURVES = 'curves.json'

export class RunStore implements Snapshots {
  readonly #kept: (step: number) => void
  readonly #note: (text: string) => void
  #memory: Uint8Array | undefined
  /** Waiting for the next snapshot. */
  #waiting: (() => void)[] = []
  step = 0

  constructor(kept: (step: number) => void, note: (text: string) => void) {
    this.#kept = kept
    this.#note = note
  }

  async write(bytes: Uint8Array, { progress }: { progress: { step: number } }): Promise<void> {
    if (!this.#memory) await this.#toFile(bytes)
    if (this.#memory) this.#memory = bytes
    this.step = progress.step
    this.#kept(progress.step)
    for (const go of this.#waiting.splice(0)) go()
  }

  async #toFile(bytes: Uint8Array): Promise<void> {
    try {
      const folder = await openFolder(TRAINING)
      await writeFile(folder, SNAPSHOT, bytes as Uint8Array<ArrayBuffer>)
    } catch (error) {
      // From now on in memory: a lost device costs as little, a closed tab everything.
      this.#memory = bytes
      const [what] = (error as Error).message.split('\n')
      this.#note(`Snapshots are kept only while this page is open: ${what}`)
    }
  }

  async read(): Promise<Uint8Array | undefined> {
    if (this.#memory) return this.#memory
    const file = await readFile(await openFolder(TRAINING), SNAPSHOT)
    return file && new Uint8Array(await file.arrayBuffer())
  }

  /** When the next snapshot is there. */
  next(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  /** Who waits for a snapshot waits no longer. */
  ended(): void {
    for (const go of this.#waiting.splice(0)) go()
  }

  /** Copies the snapshot to the checkpoints. Throws OptionError for a name that no file can have. */
  async saveAs(name: string): Promise<number> {
    const bytes = await this.read()
    if (!bytes) throw new DataError(name, 'there is no snapshot yet', 'wait for the first steps')
    await writeFile(
      await openFolder(CHECKPOINTS),
      `${checkedName(name)}.safetensors`,
      bytes as Uint8Array<ArrayBuffer>,
    )
    return this.step
  }
}

/** A name that a file can have. Throws OptionError. */
export function checkedName(name: string): string {
  const plain = name.trim()
  if (plain && plain.length <= 80 && !/[/\\:*?"<>|\p{Cc}]|^\./u.test(plain)) return plain
  throw new OptionError(
    plain ? `no file can be called ${plain}` : 'a checkpoint needs a name',
    'use letters, digits, spaces and hyphens, 80 at most',
  )
}

/** `STEM-1`, or with the first number that is not taken. */
export function freeName(stem: string, taken: readonly string[]): string {
  let n = 1
  while (taken.includes(`${stem}-${n}`)) n++
  return `${stem}-${n}`
}

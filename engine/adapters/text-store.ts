// Small texts that outlive a process or a page, such as tuning tables: behind the platform, since Node has files and
// browsers have none.

export interface TextStore {
  /** Where a text is kept, for people. */
  where(name: string): string
  /** Undefined where there is none. Rejects where it cannot be read. */
  load(name: string): Promise<string | undefined>
  /** Replaces a text by what `change` makes of it (undefined where there was none): whole or not at all, and one change after
   * another, in whichever process they are. Rejects where it cannot be written; nothing is changed then. */
  update(name: string, change: (old: string | undefined) => string): Promise<void>
}

/** What to do where a text cannot be read. */
export const readHint = 'name a tuning table that `atrous tune --out FILE` has written'

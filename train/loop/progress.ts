// Where a run stands; a checkpoint holds it beside the variables.

export interface Progress {
  /** Steps done. */
  readonly step: number
  /** Seconds spent. */
  readonly seconds: number
  readonly best?: { readonly step: number; readonly score: number } | undefined
  /** Validations since the best one. */
  readonly stale?: number
  /** That the validation which was due here did not come to its end; a resumed run begins with it. */
  readonly unvalidated?: boolean
}

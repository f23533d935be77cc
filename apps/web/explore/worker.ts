// Where a person's text is tried first: a loop without an end ends with this worker, and not with the page.

import { defaultCaps } from '../../../engine/explain.ts'
import { serve } from '../remote.ts'
import { explored } from './explored.ts'

const functions = {
  /** Comes back when the text has been traced and planned, or throws what is wrong with it. */
  try(code: string, inputs: string): void {
    explored(code, inputs, defaultCaps)
  },
}

export type Functions = typeof functions

serve(functions)

// Whether a text comes to an end at all.

import { startWorker } from '../ui/start-worker.ts'
import { CodeError } from './evaluate.ts'
import type { Functions } from './worker.ts'

/** Resolves where the text comes to an end, by a mistake too; throws CodeError where it does not within `seconds`. */
export async function endsWithin(code: string, inputs: string, seconds: number): Promise<void> {
  const worker = startWorker<Functions>('explore')
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<'late'>((resolve) => {
    timer = setTimeout(() => resolve('late'), 1000 * seconds)
  })
  const tried = worker.call.try(code, inputs).then(
    () => 'done' as const,
    () => 'done' as const,
  )
  const how = await Promise.race([tried, late])
  clearTimeout(timer)
  worker.close()
  if (how === 'late')
    throw new CodeError(
      `the text did not come to an end within ${seconds} seconds`,
      undefined,
      'is there a loop that never ends, or a very large network?',
    )
}

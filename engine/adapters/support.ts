// Whether the engine can run here, in sentences that a person understands, asked before anything is opened.

import type { AtrousError } from '../errors.ts'
import { findAdapter, type Support, supportOf } from './adapter-browser.ts'
import { platform } from './platform.ts'

export type { Support } from './adapter-browser.ts'

/** Looks for an adapter and says what came of it; opens no device, and never rejects. `openDevice` refuses with these very
 * sentences, and a software adapter's is among its device's `warnings`. For pages, workers and Node. */
export async function webgpuSupport(): Promise<Support> {
  const here = platform()
  if (here.name === 'browser') return (await findAdapter()).support
  try {
    const { adapter } = await here.requestAdapter({ choice: undefined, say: console.warn })
    const support = supportOf(adapter.info)
    return support.state === 'hardware'
      ? support
      : { ...support, toDo: 'all works, many times slower than on a GPU' }
  } catch (error) {
    const { message, hint } = error as AtrousError
    const what = hint ? message.slice(0, message.indexOf('\n')) : message
    return { state: 'blocked', what, toDo: hint ?? 'run `atrous doctor` to see what is here' }
  }
}

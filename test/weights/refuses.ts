// What every refusal of a weight file has: a class, the file, a hint, a length, and an end.

import assert from 'node:assert/strict'
import { DataError } from '../../engine/errors.ts'
import { decodeWeights } from '../../train/weights/decode.ts'

export type Case = readonly [bytes: Uint8Array, message: RegExp]

/** Each file is refused, soon, by one sentence that matches and a hint. */
export async function refuses(cases: readonly Case[]): Promise<void> {
  for (const [bytes, message] of cases) {
    const begun = performance.now()
    await assert.rejects(decodeWeights(bytes, 'f'), (error: Error) => {
      assert.ok(error instanceof DataError, `${message}: ${error.stack}`)
      assert.match(error.message, /^f: .*\n {2}hint: /)
      assert.match(error.message, message)
      assert.ok(error.message.length < 500, `${error.message.length} characters`)
      return true
    })
    assert.ok(performance.now() - begun < 5000, `${message} took too long`)
  }
}

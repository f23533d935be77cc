// The command line as a program that is started, for the tests that read what it says and its exit code.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const program = join(dirname(fileURLToPath(import.meta.url)), '../apps/cli/main.js')

export interface Ended {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

/** Runs the program on arguments, in a folder; `onError` sees standard error grow. */
export function atrous(
  args: readonly string[],
  cwd = tmpdir(),
  onError: (text: string, child: ReturnType<typeof spawn>) => void = () => {},
): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const env = { ...process.env, DEBUG: '' }
    const child = spawn(process.execPath, [program, ...args], { cwd, env })
    let out = ''
    let err = ''
    child.stdout.on('data', (text) => {
      out += text
    })
    child.stderr.on('data', (text) => {
      err += text
      onError(err, child)
    })
    child.on('error', reject)
    child.on('close', (code) => resolve({ code, out, err }))
  })
}

/** A new folder. */
export const scratch = () => mkdtempSync(join(tmpdir(), 'atrous-test-'))

/** Expects exit code 2 and one message, without a stack. */
export async function refused(
  args: readonly string[],
  message: RegExp,
  cwd?: string,
): Promise<void> {
  const { code, out, err } = await atrous(args, cwd)
  assert.equal(code, 2, `${args.join(' ')}: ${out}${err}`)
  assert.match(err, message)
  assert.match(err, /^error: [^\n]*\n {2}hint: [^\n]*\n$/)
  assert.equal(out, '')
}

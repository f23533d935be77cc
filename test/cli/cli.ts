// The command line as a program that is started, and as the same commands in this process, which spares its start.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { execute } from '../../apps/cli/commands.ts'

const program = join(dirname(fileURLToPath(import.meta.url)), '../../apps/cli/main.js')

export interface Ended {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

/** Starts the program on arguments, in a folder; `onError` sees standard error grow. */
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

let turn: Promise<unknown> = Promise.resolve()

/** Runs a command line in this process, in a folder, one after the other: for all that is not about the process itself. */
export function ran(args: readonly string[], cwd = tmpdir()): Promise<Ended> {
  const ended = turn.then(() => captured(args, cwd))
  turn = ended.catch(() => {})
  return ended
}

async function captured(args: readonly string[], cwd: string): Promise<Ended> {
  const text = { stdout: '', stderr: '' }
  const [folder, debug] = [process.cwd(), process.env['DEBUG']]
  const streams = (['stdout', 'stderr'] as const).map((name) => {
    const { write, isTTY } = process[name]
    process[name].write = ((chunk: string | Uint8Array) => {
      text[name] += typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString()
      return true
    }) as typeof write
    process[name].isTTY = false
    return () => Object.assign(process[name], { write, isTTY })
  })
  process.env['DEBUG'] = ''
  try {
    process.chdir(cwd)
    return { code: await execute(args), out: text.stdout, err: text.stderr }
  } finally {
    process.chdir(folder)
    if (debug === undefined) delete process.env['DEBUG']
    else process.env['DEBUG'] = debug
    for (const restore of streams) restore()
  }
}

const made: string[] = []
process.on('exit', () => {
  for (const folder of made) rmSync(folder, { recursive: true, force: true })
})

/** A new folder, which goes with the process. */
export function scratch(): string {
  const folder = mkdtempSync(join(tmpdir(), 'atrous-test-'))
  made.push(folder)
  return folder
}

/** Expects exit code 2 and one message, without a stack. */
export async function refused(
  args: readonly string[],
  message: RegExp,
  cwd?: string,
): Promise<void> {
  const { code, out, err } = await ran(args, cwd)
  assert.equal(code, 2, `${args.join(' ')}: ${out}${err}`)
  assert.match(err, message)
  assert.match(err, /^error: [^\n]*\n {2}hint: [^\n]*\n$/)
  assert.equal(out, '')
}

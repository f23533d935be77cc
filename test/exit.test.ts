import { spawn } from 'node:child_process'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as assert from 'uvu/assert'
import type { Ending } from './exit-child.ts'
import { test } from './harness.ts'

const child = join(dirname(fileURLToPath(import.meta.url)), 'exit-child.js')
// A process takes 0.3 s here; what hangs would never end.
const patienceMs = 20_000

for (const [ending, times] of [
  ['destroy', 4],
  ['leave', 4],
  ['exit early', 2],
  ['exit busy', 5],
] as const) {
  test(`exit: a process that ends by '${ending}' ends by itself, ${times} times`, async () => {
    for (let i = 0; i < times; i++) await endsWell(ending)
  })
}

async function endsWell(ending: Ending): Promise<void> {
  const { code, signal, output } = await start(ending)
  assert.is(signal, null, `killed by ${signal}: ${output}`)
  assert.is(code, 0, output)
  if (ending === 'destroy' || ending === 'leave') assert.match(output, /^2,4,6,8$/m)
}

interface Ended {
  readonly code: number | null
  readonly signal: string | null
  readonly output: string
}

function start(ending: Ending): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const started = spawn(process.execPath, [child, ending], { timeout: patienceMs })
    let output = ''
    started.stdout.on('data', (text) => (output += text))
    started.stderr.on('data', (text) => (output += text))
    started.on('error', reject)
    started.on('close', (code, signal) => resolve({ code, signal, output }))
  })
}

// A process whose files may not grow beyond a limit that its shell has set, as on a disk that is full: writes what a run writes
// until that fails, and says how.

import { openRun } from '../../train/runs/folder.ts'

const run = await openRun(process.argv[2])
const said: Record<string, string> = {}
try {
  for (let step = 1; step <= 10_000; step++) run.appendMetrics({ step, loss: 1 / step })
} catch (error) {
  said['metrics'] = (error as Error).message
}
try {
  await run.write('checkpoint.safetensors', new Uint8Array(1 << 20))
} catch (error) {
  said['checkpoint'] = (error as Error).message
}
console.log(JSON.stringify(said))

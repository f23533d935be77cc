// The command that checks random programs.
//   npm run fuzz -- --seeds 1-100000 --minutes 30
// Exit code: 0 where all passed, 1 where one failed, 2 where nothing could be run.

import { parseArgs } from 'node:util'
import type { DeviceOptions } from '../../engine/node.ts'
import { fuzz, showSummary } from './runner.ts'

const usage = `usage: npm run fuzz -- [options]

Checks random programs: unfused, fused and with kernels run again, against the float64 interpreter.

  --seeds FROM-TO   which; default: 1-2000. One seed is checked by itself
  --minutes N       begin none after N minutes
  --workers N       processes; default: 2. Even seeds run with WebGPU's default limits
  --one-way         run kernels again in one way a program instead of all four, and no updates one by one; for very many programs
  --adapter NAME    lavapipe, swiftshader or hardware; default: the fastest that is here`

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      seeds: { type: 'string', default: '1-2000' },
      minutes: { type: 'string' },
      workers: { type: 'string', default: '2' },
      'one-way': { type: 'boolean' },
      adapter: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  })
  if (values.help) {
    console.log(usage)
    return 0
  }
  const [from, to = from] = values.seeds.split('-').map(Number)
  const workers = to === from ? 1 : Number(values.workers)
  if (!(Number.isInteger(from) && Number.isInteger(to) && to >= from && workers >= 1))
    throw new Error(`--seeds ${values.seeds} --workers ${values.workers}: whole numbers are needed`)
  const summary = await fuzz({
    from,
    to,
    workers,
    ways: values['one-way'] ? 'one' : 'all',
    ...(values.minutes && { minutes: Number(values.minutes) }),
    ...(values.adapter && { adapter: values.adapter as DeviceOptions['adapter'] }),
    say: (text) => console.log(text),
  })
  console.log(showSummary(summary))
  return summary.failed.length ? 1 : 0
}

process.exitCode = await main().catch((error) => {
  console.error(`error: ${error.message}`)
  return 2
})

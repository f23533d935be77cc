// The command that checks the library against golden values.
//   npm run goldens -- [FOLDER] [--adapter lavapipe|swiftshader|hardware] [--default-limits] [--only TEXT] [--json FILE]
// Exit code: 0 where all cases passed, 1 where one failed, 2 where nothing could be run.

import { writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { type DeviceOptions, openDevice } from '../../engine/node.ts'
import { readIndex } from './format.ts'
import { reportOf, textOf } from './report.ts'
import { runCases, selected } from './runner.ts'

const usage = `usage: npm run goldens -- [FOLDER] [options]

Runs every golden case of FOLDER (default: ../shared/goldens) and compares.

  --adapter NAME   lavapipe, swiftshader or hardware; default: the fastest that is here
  --default-limits as on a device with WebGPU's default limits and no optional feature
  --only TEXT      only cases whose id or operator contains TEXT
  --json FILE      also write the report there, as JSON`

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      adapter: { type: 'string' },
      'default-limits': { type: 'boolean', default: false },
      only: { type: 'string' },
      json: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  })
  if (values.help) {
    console.log(usage)
    return 0
  }
  if (positionals.length > 1) throw new Error(`one folder at a time, not ${positionals.length}`)
  // npm runs scripts in the folder of the package, and keeps here where it was called.
  const given = (path: string) => resolve(process.env['INIT_CWD'] ?? '', path)
  const folder = positionals[0] ? given(positionals[0]) : resolve('../shared/goldens')
  const index = selected(readIndex(folder), values.only ?? '')
  if (!index.entries.length) throw new Error(`no case has ${values.only} in its id or operator`)
  const device = await openDevice({
    adapter: values.adapter as DeviceOptions['adapter'],
    defaultLimits: values['default-limits'],
  })
  console.log(`device: ${device.line}\nfolder: ${folder}\n`)
  try {
    const report = reportOf(index, device.line, await runCases(index, device))
    console.log(textOf(report))
    if (values.json) writeFileSync(given(values.json), `${JSON.stringify(report, null, 2)}\n`)
    return report.failed ? 1 : 0
  } finally {
    device.close()
  }
}

process.exitCode = await main().catch((error) => {
  // The hint of an error stands on a line of its own.
  console.error(`error: ${error.message.replaceAll(/\s*\n\s*/g, '; ')}`)
  return 2
})

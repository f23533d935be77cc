// How fast it is here: every family of kernels on shapes of the papers' networks, whole networks, and the host's part. Each is
// checked before it is timed, and set against what this adapter was measured to do at most.
//
//   npm run bench -- [--quick] [--only PART OF A NAME] [--seconds 0.5] [--full] [--adapter lavapipe|swiftshader|hardware]
//                    [--json FILE] [--html FILE] [--compare OLD.json]
//
// --quick takes two cases of each family of kernels and one network, in under a minute on two cores. Adapters without a GPU get a
// part of the papers' sides unless --full asks for all. Exits 1 where a result is wrong.

import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import type { AdapterChoice } from '../engine/adapters/platform.ts'
import { openDevice } from '../engine/node.ts'
import { kernelCases } from './suite/cases.ts'
import { measureCeilings } from './suite/ceilings.ts'
import { hostTimes } from './suite/host.ts'
import { type Failed, isMeasured, type Measured, measure } from './suite/measure.ts'
import { measureNetwork, networkCases } from './suite/networks.ts'
import { pageOf } from './suite/page.ts'
import { ceilingLine, heading, hostLine, line, movedLines, type Run } from './suite/report.ts'
import { openTimer, timerLine } from './suite/timer.ts'

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    full: { type: 'boolean', default: false },
    only: { type: 'string', default: '' },
    seconds: { type: 'string' },
    adapter: { type: 'string' },
    json: { type: 'string' },
    html: { type: 'string' },
    compare: { type: 'string' },
  },
})
const { quick, only } = values
const seconds = Number(values.seconds ?? (quick ? 0.1 : 0.5))
const old = values.compare && earlier(values.compare)

const adapter = (values.adapter ?? process.env['ATROUS_ADAPTER']) as AdapterChoice | undefined
const device = await openDevice({ adapter })
const share = values.full || !device.caps.software ? 1 : quick ? 1 / 4 : 1 / 2
const timer = await openTimer(device)
const ceilings = await measureCeilings(device, timer)
const by = { timer, ceilings }
console.log(`${device.line}\n${timerLine(timer)}\n${ceilingLine(ceilings)}\n\n${heading()}`)

const results: (Measured | Failed)[] = []
const note = (r: Measured | Failed) => {
  results.push(r)
  console.log(line(r))
}
const wanted = ({ name }: { readonly name: string }) => name.includes(only)
for (const c of kernelCases(share, quick).filter(wanted))
  note(await measure(device, c, by, seconds))
for (const c of networkCases(share, quick).filter(wanted))
  note(await measureNetwork(device, c, by, seconds))
const host = only ? [] : await hostTimes(device, seconds)
for (const t of host) console.log(hostLine(t))

const run: Run = { adapter: device.line, share, ceilings, results, host }
if (old) console.log(`\n${movedLines(old, run).join('\n')}`)
if (values.json) writeFileSync(values.json, JSON.stringify(run, undefined, 1))
if (values.html) writeFileSync(values.html, pageOf(run))
timer.close()
device.close()
if (!results.every(isMeasured)) process.exitCode = 1

function earlier(file: string): Run {
  const run = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Partial<Run>) : {}
  if (run.results && run.host) return run as Run
  console.error(`--compare ${file} is not what an earlier --json wrote`)
  process.exit(2)
}

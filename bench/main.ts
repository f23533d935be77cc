// How fast it is here: every family of kernels on shapes of the papers' networks, whole networks, and the host's part. Each is
// checked before it is timed, and set against what this adapter was measured to do at most.
//
//   npm run bench -- [--quick] [--only PART OF A NAME] [--seconds 0.5] [--full] [--adapter lavapipe|swiftshader|hardware]
//                    [--json FILE] [--html FILE] [--compare OLD.json]
//
// --quick takes two cases of each family of kernels and one network, in under a minute on two cores. Adapters without a GPU get a
// part of the papers' sides unless --full asks for all. Exits 1 where a result is wrong.

import { readFileSync } from 'node:fs'
import { OptionError } from '../engine/errors.ts'
import { openDevice } from '../engine/node.ts'
import { writeAtomic } from '../train/files.ts'
import { adapter, flag, given, named, positive, text, writable } from './options.ts'
import { kernelCases } from './suite/cases.ts'
import { measureCeilings } from './suite/ceilings.ts'
import { hostTimes } from './suite/host.ts'
import { type Failed, isMeasured, type Measured, measure } from './suite/measure.ts'
import { measureNetwork, networkCases } from './suite/networks.ts'
import { pageOf } from './suite/page.ts'
import { ceilingLine, heading, hostLine, line, movedLines, type Run } from './suite/report.ts'
import { openTimer, timerLine } from './suite/timer.ts'

const { values } = given({
  quick: flag,
  full: flag,
  only: text(undefined),
  seconds: positive(undefined),
  adapter,
  json: text(undefined),
  html: text(undefined),
  compare: text(undefined),
})
const { quick, only } = values
const seconds = values.seconds ?? (quick ? 0.1 : 0.5)
const old = values.compare === undefined ? undefined : earlier(values.compare)
for (const file of [values.json, values.html]) await writable(file)

const device = await openDevice({ adapter: values.adapter })
const share = values.full || !device.caps.software ? 1 : quick ? 1 / 4 : 1 / 2
const [kernels, networks] = [kernelCases(share, quick), networkCases(share, quick)]
const wanted = new Set(named([...kernels, ...networks], only, ({ name }) => name))
const timer = await openTimer(device)
const ceilings = await measureCeilings(device, timer)
const by = { timer, ceilings }
console.log(`${device.line}\n${timerLine(timer)}\n${ceilingLine(ceilings)}\n\n${heading()}`)

const results: (Measured | Failed)[] = []
const note = (r: Measured | Failed) => {
  results.push(r)
  console.log(line(r))
}
for (const c of kernels) if (wanted.has(c)) note(await measure(device, c, by, seconds))
for (const c of networks) if (wanted.has(c)) note(await measureNetwork(device, c, by, seconds))
const host = only !== undefined ? [] : await hostTimes(device, seconds)
for (const t of host) console.log(hostLine(t))

const run: Run = { adapter: device.line, share, ceilings, results, host }
if (old) console.log(`\n${movedLines(old, run).join('\n')}`)
if (values.json !== undefined) await writeAtomic(values.json, JSON.stringify(run, undefined, 1))
if (values.html !== undefined) await writeAtomic(values.html, pageOf(run))
timer.close()
device.close()
if (!results.every(isMeasured)) process.exitCode = 1

function earlier(file: string): Run {
  try {
    const run = JSON.parse(readFileSync(file, 'utf8')) as Partial<Run>
    if (run.results && run.host) return run as Run
  } catch {
    // Not there, or not JSON: said below.
  }
  throw new OptionError(
    `--compare ${file} is not what an earlier --json wrote`,
    'name a file that --json has written',
  )
}

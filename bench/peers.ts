// Our engine and three others over WebGPU on the same adapter, the same Dawn and the same shapes, in turns: what each row
// takes of the device, and our share of the fastest peer that gives the same result.
//
//   npm run bench:peers -- [--only PART OF A ROW'S NAME] [--rounds 5] [--adapter lavapipe|swiftshader|hardware]
//                          [--seconds 600] [--json FILE]
//
// An engine that has not answered within --seconds goes without the row.
// Device time is how long the driver's threads were on a processor, where the system tells; on a GPU read the wall time.
// Each engine has a process, since their WebAssembly, their pools and what they leave behind would otherwise meet.

import type { AdapterChoice } from '../engine/adapters/platform.ts'
import { writeAtomic } from '../train/files.ts'
import { adapter, given, named, positive, text, whole, writable } from './options.ts'
import { compareRow } from './peers/compare.ts'
import { installPeers } from './peers/packages.ts'
import { EngineProcess } from './peers/process.ts'
import { rows, stepSpec } from './peers/rows.ts'
import { type ColdStart, coldLine, heading, line } from './peers/table.ts'
import type { First } from './peers/worker.ts'

const { values } = given({
  only: text(undefined),
  rounds: whole(5),
  adapter,
  seconds: positive(600),
  json: text(undefined),
})
const choice = (values.adapter ?? process.env['ATROUS_ADAPTER']) as AdapterChoice | undefined
const coldTitle = 'cold start to the end of the first ResNet-18 training step, no shader cache'
const names = [...rows.map(({ name }) => name), coldTitle]
const chosen = new Set(named(names, values.only, (name) => name))
await writable(values.json)
const folder = await installPeers()
const engines = (['atrous', 'tfjs', 'jax', 'ort'] as const).map(
  (engine) => new EngineProcess({ engine, adapter: choice, folder }),
)
for (const e of engines) {
  const opened = await e
    .open()
    .catch((error: Error) => ({ name: e.settings.engine, adapter: error.message }))
  console.log(`${opened.name}: ${opened.adapter}`)
}
console.log(`\n${heading()}`)
const limits = { rounds: values.rounds, seconds: values.seconds }
const results = []
for (const row of rows.filter(({ name }) => chosen.has(name))) {
  const result = await compareRow(row, engines, limits)
  results.push(result)
  console.log(line(result))
}
for (const e of engines) e.close()

const cold: ColdStart[] = []
if (chosen.has(coldTitle)) {
  console.log(`\n${coldTitle} (target 5 s, 200 dispatches)`)
  for (const { settings } of engines) {
    const { engine } = settings
    const fresh = new EngineProcess({ ...settings, env: { MESA_SHADER_CACHE_DISABLE: 'true' } })
    const found = await fresh.ask<First>({ do: 'first', spec: stepSpec }, limits.seconds).then(
      (first) => ({ engine, first }),
      (error: Error) => ({ engine, problem: error.message }),
    )
    fresh.close()
    cold.push(found)
    console.log(coldLine(found))
  }
}
if (values.json !== undefined)
  await writeAtomic(values.json, JSON.stringify({ rows: results, cold }, undefined, 1))

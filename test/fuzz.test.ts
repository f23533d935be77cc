// Random programs with gradients and updates, fused and not, against the interpreter; every other one on a device with
// no more than WebGPU's default limits. Reproduce one with ATROUS_FUZZ=seed; ATROUS_FUZZ=from-to runs a range; `--slow`
// runs ten times as many.

import type { Device } from '../engine/index.ts'
import { openDevice } from '../engine/node.ts'
import { agree, drawn } from './agree.ts'
import { testDevice } from './device.ts'
import { test } from './harness.ts'
import { argumentTypes, randomProgram } from './random-graph.ts'

const asked = process.env['ATROUS_FUZZ']
const [from, to] = range(asked ?? '1-30')

let least: Promise<Device> | undefined

for (let seed = from; seed <= to; seed++)
  test(`random program ${seed} agrees with the interpreter`, () => check(seed))

const more = async () => {
  for (let seed = 31; seed <= 300; seed++) await check(seed)
}
if (!asked)
  test('random programs 31 to 300 agree with the interpreter', more, { slow: true, timeout: 900 })

async function check(seed: number): Promise<void> {
  const device = await testDevice()
  if (seed % 2 === 0) least ??= openDevice({ defaultLimits: true, alignment: 256, say: () => {} })
  await agree(randomProgram(seed), drawn(argumentTypes(seed), seed), {
    what: `program ${seed}`,
    device: seed % 2 === 0 ? await least : device,
  })
}

function range(text: string): [number, number] {
  const [first, last = first] = text.split('-').map(Number)
  return [first, last]
}

// Where the dispatches and the pipelines of a training step go, as planned for the adapter that is here; and what its first
// step takes, compiling included.
//
//   node dist/bench/kernels.js [MODEL] [--options '{"base":8}'] [--input 4x64x64] [--optimizer sgd] [--list] [--run]
//
// --list names every kernel, in the order in which they run. --run makes two steps on zeros: with
// MESA_SHADER_CACHE_DISABLE=true the first is a cold one.

import { optimizerNames, trainingStep } from '../apps/cli/step.ts'
import { hostArray, sizeOf, type TensorType } from '../engine/dtype.ts'
import { hostTensor, openDevice } from '../engine/node.ts'
import type { Plan } from '../engine/plan/plan.ts'
import { printKinds, titleOf } from '../engine/print.ts'
import { buildModel, type ImageSize } from '../models/index.ts'
import { choice, flag, given, type Option, sizes } from './options.ts'

/** A network's options as JSON. */
const json: Option<Readonly<Record<string, unknown>>> = {
  usual: {},
  read(text) {
    try {
      const value = JSON.parse(text)
      return typeof value === 'object' && !Array.isArray(value) ? (value ?? undefined) : undefined
    } catch {
      return undefined
    }
  },
  hint: () => 'give JSON such as \'{"base":8}\'',
}

const { values, positionals } = given(
  {
    options: json,
    input: sizes('NxHxW', [4, 64, 64] as ImageSize),
    optimizer: choice(optimizerNames, 'sgd'),
    list: flag,
    run: flag,
  },
  ['MODEL'],
)
const [name = 'resnet-18'] = positionals
const size = values.input
const model = buildModel({ name, options: values.options })
const { fn, types } = trainingStep(model, size, values.optimizer)

const seconds = (since: number) => `${((performance.now() - since) / 1000).toFixed(2)} s`
const processor = () => {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e6
}

const opened = performance.now()
const device = await openDevice()
console.log(`${device.line}: opened in ${seconds(opened)}`)
const step = device.compile(fn as (...inputs: never[]) => unknown)
const planned = performance.now()
const { plan } = step.stages(...types)
console.log(`${name}, a training step on [${size}]: planned in ${seconds(planned)}\n`)
if (values.list) printList(plan)
console.log(printKinds(plan))
if (values.run) await firstStep()
device.close()

function printList({ steps }: Plan): void {
  const numbers = new Map<string, number>()
  for (const { node, dispatches } of steps)
    for (const { dispatch } of dispatches) {
      const { key } = dispatch.kernel
      if (!numbers.has(key)) numbers.set(key, numbers.size)
      const shapes = node.types.map((t) => `[${t.shape}]`).join(' ')
      console.log(
        `p${numbers.get(key)}\t${key.slice(0, 60)}\t${titleOf(node)} ${shapes} ${node.path || `d ${node.source?.path}`}`,
      )
    }
}

async function firstStep(): Promise<void> {
  const zeros = (t: TensorType) => hostTensor(hostArray(t.dtype, sizeOf(t.shape)), t.shape, t.dtype)
  for (const which of ['first', 'second']) {
    const [begun, worked] = [performance.now(), processor()]
    const loss = (await step.run(...types.map(zeros))) as { value(): Promise<number> }
    await loss.value()
    const work = (processor() - worked).toFixed(2)
    console.log(`${which} step: ${seconds(begun)}, ${work} s of processors`)
  }
}

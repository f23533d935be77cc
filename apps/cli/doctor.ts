// `doctor`: what there is to run on, whether it computes what it should, and how fast it may be expected to be.

import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { mixedKernels, showUnit } from '../../engine/adapters/matrix-units.ts'
import { AtrousError } from '../../engine/errors.ts'
import { conv2d, type Device, listAdapters, openDevice, type Tensor } from '../../engine/node.ts'
import { hostTensor } from '../../engine/ops/source.ts'
import { showBytes } from '../../engine/print.ts'
import { type SelfTestResult, selfTest } from '../../engine/reference/selftest.ts'
import { type Args, aligned, type Command, helpOption, jsonOption } from './command.ts'

async function run(args: Args): Promise<number> {
  args.expect()
  const versions = readVersions()
  const adapters = await listAdapters()
  const opened = await open()
  const device = 'device' in opened ? opened.device : undefined
  try {
    const checks = device ? await selfTest(device) : []
    const speed = device ? await measureSpeed(device) : undefined
    const problems = [
      ...packages.flatMap((name) =>
        versions[name] === missing ? [`${name} is not installed: npm ci`] : [],
      ),
      ...('problem' in opened ? [opened.problem] : []),
      ...checks.flatMap(({ family, error }) => (error ? [`${family}: ${error}`] : [])),
    ]
    const caps = device && { ...device.caps, tuning: undefined }
    const tuning = device && tuningOf(device)
    const warnings = device?.warnings ?? []
    const result = {
      versions,
      adapters,
      device: device?.line,
      caps,
      tuning,
      warnings,
      checks,
      speed,
      problems,
    }
    console.log(args.has('json') ? JSON.stringify(result, null, 2) : asText(result))
    return problems.length ? 1 : 0
  } finally {
    device?.close()
  }
}

async function open(): Promise<{ device: Device } | { problem: string }> {
  try {
    return { device: await openDevice({ say: (sentence) => console.error(sentence) }) }
  } catch (error) {
    if (error instanceof AtrousError) return { problem: error.message }
    throw error
  }
}

/** Which table of measured choices is in force. */
const tuningOf = ({ tuning, tuningFrom }: Device) => ({
  from: tuningFrom,
  classes: tuning.size,
  hash: tuning.hash,
})

const missing = 'missing'
const packages = ['webgpu', 'koffi', 'sharp'] as const

/** Versions of what matters; loading sharp shows that its binary is there. */
function readVersions(): Record<string, string> {
  const require = createRequire(import.meta.url)
  const found: Record<string, string> = {
    node: process.versions.node,
    system: `${process.platform} ${process.arch}`,
  }
  for (const name of packages)
    try {
      found[name] = versionOf(name, dirname(require.resolve(name)))
    } catch {
      found[name] = missing
    }
  return found
}

/** From the package.json above its main file: an exports map may hide it from require. */
function versionOf(name: string, folder: string): string {
  const file = join(folder, 'package.json')
  const found = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {}
  if (found.name === name) return found.version
  const parent = dirname(folder)
  return parent === folder ? 'unknown' : versionOf(name, parent)
}

interface Speed {
  readonly gflops: number
  readonly klass: string
}

const classes: readonly (readonly [least: number, klass: string])[] = [
  [3000, 'a fast GPU: paper-sized networks train at full resolution'],
  [300, 'a GPU: paper-sized networks train at reduced resolution'],
  [30, 'a small GPU or a fast processor: narrow networks train in minutes'],
  [
    0,
    'a processor: the narrow network at 48x64 learns in minutes, CamVid at 96x128 in a quarter of an hour',
  ],
]

/** A 3×3 convolution of 32 channels, timed over about half a second. */
async function measureSpeed(device: Device): Promise<Speed> {
  const [h, w, c] = [64, 64, 32]
  const draw = (n: number) => Float32Array.from({ length: n }, (_, i) => Math.sin(i))
  const x = hostTensor(draw(h * w * c), [1, h, w, c])
  const k = hostTensor(draw(9 * c * c), [3, 3, c, c])
  const layers = 4
  using program = device.compile((image: Tensor, weight: Tensor) => {
    let y = image
    for (let i = 0; i < layers; i++) y = conv2d(y, weight, { padding: 1 })
    return y
  })
  ;(await program.run(x, k)).dispose()
  await device.idle()
  const begun = performance.now()
  let runs = 0
  while (performance.now() - begun < 500) {
    ;(await program.run(x, k)).dispose()
    runs++
  }
  await device.idle()
  const seconds = (performance.now() - begun) / 1000
  const gflops = (runs * layers * 2 * 9 * h * w * c * c) / seconds / 1e9
  return { gflops: +gflops.toPrecision(3), klass: classes.find(([least]) => gflops >= least)![1] }
}

interface Result {
  readonly versions: Readonly<Record<string, string>>
  readonly adapters: Awaited<ReturnType<typeof listAdapters>>
  readonly device: string | undefined
  readonly caps: Device['caps'] | undefined
  readonly tuning: ReturnType<typeof tuningOf> | undefined
  readonly warnings: readonly string[]
  readonly checks: readonly SelfTestResult[]
  readonly speed: Speed | undefined
  readonly problems: readonly string[]
}

function asText({
  versions,
  adapters,
  device,
  caps,
  tuning,
  warnings,
  checks,
  speed,
  problems,
}: Result): string {
  const lines = ['versions', ...aligned(Object.entries(versions)), '', 'adapters']
  lines.push(
    ...aligned(adapters.map((a) => [`${a.name} (${a.source})`, `${a.status}: ${a.reason}`])),
  )
  lines.push('', 'device', `  ${device ?? 'none could be opened'}`)
  if (caps)
    lines.push(
      ...aligned([
        ['workgroup memory', showBytes(caps.maxWorkgroupStorage)],
        ['invocations in a workgroup', `${caps.maxInvocations}`],
        ['storage buffers', `${caps.maxStorageBuffers}`],
        ['largest binding', showBytes(caps.maxBindingBytes)],
        ['largest buffer', showBytes(caps.maxBufferBytes)],
        ['offset alignment', `${caps.alignment}`],
        ['subgroups', caps.subgroupSize ? `of ${caps.subgroupSize}` : 'none'],
        ['f16', caps.f16 ? 'yes' : 'no'],
        ['matrix units', caps.matrixUnits.map(showUnit).join(', ') || 'none'],
        ['mixed precision', mixedKernels(caps)],
        ['timestamps', caps.timestamps ? 'yes' : 'no'],
        [
          'tuning',
          tuning ? `${tuning.from}, ${tuning.classes} classes measured, ${tuning.hash}` : '',
        ],
      ]),
    )
  lines.push(...warnings.map((w) => `  note: ${w}`))
  if (checks.length) {
    lines.push('', 'self-test, each kernel family against the reference')
    lines.push(
      ...aligned(
        checks.map(({ family, error, ms }) => [
          family,
          error ? `WRONG: ${error}` : `right (${ms.toFixed(0)} ms)`,
        ]),
      ),
    )
  }
  if (speed)
    lines.push('', 'speed', `  ${speed.gflops} GFLOP/s in 3x3 convolutions: ${speed.klass}`)
  lines.push('', problems.length ? `found wrong:\n  ${problems.join('\n  ')}` : 'nothing wrong')
  return lines.join('\n')
}

export const doctor: Command = {
  name: 'doctor',
  summary: 'look at the adapters, test the kernels, and say what speed to expect',
  usage: '[options]',
  options: { json: jsonOption, help: helpOption },
  examples: [
    ['atrous doctor', 'all of it; exit code 1 where something is wrong'],
    ['ATROUS_ADAPTER=swiftshader atrous doctor', 'the same on another adapter'],
  ],
  run,
}

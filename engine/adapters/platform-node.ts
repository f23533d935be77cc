// Node: Dawn from the npm package `webgpu`. The order is a hardware adapter, else an installed
// software driver that Dawn accepts, else the embedded SwiftShader. Dawn itself puts hardware
// before software among what is installed, and a new instance sees a loader and drivers that an
// earlier one missed, so the embedded driver can follow a failed attempt in the same process.

import { readFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { DataError, DeviceError, OptionError } from '../errors.ts'
import { adapterKind, adapterName } from './adapter-kind.ts'
import { type DawnAdapter, explainCandidates } from './candidates-node.ts'
import { withNativeEnvironment } from './environment-node.ts'
import { lavapipeCommand } from './lavapipe-node.ts'
import {
  type AdapterCandidate,
  type AdapterChoice,
  type AdapterRequest,
  adapterChoices,
  type Platform,
} from './platform.ts'
import { quietly } from './quiet-node.ts'
import { embeddedDriver, embeddedSupported } from './swiftshader-node.ts'
import { readHint } from './text-store.ts'
import { nodeStore } from './text-store-node.ts'
import { loadGlobal, systemLoader } from './vulkan-node.ts'

type Found = { adapter: GPUAdapter; warnings: string[] }

export const nodePlatform: Platform = {
  name: 'node',

  settle,

  opened,

  store: nodeStore,

  tuningChoice: () => process.env['ATROUS_TUNING'] || undefined,

  readText: (file) =>
    readFile(file, 'utf8').catch((error: Error) => {
      throw new DataError(file, `cannot be read: ${error.message}`, readHint)
    }),

  processors: () => ({ cores: availableParallelism(), seconds: processorSeconds }),

  async requestAdapter({ choice = environmentChoice(), say }: AdapterRequest): Promise<Found> {
    if (choice === 'swiftshader') return { adapter: await embedded(say), warnings: [] }
    if (choice === 'lavapipe') return { adapter: await lavapipe(), warnings: [] }
    const adapter = await fastestInstalled()
    if (choice === 'hardware') return { adapter: hardwareOnly(adapter), warnings: [] }
    if (adapter) return { adapter, warnings: [] }
    return { adapter: await embedded(say), warnings: fasterChoice() }
  },

  listAdapters,
}

function processorSeconds(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e6
}

function environmentChoice(): AdapterChoice | undefined {
  const value = process.env['ATROUS_ADAPTER']
  if (!value) return undefined
  const choice = adapterChoices.find((name) => name === value)
  if (choice) return choice
  throw new OptionError(
    `ATROUS_ADAPTER: '${value}' is not a choice`,
    `use one of ${adapterChoices.join(', ')}, or unset it for the fastest`,
  )
}

let fasterChoiceSaid = false

/** Said once in a process: what would run faster than the embedded driver. */
function fasterChoice(): string[] {
  if (fasterChoiceSaid) return []
  fasterChoiceSaid = true
  const faster = 'running on the embedded SwiftShader; lavapipe is several times as fast'
  return [`${faster}: ${lavapipeCommand()}`]
}

/** What Dawn does without being asked. Workgroup memory that the driver sets to zero makes SwiftShader compile for
 * seconds: the time grows with the words. Dawn's own loop does the same at once. */
const needless = 'timestamp_quantization,use_vulkan_zero_initialize_workgroup_memory_extension'

// Dawn's object must stay reachable for as long as anything made from it lives: once collected, its
// promises never settle and the driver's threads crash. It must not stand on a global either, which
// would keep Node from exiting. One instance for each set of flags is enough for a process.
const instances = new Map<string, GPU>()

async function instance(name: string, flags: readonly string[]): Promise<GPU> {
  const known = instances.get(name)
  if (known) return known
  const { create } = await import('webgpu')
  const made = create([`disable-dawn-features=${needless}`, ...flags])
  instances.set(name, made)
  return made
}

async function installed(): Promise<GPUAdapter | null> {
  if (!(await canAskDawn())) return null
  const gpu = await instance('installed', [])
  return quietly(() => gpu.requestAdapter({ powerPreference: 'high-performance' }))
}

/** Dawn's preference; but among software drivers it takes the first, and lavapipe is the faster. */
async function fastestInstalled(): Promise<GPUAdapter | null> {
  const adapter = await installed()
  if (!adapter || adapterKind(adapter.info).kind !== 'swiftshader') return adapter
  return (await installedLavapipe()) ?? adapter
}

/** On Linux Dawn has only Vulkan, and prints at length when there is no loader for it. */
async function canAskDawn(): Promise<boolean> {
  return process.platform !== 'linux' || (await systemLoader()) !== null
}

function hardwareOnly(adapter: GPUAdapter | null): GPUAdapter {
  if (adapter && !adapterKind(adapter.info).software) return adapter
  const what = adapter ? `only ${adapterName(adapter.info)} is here` : 'no adapter is here'
  throw new DeviceError(
    `${what}, and hardware was asked for`,
    "install the GPU's Vulkan driver, or leave the choice out; `doctor` lists what was found",
  )
}

async function lavapipe(): Promise<GPUAdapter> {
  const adapter = await installedLavapipe()
  if (adapter) return adapter
  throw new DeviceError(
    'lavapipe was asked for and Dawn finds none that it accepts (Mesa 23 or newer)',
    `install it: ${lavapipeCommand()}`,
  )
}

async function installedLavapipe(): Promise<GPUAdapter | null> {
  if (!(await canAskDawn())) return null
  const gpu = await instance('lavapipe', ['adapter=llvmpipe'])
  return quietly(() => gpu.requestAdapter()).catch(() => null)
}

async function embedded(say: (sentence: string) => void): Promise<GPUAdapter> {
  if (!embeddedSupported()) throw noDriver()
  const driver = await embeddedDriver(say)
  if (!(await systemLoader())) await loadGlobal(driver.loader)
  const gpu = await instance('embedded', ['adapter=SwiftShader'])
  // A Vulkan loader reads these when Dawn first enumerates, which is inside requestAdapter. Other
  // instances, and child processes, see the system as it is.
  const only = { VK_DRIVER_FILES: driver.manifest, VK_ICD_FILENAMES: driver.manifest }
  const adapter = await withNativeEnvironment(only, () => quietly(() => gpu.requestAdapter()))
  if (adapter) return adapter
  throw new DeviceError(
    'the embedded SwiftShader did not start',
    `install a Vulkan driver instead: ${lavapipeCommand()}`,
  )
}

function noDriver(): DeviceError {
  const system = `${process.platform} on ${process.arch}`
  const hint =
    process.platform === 'linux'
      ? `install a Vulkan driver, such as lavapipe: ${lavapipeCommand()}`
      : "install the GPU's driver; there is no embedded software driver for this system"
  return new DeviceError(`no GPU adapter was found (${system})`, hint)
}

async function listAdapters(): Promise<AdapterCandidate[]> {
  const accepted = await dawnAdapters()
  const adapter = accepted.length ? await fastestInstalled() : null
  // Dawn's list has the driver's name, an adapter a slug of it (`llvmpipe-llvm-15-0-6-256-bits-`).
  const slug = (text: string) => text.toLowerCase().replace(/[^a-z0-9]+/g, '-')
  const used = accepted.find(({ name }) => slug(name) === adapter?.info.device)
  return explainCandidates(accepted, adapter ? (used ?? accepted[0]).name : undefined)
}

/** Dawn lists its adapters only in the message that it has none of the name asked for. */
async function dawnAdapters(): Promise<DawnAdapter[]> {
  if (!(await canAskDawn())) return []
  const gpu = await instance('list', ['adapter=no adapter has this name'])
  const message = await quietly(() => gpu.requestAdapter()).then(
    () => '',
    (error: Error) => error.message,
  )
  const lines = message.matchAll(/backend: '([^']*)', name: '([^\n]*)'/g)
  return [...lines].map(([, backend, name]) => ({ backend, name }))
}

const sleeper = new Int32Array(new SharedArrayBuffer(4))
/** Promises of software drivers that somebody waits for, and since when the last of them. */
let waiting = 0
let since = 0
let napping = false
/** Milliseconds. */
const [leastNap, longestNap, busyTurn] = [0.05, 1, 0.5]

/** While a promise is pending, Dawn's binding polls as fast as it can and takes a core from the software driver. Naps between
 * polls give it back; they are short against what has been waited for, so that what is soon done is soon seen. */
async function settle<T>(promise: Promise<T>): Promise<T> {
  waiting++
  since = performance.now()
  if (!napping) napBetweenPolls()
  try {
    return await promise
  } finally {
    waiting--
  }
}

/** One nap a turn of the event loop, for all who wait; none after a turn in which others had something to do. */
async function napBetweenPolls(): Promise<void> {
  napping = true
  let woke = performance.now()
  for (;;) {
    await new Promise((resolve) => setImmediate(resolve))
    if (!waiting) break
    const now = performance.now()
    const nap = Math.min(longestNap, Math.max(leastNap, (now - since) / 8))
    if (now - woke < busyTurn) Atomics.wait(sleeper, 0, 0, nap)
    woke = performance.now()
  }
  napping = false
}

const alive = new Set<GPUDevice>()

/** SwiftShader's threads crash the process when it ends under them. Destroying a device waits for its queue, so that is
 * done last thing, however the process ends: the exit listener may do nothing that takes a turn of the event loop. */
function opened(device: GPUDevice): void {
  if (!alive.size) process.once('exit', destroyAll)
  alive.add(device)
  device.lost.then(() => {
    alive.delete(device)
    if (!alive.size) process.off('exit', destroyAll)
  })
}

function destroyAll(): void {
  for (const device of alive) device.destroy()
}

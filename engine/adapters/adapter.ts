// Opening a device: ask the platform for an adapter, ask the adapter for all it has (or for nothing
// beyond WebGPU's defaults), and say in one line what came of it.

import type { Tuned } from '../../shaders/problem-class.ts'
import { DeviceError, OptionError } from '../errors.ts'
import { type AdapterKind, adapterKind, adapterName } from './adapter-kind.ts'
import { type MatrixUnit, matrixUnitsOf } from './matrix-units.ts'
import { type AdapterCandidate, type AdapterChoice, adapterChoices, platform } from './platform.ts'

export type { AdapterKind } from './adapter-kind.ts'
export type { AdapterCandidate, AdapterChoice } from './platform.ts'

/** What the engine needs to know of a device: every choice of kernel and layout reads only this. */
export interface Caps {
  readonly kind: AdapterKind
  readonly software: boolean
  readonly name: string
  /** Lanes in a subgroup; 0 where there are none or where their number varies. */
  readonly subgroupSize: number
  readonly f16: boolean
  /** Shapes that matrix units multiply; empty where the adapter lists none. */
  readonly matrixUnits: readonly MatrixUnit[]
  readonly timestamps: boolean
  readonly maxWorkgroupStorage: number
  readonly maxInvocations: number
  readonly maxWorkgroupsPerDimension: number
  readonly maxStorageBuffers: number
  readonly maxBindingBytes: number
  readonly maxBufferBytes: number
  /** Pixels of a texture or a canvas, on either side. */
  readonly maxTextureSide: number
  /** Every offset of a storage binding is a multiple of this many bytes. */
  readonly alignment: number
  /** Choices of kernels that were measured; without them everything has its default. */
  readonly tuning?: Tuned
}

export interface AdapterOptions {
  /** Insist on one kind; the environment variable ATROUS_ADAPTER does the same in Node. */
  readonly adapter?: AdapterChoice
  /** WebGPU's default limits and no optional feature, as the least capable device has them. */
  readonly defaultLimits?: boolean
  /** Storage offsets at least this coarse, to try here what a stricter device demands. */
  readonly alignment?: number
  /** Bind no more than this many bytes at once, to try here what a device with smaller bindings does. */
  readonly bindingBytes?: number
  /** Take textures of no more than this many pixels on a side, to try here what a device with smaller ones does. */
  readonly textureSide?: number
  /** Receives WebGPU errors that no error scope caught. Without it they go where they went before. */
  readonly onError?: (problem: Problem) => void
  /** Receives one sentence before something slow, such as a download, and once when results of programs were dropped
   * without dispose(). Default: `console.warn`. */
  readonly say?: (sentence: string) => void
}

/** What WebGPU says of a command that failed. */
export interface Problem {
  readonly message: string
  readonly outOfMemory: boolean
}

export interface OpenAdapter {
  readonly adapter: GPUAdapter
  readonly device: GPUDevice
  readonly caps: Caps
  /** What was opened, in one line. */
  readonly line: string
  /** What the person should know about it, such as a faster choice; may be empty. */
  readonly warnings: readonly string[]
}

const usedFeatures: readonly GPUFeatureName[] = ['timestamp-query', 'shader-f16', 'subgroups']

/** Opens the fastest adapter that is here, or the chosen one, or throws a `DeviceError`. */
export async function openAdapter(options: AdapterOptions = {}): Promise<OpenAdapter> {
  checkOptions(options)
  const say = options.say ?? ((sentence) => console.warn(sentence))
  const { adapter, warnings } = await platform().requestAdapter({ choice: options.adapter, say })
  const device = await requestDevice(adapter, options)
  platform().opened(device)
  if (options.onError) {
    const { onError } = options
    device.onuncapturederror = ({ error }) => onError(problemOf(error))
  }
  const all = readCaps(adapter, device)
  const { bindingBytes = Number.POSITIVE_INFINITY, textureSide = Number.POSITIVE_INFINITY } =
    options
  const caps = {
    ...all,
    maxBindingBytes: Math.min(all.maxBindingBytes, bindingBytes),
    maxTextureSide: Math.min(all.maxTextureSide, textureSide),
  }
  return { adapter, device, caps, line: describe(caps), warnings }
}

/** Every adapter found and why one was passed over, in the order of preference. */
export function listAdapters(): Promise<AdapterCandidate[]> {
  return platform().listAdapters()
}

// By name, since Node has the classes of WebGPU nowhere on the global object.
const problemOf = (error: GPUError): Problem => ({
  message: error.message,
  outOfMemory: Object.prototype.toString.call(error) === '[object GPUOutOfMemoryError]',
})

function checkOptions({ adapter, alignment, bindingBytes, textureSide }: AdapterOptions): void {
  if (adapter !== undefined && !adapterChoices.includes(adapter)) {
    throw new OptionError(
      `adapter: '${adapter}' is not a choice`,
      `use one of ${adapterChoices.join(', ')}, or leave it out for the fastest`,
    )
  }
  if (bindingBytes !== undefined && !(Number.isInteger(bindingBytes) && bindingBytes >= 256))
    throw new OptionError(`bindingBytes: ${bindingBytes} is not a whole number from 256`)
  if (textureSide !== undefined && !(Number.isInteger(textureSide) && textureSide >= 1))
    throw new OptionError(`textureSide: ${textureSide} is not a whole number from 1`)
  if (alignment === undefined) return
  const powerOfTwo =
    Number.isInteger(alignment) && 2 ** Math.round(Math.log2(alignment)) === alignment
  if (!powerOfTwo || alignment < 32 || alignment > 256) {
    throw new OptionError(`alignment: ${alignment} is not one of 32, 64, 128 and 256`)
  }
}

async function requestDevice(adapter: GPUAdapter, options: AdapterOptions): Promise<GPUDevice> {
  const limits = options.defaultLimits ? {} : fullLimits(adapter.limits)
  const least = options.alignment ?? 0
  if (least > (limits['minStorageBufferOffsetAlignment'] ?? 256)) {
    limits['minStorageBufferOffsetAlignment'] = least
  }
  const features = options.defaultLimits
    ? []
    : usedFeatures.filter((feature) => adapter.features.has(feature))
  try {
    return await adapter.requestDevice({ requiredFeatures: features, requiredLimits: limits })
  } catch (error) {
    throw new DeviceError(
      `${adapterName(adapter.info)}: the adapter gave no device (${(error as Error).message})`,
      'its driver may be out of date, or another program may hold its memory',
    )
  }
}

/** Limits are getters on a prototype, so they are walked with `for…in`; unset ones are left out. */
function fullLimits(limits: GPUSupportedLimits): Record<string, number> {
  const full: Record<string, number> = {}
  for (const name in limits) {
    const value: unknown = limits[name as keyof GPUSupportedLimits]
    if (typeof value === 'number') full[name] = value
  }
  return full
}

function readCaps(adapter: GPUAdapter, { limits, features }: GPUDevice): Caps {
  const { info } = adapter
  const fixed = info.subgroupMinSize === info.subgroupMaxSize
  return {
    ...adapterKind(info),
    name: adapterName(info),
    subgroupSize: features.has('subgroups') && fixed ? info.subgroupMinSize : 0,
    f16: features.has('shader-f16'),
    matrixUnits: matrixUnitsOf(adapter),
    timestamps: features.has('timestamp-query'),
    maxWorkgroupStorage: limits.maxComputeWorkgroupStorageSize,
    maxInvocations: limits.maxComputeInvocationsPerWorkgroup,
    maxWorkgroupsPerDimension: limits.maxComputeWorkgroupsPerDimension,
    maxStorageBuffers: limits.maxStorageBuffersPerShaderStage,
    maxBindingBytes: limits.maxStorageBufferBindingSize,
    maxBufferBytes: limits.maxBufferSize,
    maxTextureSide: limits.maxTextureDimension2D,
    alignment: limits.minStorageBufferOffsetAlignment,
  }
}

function describe(caps: Caps): string {
  const kind = caps.kind === 'unknown' ? (caps.software ? 'software' : 'GPU') : caps.kind
  const subgroups = caps.subgroupSize ? `subgroups of ${caps.subgroupSize}` : 'no subgroups'
  const f16 = caps.f16 ? 'f16' : 'no f16'
  const bytes = `bindings to ${mebibytes(caps.maxBindingBytes)}`
  return `${caps.name} (${kind}): ${f16}, ${subgroups}, ${bytes}`
}

function mebibytes(bytes: number): string {
  const whole = Math.round(bytes / 2 ** 20)
  return whole % 1024 === 0 ? `${whole / 1024} GiB` : `${whole} MiB`
}

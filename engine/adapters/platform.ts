// The seam between the engine and where it runs. Everything that differs between Node and browsers
// when a GPU is opened stands behind this interface; the browser's is the default, so that no Node
// module is reachable from the main entry. The Node entry registers its own before anything else.

import { browserPlatform } from './platform-browser.ts'
import type { TextStore } from './text-store.ts'

/** Which adapter to insist on; left out, the fastest one found is taken. */
export type AdapterChoice = 'hardware' | 'lavapipe' | 'swiftshader'

export const adapterChoices: readonly AdapterChoice[] = ['hardware', 'lavapipe', 'swiftshader']

export interface AdapterRequest {
  readonly choice: AdapterChoice | undefined
  /** Called with one sentence before something slow happens, such as a download. */
  readonly say: (sentence: string) => void
}

/** An adapter that was found, or that could be, and what came of it. */
export interface AdapterCandidate {
  /** What the driver calls it, with its version where known. */
  readonly name: string
  /** Where it comes from: `vulkan`, `metal`, `d3d12`, `browser`, `embedded`… */
  readonly source: string
  readonly status: 'used' | 'available' | 'passed over'
  /** Why it is used, kept in reserve or passed over. */
  readonly reason: string
}

export interface Platform {
  readonly name: 'node' | 'browser'
  /** The best adapter, or the chosen one, or a `DeviceError` that says what to do. */
  requestAdapter(request: AdapterRequest): Promise<{ adapter: GPUAdapter; warnings: string[] }>
  /** Every candidate in the order of preference. Never throws: a refusal is a candidate's reason. */
  listAdapters(): Promise<AdapterCandidate[]>
  /** Told of every device that is opened, so that it can be ended before the process is. */
  opened(device: GPUDevice): void
  /** Waits for a promise of a software driver, leaving it the processor where waiting would spin. */
  settle<T>(promise: Promise<T>): Promise<T>
  /** Texts that outlive the process or the page. */
  readonly store: TextStore
  /** Which tuning to use where none is asked for: a file's name, `shipped` or `cached`. */
  tuningChoice(): string | undefined
  /** A text from a file, in browsers from an address. Throws DataError. */
  readText(file: string): Promise<string>
  /** Undefined where nobody tells. */
  processors(): Processors | undefined
}

export interface Processors {
  readonly cores: number
  /** Seconds that they have worked for this process, drivers' threads included. */
  seconds(): number
}

let current: Platform = browserPlatform

/** Makes `platform` the one that the engine asks from now on. */
export function registerPlatform(platform: Platform): void {
  current = platform
}

export function platform(): Platform {
  return current
}

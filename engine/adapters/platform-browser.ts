// Browsers, pages and workers alike: the adapter comes from `navigator.gpu` (adapter-browser.ts, which has the sentences for
// where there is none).

import { DataError, DeviceError } from '../errors.ts'
import { findAdapter } from './adapter-browser.ts'
import { adapterKind, adapterName } from './adapter-kind.ts'
import type { AdapterCandidate, AdapterRequest, Platform } from './platform.ts'
import { readHint } from './text-store.ts'
import { browserStore } from './text-store-browser.ts'

export const browserPlatform: Platform = {
  name: 'browser',

  settle: (promise) => promise,

  opened: () => {},

  store: browserStore,

  tuningChoice: () => undefined,

  async readText(file) {
    const response = await fetch(file).catch((error: Error) => {
      throw new DataError(file, `cannot be fetched: ${error.message}`, readHint)
    })
    if (!response.ok)
      throw new DataError(file, `cannot be fetched: status ${response.status}`, readHint)
    return response.text()
  },

  processors: () => undefined,

  async requestAdapter({ choice }: AdapterRequest) {
    if (choice === 'lavapipe') {
      throw new DeviceError(
        'a browser does not offer lavapipe',
        "choose 'hardware' or 'swiftshader', or leave the choice out",
      )
    }
    const { support, adapter } = await findAdapter(
      choice === 'swiftshader' ? { forceFallbackAdapter: true } : undefined,
    )
    if (!adapter) throw new DeviceError(support.what, support.toDo)
    const { kind, software } = adapterKind(adapter.info)
    if (choice === 'hardware' && software) {
      throw new DeviceError(`${support.what}, and hardware was asked for`, support.toDo)
    }
    if (choice === 'swiftshader' && kind !== 'swiftshader') {
      throw new DeviceError(
        `the browser gave ${adapterName(adapter.info)} where SwiftShader was asked for`,
        'Chromium offers it when started with --enable-unsafe-swiftshader',
      )
    }
    const isUnasked = software && choice === undefined
    return { adapter, warnings: isUnasked ? [`${support.what}: ${support.toDo}`] : [] }
  },

  async listAdapters(): Promise<AdapterCandidate[]> {
    const { support, adapter } = await findAdapter()
    if (!adapter)
      return [
        { name: 'navigator.gpu', source: 'browser', status: 'passed over', reason: support.what },
      ]
    const { adapter: fallback } = await findAdapter({ forceFallbackAdapter: true })
    const used = candidate(adapter, 'used', 'what the browser prefers')
    if (!fallback || adapterName(fallback.info) === used.name) return [used]
    return [used, candidate(fallback, 'available', 'the software fallback')]
  },
}

function candidate(
  adapter: GPUAdapter,
  status: AdapterCandidate['status'],
  reason: string,
): AdapterCandidate {
  return { name: adapterName(adapter.info), source: 'browser', status, reason }
}

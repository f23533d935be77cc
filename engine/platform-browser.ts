// Browsers, pages and workers alike: the adapter comes from `navigator.gpu`, and each way in which
// there is none has its own sentence.

import { adapterKind, adapterName } from './adapter-kind.ts'
import { DataError, DeviceError } from './errors.ts'
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
    const adapter = await gpu().requestAdapter(
      choice === 'swiftshader'
        ? { forceFallbackAdapter: true }
        : { powerPreference: 'high-performance' },
    )
    if (!adapter) throw noAdapter()
    const { kind, software } = adapterKind(adapter.info)
    if (choice === 'hardware' && software) {
      throw new DeviceError(
        `only a software adapter is here (${adapterName(adapter.info)}), and hardware was asked for`,
        'the browser lists the reason on its GPU page (chrome://gpu, about:support)',
      )
    }
    if (choice === 'swiftshader' && kind !== 'swiftshader') {
      throw new DeviceError(
        `the browser gave ${adapterName(adapter.info)} where SwiftShader was asked for`,
        'Chromium offers it when started with --enable-unsafe-swiftshader',
      )
    }
    return { adapter, warnings: [] }
  },

  async listAdapters(): Promise<AdapterCandidate[]> {
    try {
      const preferred = await gpu().requestAdapter({ powerPreference: 'high-performance' })
      if (!preferred) throw noAdapter()
      const fallback = await gpu().requestAdapter({ forceFallbackAdapter: true })
      const used = candidate(preferred, 'used', 'what the browser prefers')
      if (!fallback || adapterName(fallback.info) === used.name) return [used]
      return [used, candidate(fallback, 'available', 'the software fallback')]
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      return [{ name: 'navigator.gpu', source: 'browser', status: 'passed over', reason }]
    }
  },
}

function candidate(
  adapter: GPUAdapter,
  status: AdapterCandidate['status'],
  reason: string,
): AdapterCandidate {
  return { name: adapterName(adapter.info), source: 'browser', status, reason }
}

function gpu(): GPU {
  const scope = globalThis as { navigator?: { gpu?: GPU }; isSecureContext?: boolean }
  if (scope.navigator?.gpu) return scope.navigator.gpu
  // Browsers hide navigator.gpu from pages that came over plain http, so this is asked first.
  if (scope.isSecureContext === false) {
    throw new DeviceError(
      'WebGPU needs a secure page, and this one came over plain http',
      'open it through https, or through http://localhost or http://127.0.0.1',
    )
  }
  // Node 21 and later have a navigator too, so its absence of a document tells nothing; this does.
  if ('process' in scope) {
    throw new DeviceError(
      'this is the entry for browsers, and it runs in Node',
      "import 'atrous' with the 'node' export condition, which Node itself uses",
    )
  }
  throw new DeviceError(
    'this browser has no WebGPU',
    'use a current Chrome, Edge, Firefox or Safari; on Linux, Chrome may need ' +
      '--enable-unsafe-webgpu --enable-features=Vulkan',
  )
}

function noAdapter(): DeviceError {
  return new DeviceError(
    'the browser has WebGPU but gave no adapter',
    'its driver may be missing or blocked: see chrome://gpu or about:support',
  )
}

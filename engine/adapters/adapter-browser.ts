// What a browser has to compute on, found out by asking for an adapter: each way in which there is none, and the way in which
// there is only a slow one, has its own sentence. They are said here and nowhere else.

import { adapterKind, adapterName } from './adapter-kind.ts'

/** Whether there is a machine to compute on, and what to tell the person if not. */
export interface Support {
  /** `hardware`: a GPU. `software`: a driver that computes on the processor; all works, slowly. The others have no device:
   * `insecure`: the page came over plain http; `missing`: this browser has no WebGPU; `blocked`: it has, and gives no adapter. */
  readonly state: 'hardware' | 'software' | 'insecure' | 'missing' | 'blocked'
  /** One sentence without its full stop, as errors have it. */
  readonly what: string
  /** What the person may do about it; undefined for `hardware`. */
  readonly toDo: string | undefined
  /** Name of the adapter, where there is one. */
  readonly adapter?: string
}

export interface Found {
  readonly support: Support
  readonly adapter?: GPUAdapter
}

/** Asks this page's or worker's browser for an adapter; without options for its fastest. Never rejects. */
export async function findAdapter(
  options: GPURequestAdapterOptions = { powerPreference: 'high-performance' },
): Promise<Found> {
  const scope = globalThis as { navigator?: { gpu?: GPU }; isSecureContext?: boolean }
  const gpu = scope.navigator?.gpu
  if (!gpu) return { support: withoutWebgpu(scope) }
  // A browser that blocks its driver gives null; some reject.
  const adapter = await gpu.requestAdapter(options).catch(() => null)
  return adapter ? { support: supportOf(adapter.info), adapter } : { support: blocked }
}

/** What an adapter is to a person. */
export function supportOf(info: GPUAdapterInfo): Support {
  const name = adapterName(info)
  if (!adapterKind(info).software)
    return { state: 'hardware', what: `this is ${name}`, toDo: undefined, adapter: name }
  return {
    state: 'software',
    what: `only a software adapter is here (${name})`,
    toDo:
      'all works, many times slower than on a GPU: turn on graphics acceleration in the ' +
      "browser's settings or update the driver; chrome://gpu or about:support lists the reason",
    adapter: name,
  }
}

const blocked: Support = {
  state: 'blocked',
  what: 'the browser has WebGPU but gave no adapter',
  toDo: 'its driver may be missing or blocked: see chrome://gpu or about:support',
}

function withoutWebgpu(scope: { isSecureContext?: boolean }): Support {
  // Browsers hide navigator.gpu from pages that came over plain http, so this is asked first.
  if (scope.isSecureContext === false)
    return {
      state: 'insecure',
      what: 'WebGPU needs a secure page, and this one came over plain http',
      toDo: 'open it through https, or through http://localhost or http://127.0.0.1',
    }
  // Node 21 and later have a navigator too, so its absence of a document tells nothing; this does.
  if ('process' in scope)
    return {
      state: 'missing',
      what: 'this is the entry for browsers, and it runs in Node',
      toDo: "import 'atrous' with the 'node' export condition, which Node itself uses",
    }
  return {
    state: 'missing',
    what: 'this browser has no WebGPU',
    toDo:
      'use a current Chrome, Edge, Firefox or Safari; on Linux, Chrome may need ' +
      '--enable-unsafe-webgpu --enable-features=Vulkan',
  }
}

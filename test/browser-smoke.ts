// What browser.test.ts runs inside the page, and a worker of it: no Node in here.

import { listAdapters, openAdapter } from '../engine/adapters/adapter.ts'
import { doubleOnDevice } from './kernel.ts'

export interface Smoke {
  readonly line: string
  readonly kind: string
  readonly doubled: number[]
  readonly adapters: number
}

export async function smoke(): Promise<Smoke> {
  const { device, caps, line } = await openAdapter()
  const doubled = await doubleOnDevice(device)
  device.destroy()
  return { line, kind: caps.kind, doubled, adapters: (await listAdapters()).length }
}

/** The same in a dedicated worker. */
export function smokeInWorker(): Promise<Smoke> {
  const code = `import { smoke } from '${import.meta.url}'
    smoke().then(postMessage, (error) => postMessage(String(error)))`
  const url = URL.createObjectURL(new Blob([code], { type: 'text/javascript' }))
  const worker = new Worker(url, { type: 'module' })
  return new Promise((resolve, reject) => {
    worker.onmessage = ({ data }) => (typeof data === 'string' ? reject(data) : resolve(data))
    worker.onerror = ({ message }) => reject(new Error(message))
  })
}

/** The message of the refusal when the page is told to look like one of those without WebGPU. */
export async function refusal(lacking: 'secure page' | 'webgpu' | 'adapter'): Promise<string> {
  if (lacking === 'adapter') {
    Object.defineProperty(navigator.gpu, 'requestAdapter', { value: async () => null })
  } else {
    Object.defineProperty(navigator, 'gpu', { value: undefined, configurable: true })
  }
  if (lacking === 'secure page')
    Object.defineProperty(globalThis, 'isSecureContext', { value: false })
  return openAdapter().then(
    () => 'opened',
    (error) => String(error),
  )
}

// What lib-support.test.ts runs inside the page, and a worker of it: no Node in here.

import {
  add,
  DeviceLostError,
  openDevice,
  type Support,
  scalar,
  webgpuSupport,
} from '../../engine/index.ts'

export const support = (): Promise<Support> => webgpuSupport()

/** The same in a dedicated worker. */
export function supportInWorker(): Promise<Support> {
  const code = `import { support } from '${import.meta.url}'
    support().then(postMessage, (error) => postMessage(String(error)))`
  const url = URL.createObjectURL(new Blob([code], { type: 'text/javascript' }))
  const worker = new Worker(url, { type: 'module' })
  return new Promise((resolve, reject) => {
    worker.onmessage = ({ data }) => (typeof data === 'string' ? reject(data) : resolve(data))
    worker.onerror = ({ message }) => reject(new Error(message))
  })
}

export type Lacking = 'secure page' | 'webgpu' | 'adapter' | 'adapter, loudly'

/** What is said when the page is told to look like one of those without WebGPU, and what openDevice says then. */
export async function supportWithout(lacking: Lacking) {
  const requestAdapter = async () => {
    if (lacking === 'adapter') return null
    throw new DOMException('the driver is on a list', 'OperationError')
  }
  if (lacking.startsWith('adapter'))
    Object.defineProperty(navigator.gpu, 'requestAdapter', { value: requestAdapter })
  else Object.defineProperty(navigator, 'gpu', { value: undefined, configurable: true })
  if (lacking === 'secure page')
    Object.defineProperty(globalThis, 'isSecureContext', { value: false })
  const refused = await openDevice().then(
    () => 'opened',
    (error) => error.message,
  )
  return { support: await webgpuSupport(), refused }
}

/** What a device that is destroyed under the page says, at once and from then on; and that a closed one says nothing. */
export async function loseDevice() {
  const device = await openDevice()
  device.gpu.destroy()
  const lost = await device.lost
  const thrown = await device.read(add(scalar(1), 2)).catch((error) => error)
  const closed = await openDevice()
  closed.close()
  await closed.gpu.lost
  const waited = new Promise((resolve) => setTimeout(() => resolve('nothing'), 50))
  return {
    isError: lost instanceof DeviceLostError,
    message: lost.message,
    hint: lost.hint,
    isThrown: thrown === lost,
    saidByClosed: await Promise.race([closed.lost, waited]),
    warnings: device.warnings,
    unwarned: (await openDevice({ adapter: 'swiftshader' })).warnings,
  }
}

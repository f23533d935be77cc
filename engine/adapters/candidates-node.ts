// What `doctor` shows: every adapter that could be used here, in the order of preference, and why
// each is used, kept in reserve or passed over.

import { lavapipeCommand } from './lavapipe-node.ts'
import type { AdapterCandidate } from './platform.ts'
import { embeddedPresent, embeddedSupported } from './swiftshader-node.ts'
import { systemLoader, vulkanDevices } from './vulkan-node.ts'

/** An adapter as Dawn lists it. */
export interface DawnAdapter {
  readonly backend: string
  readonly name: string
}

/**
 * Orders and explains what was found: `accepted` is Dawn's list, of which it gives out `preferred`;
 * the Vulkan devices that are not in it were refused.
 */
export async function explainCandidates(
  accepted: readonly DawnAdapter[],
  preferred: string | undefined,
): Promise<AdapterCandidate[]> {
  const list = [...(await noLoader()), ...installed(accepted, preferred)]
  for (const device of await vulkanDevices()) {
    if (!accepted.some((a) => a.backend === 'vulkan' && a.name === device.name)) {
      list.push({ name: device.name, source: 'vulkan', ...refused(device.name) })
    }
  }
  return [...list, embedded(preferred === undefined)]
}

function installed(
  accepted: readonly DawnAdapter[],
  preferred: string | undefined,
): AdapterCandidate[] {
  const at = accepted.findIndex(({ name }) => name === preferred)
  const used = accepted.slice(at, at + 1)
  return [...used, ...accepted.toSpliced(at, 1)].map(({ name, backend }, i) =>
    i === 0
      ? { name, source: backend, status: 'used', reason: 'the fastest by its kind' }
      : { name, source: backend, status: 'available', reason: 'another is preferred' },
  )
}

async function noLoader(): Promise<AdapterCandidate[]> {
  if (process.platform !== 'linux' || (await systemLoader())) return []
  const reason = `no Vulkan loader (libvulkan.so.1) is installed; ${lavapipeCommand()}`
  return [{ name: 'installed Vulkan drivers', source: 'vulkan', status: 'passed over', reason }]
}

function refused(name: string): Pick<AdapterCandidate, 'status' | 'reason'> {
  const reason = /llvmpipe/.test(name)
    ? `Dawn refuses it: lavapipe is accepted from Mesa 23 on; ${lavapipeCommand()}`
    : 'Dawn refuses it: the driver is too old or lacks something that WebGPU needs'
  return { status: 'passed over', reason }
}

function embedded(needed: boolean): AdapterCandidate {
  const name = 'SwiftShader'
  const source = 'embedded'
  if (!embeddedSupported()) {
    return { name, source, status: 'passed over', reason: 'packed for Linux on x64 only' }
  }
  const where = embeddedPresent() ? 'unpacked in the cache folder' : 'fetched on first need (66 MB)'
  return needed
    ? { name, source, status: 'used', reason: `nothing else was accepted; ${where}` }
    : { name, source, status: 'available', reason: `slower than what is installed; ${where}` }
}

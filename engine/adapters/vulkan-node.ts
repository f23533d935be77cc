// The system's Vulkan, asked directly: is there a loader, and which devices do its drivers offer?
// Dawn tells only of the devices that it accepts, so `doctor` asks here for the others.

import type { LibraryHandle } from 'koffi'

const loaderName: Partial<Record<NodeJS.Platform, string>> = {
  linux: 'libvulkan.so.1',
  win32: 'vulkan-1.dll',
}

// A library is unloaded when its handle is collected; these stay.
const loaded: LibraryHandle[] = []

/** Loads a library for good, so that Dawn's own request for the same name finds it. */
export async function loadGlobal(path: string): Promise<void> {
  const { default: koffi } = await import('koffi')
  loaded.push(koffi.load(path, { global: true }))
}

let system: LibraryHandle | null | undefined

/** The system's Vulkan loader, or `null` where none was installed when this was first asked. */
export async function systemLoader(): Promise<LibraryHandle | null> {
  if (system === undefined) system = await findLoader()
  return system
}

async function findLoader(): Promise<LibraryHandle | null> {
  const name = loaderName[process.platform]
  if (!name) return null
  const { default: koffi } = await import('koffi')
  try {
    return koffi.load(name)
  } catch {
    return null
  }
}

export interface VulkanDevice {
  readonly name: string
  readonly software: boolean
}

// VkPhysicalDeviceProperties is 824 bytes on 64-bit systems: apiVersion, driverVersion, vendorID,
// deviceID, deviceType as u32, then the name in 256 bytes.
const propertiesBytes = 824
const deviceTypeAt = 16
const nameAt = 20
const nameBytes = 256
const deviceTypeCpu = 4
// VkInstanceCreateInfo, 64 bytes of which only the structure type (1) is not zero.
const createInfoBytes = 64
const structureTypeInstance = 1
const maxDevices = 16

/** Every physical device that the system's Vulkan drivers offer; empty without a loader. */
export async function vulkanDevices(): Promise<VulkanDevice[]> {
  const vulkan = await systemLoader()
  if (!vulkan) return []
  const createInstance = vulkan.func('int vkCreateInstance(void *, void *, _Out_ void **)')
  const destroyInstance = vulkan.func('void vkDestroyInstance(void *, void *)')
  const enumerate = vulkan.func(
    'int vkEnumeratePhysicalDevices(void *, _Inout_ uint32_t *, _Out_ void **)',
  )
  const properties = vulkan.func('void vkGetPhysicalDeviceProperties(void *, void *)')
  const info = new Uint8Array(createInfoBytes)
  new DataView(info.buffer).setUint32(0, structureTypeInstance, true)
  const instance: unknown[] = [null]
  if (createInstance(info, null, instance) !== 0) return []
  try {
    const count = [maxDevices]
    const devices: unknown[] = new Array(maxDevices).fill(null)
    if (enumerate(instance[0], count, devices) < 0) return []
    return devices.slice(0, count[0]).map((device) => {
      const bytes = new Uint8Array(propertiesBytes)
      properties(device, bytes)
      return readDevice(bytes)
    })
  } finally {
    destroyInstance(instance[0], null)
  }
}

function readDevice(bytes: Uint8Array): VulkanDevice {
  const field = bytes.subarray(nameAt, nameAt + nameBytes)
  const end = field.indexOf(0)
  return {
    name: new TextDecoder().decode(end < 0 ? field : field.subarray(0, end)),
    software: new DataView(bytes.buffer).getUint32(deviceTypeAt, true) === deviceTypeCpu,
  }
}

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { listAdapters, openAdapter } from '../../engine/adapters/adapter.ts'
import { adapterKind } from '../../engine/adapters/adapter-kind.ts'
import { commandFor } from '../../engine/adapters/lavapipe-node.ts'
import { registerPlatform } from '../../engine/adapters/platform.ts'
import { browserPlatform } from '../../engine/adapters/platform-browser.ts'
import { nodePlatform } from '../../engine/adapters/platform-node.ts'
import { webgpuSupport } from '../../engine/adapters/support.ts'
import { tarEntry } from '../../engine/adapters/tar-node.ts'
import { DeviceError, OptionError } from '../../engine/errors.ts'
import { withEnvironment } from '../environment.ts'
import { skip, test } from '../harness.ts'

registerPlatform(nodePlatform)
const say = () => {}
const storageUsage = 0x80

test('adapter: its caps are the limits of the device and its line names it', async () => {
  const { device, caps, line } = await openAdapter({ say })
  assert.is(caps.maxBindingBytes, device.limits.maxStorageBufferBindingSize)
  assert.is(caps.f16, device.features.has('shader-f16'))
  assert.ok(line.startsWith(caps.name), line)
  device.destroy()
})

test('adapter: default limits have no feature and a binding of 128 MiB', async () => {
  const { device, caps } = await openAdapter({ defaultLimits: true, say })
  assert.is(caps.maxBindingBytes, 128 * 2 ** 20)
  assert.is(caps.maxStorageBuffers, 8)
  assert.is(caps.subgroupSize, 0)
  assert.not(caps.f16 || caps.timestamps)
  device.destroy()
})

test('adapter: an alignment asked for is enforced by WebGPU itself', async () => {
  const { device, caps } = await openAdapter({ alignment: 256, say })
  assert.is(caps.alignment, 256)
  const buffer = device.createBuffer({ size: 1024, usage: storageUsage })
  const layout = device.createBindGroupLayout({
    entries: [{ binding: 0, visibility: 4, buffer: { type: 'storage' } }],
  })
  const resource = { buffer, offset: 128, size: 64 }
  device.pushErrorScope('validation')
  device.createBindGroup({ layout, entries: [{ binding: 0, resource }] })
  assert.match((await device.popErrorScope())?.message ?? '', /alignment/)
  device.destroy()
})

test('adapter: what is here is said without opening it', async () => {
  const { state, what, toDo, adapter } = await webgpuSupport()
  assert.ok(what.includes(adapter ?? ''), what)
  assert.is(toDo === undefined, state === 'hardware')
})

test('adapter: SwiftShader opens beside whatever else is here', async () => {
  if (process.platform !== 'linux' || process.arch !== 'x64') skip('packed for Linux on x64 only')
  const { device, caps } = await openAdapter({ adapter: 'swiftshader', say })
  assert.is(caps.kind, 'swiftshader')
  device.destroy()
})

test('adapter: lavapipe opens by name', async () => {
  const { device, caps } = await openAdapter({ adapter: 'lavapipe', say }).catch((error) =>
    skip(error.message.split('\n')[0], 'adapter'),
  )
  assert.is(caps.kind, 'lavapipe')
  device.destroy()
})

test('adapter: an unknown choice or alignment is refused with the choices', async () => {
  const choice = 'cpu' as 'lavapipe'
  assert.instance(await refusal(openAdapter({ adapter: choice })), OptionError)
  assert.match(String(await refusal(openAdapter({ adapter: choice }))), /hardware, lavapipe/)
  assert.match(String(await refusal(openAdapter({ alignment: 100 }))), /100 is not one of/)
})

test('adapter: the list has one in use and a reason for each', async () => {
  const list = await listAdapters()
  assert.is(list.filter(({ status }) => status === 'used').length, 1)
  assert.ok(list.every(({ reason }) => reason.length > 0))
})

test('adapter: without npm the embedded driver says what to do', async () => {
  if (process.platform !== 'linux' || process.arch !== 'x64') skip('packed for Linux on x64 only')
  const cache = await mkdtemp(join(tmpdir(), 'atrous-'))
  const npm = { XDG_CACHE_HOME: cache, PATH: cache, npm_execpath: undefined }
  const error = await withEnvironment(npm, () => refusal(fetchEmbedded()))
  await rm(cache, { recursive: true })
  assert.instance(error, DeviceError)
  assert.match(String(error), /npm was not found/)
  assert.match(String(error), /hint: .*install/)
})

test('adapter: the entry for browsers says so in Node', async () => {
  const error = await refusal(browserPlatform.requestAdapter({ choice: undefined, say }))
  assert.match(String(error), /entry for browsers/)
})

test('adapter: in a browser the fastest one is asked for, by whoever asks', async () => {
  const asked: unknown[] = []
  const requestAdapter = async (options: unknown) => {
    asked.push(options)
    return null
  }
  const own = Object.getOwnPropertyDescriptor(globalThis, 'navigator')
  Object.defineProperty(globalThis, 'navigator', {
    value: { gpu: { requestAdapter } },
    configurable: true,
  })
  registerPlatform(browserPlatform)
  try {
    assert.is((await webgpuSupport()).state, 'blocked')
    await refusal(browserPlatform.requestAdapter({ choice: undefined, say }))
    await browserPlatform.listAdapters()
  } finally {
    registerPlatform(nodePlatform)
    if (own) Object.defineProperty(globalThis, 'navigator', own)
    else Reflect.deleteProperty(globalThis, 'navigator')
  }
  assert.equal(asked, Array(3).fill({ powerPreference: 'high-performance' }))
})

test('adapter: kinds are told apart by vendor and name', () => {
  const kind = (vendor: string, description: string, isFallbackAdapter = false) => {
    const info = { vendor, architecture: '', device: '', description, isFallbackAdapter }
    return Object.values(adapterKind(info)).join(' ')
  }
  assert.is(kind('nvidia', 'NVIDIA H200'), 'discrete false')
  assert.is(kind('amd', 'AMD Radeon RX 6900 XT'), 'discrete false')
  assert.is(kind('amd', 'AMD Radeon Graphics (RADV RENOIR)'), 'integrated false')
  assert.is(kind('intel', 'Intel(R) UHD Graphics 620'), 'integrated false')
  assert.is(kind('intel', 'Intel(R) Arc(TM) A770 Graphics'), 'discrete false')
  assert.is(kind('apple', 'Apple M1 Max'), 'integrated false')
  assert.is(kind('mesa', 'llvmpipe: Mesa 25.0.7'), 'lavapipe true')
  assert.is(kind('google', 'SwiftShader driver 5.0.0'), 'swiftshader true')
  assert.is(kind('microsoft', 'Microsoft Basic Render Driver'), 'unknown true')
})

test('adapter: the line that installs lavapipe fits the system', () => {
  assert.match(commandFor('ID=debian\nVERSION_CODENAME=bookworm\n'), /-t bookworm-backports mesa/)
  assert.is(
    commandFor('ID=ubuntu\nID_LIKE=debian\nVERSION_CODENAME=noble\n'),
    'sudo apt-get install mesa-vulkan-drivers libvulkan1',
  )
  assert.match(commandFor('ID=fedora\n'), /dnf/)
})

test('tar: finds a file behind another and refuses a truncated archive', () => {
  const archive = new Uint8Array([...tarFile('a', [1, 2, 3]), ...tarFile('b/c', [4, 5])])
  assert.equal([...(tarEntry(archive, 'b/c') ?? [])], [4, 5])
  assert.is(tarEntry(archive, 'd'), undefined)
  assert.is(tarEntry(archive.subarray(0, 1537), 'b/c'), undefined)
})

function tarFile(name: string, bytes: number[]): Uint8Array {
  const block = new Uint8Array(1024)
  const write = (text: string, at: number) => block.set(new TextEncoder().encode(text), at)
  write(name, 0)
  write(bytes.length.toString(8).padStart(11, '0'), 124)
  write('ustar', 257)
  block.set(bytes, 512)
  return block
}

async function fetchEmbedded(): Promise<unknown> {
  const { embeddedDriver } = await import('../../engine/adapters/swiftshader-node.ts')
  return embeddedDriver(say)
}

function refusal(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (error) => error,
  )
}

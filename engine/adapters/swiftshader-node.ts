// The adapter of last resort: SwiftShader and its own Vulkan loader, as packed for Linux on x64 in
// an npm package. It is fetched on first need, because that package is 66 MB and most people never
// need it, and only the 3.5 MB that matter are unpacked into the user's cache folder.
//
// The finished folder appears by one rename: whoever sees it sees it whole, two processes at once
// do the work twice and keep one result, and a kill half-way leaves a temporary folder that a later
// run removes.

import { execFile } from 'node:child_process'
import { createHash, randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { brotliDecompressSync, gunzipSync } from 'node:zlib'
import { DeviceError } from '../errors.ts'
import { cacheFolder } from './cache-node.ts'
import { lavapipeCommand } from './lavapipe-node.ts'
import { tarEntry } from './tar-node.ts'

// The last version that accepts Node 20; its contents are pinned, whatever a registry says.
const version = '147.0.0'
const spec = `@sparticuz/chromium@${version}`
const archive = 'package/bin/swiftshader.tar.br'
const archiveSha256 = 'f957ea867313f9815b71dc2ed30cce301e01db4f3973fbdb31ffa5391b0ec45a'
const wanted = ['libvulkan.so.1', 'libvk_swiftshader.so', 'vk_swiftshader_icd.json']

const folderName = `swiftshader-${version}`
const staleAfterMs = 60 * 60 * 1000

export interface EmbeddedDriver {
  /** Full path of the Vulkan loader that came with the driver. */
  readonly loader: string
  /** Full path of the manifest that tells a Vulkan loader of the driver. */
  readonly manifest: string
}

/** Whether the embedded driver runs on this system at all. */
export function embeddedSupported(): boolean {
  return process.platform === 'linux' && process.arch === 'x64'
}

/** Whether it has been unpacked already, so that using it downloads nothing. */
export function embeddedPresent(): boolean {
  return existsSync(join(cacheFolder(), folderName))
}

/** The embedded driver, fetched first where needed; `say` gets one sentence before a download. */
export async function embeddedDriver(say: (sentence: string) => void): Promise<EmbeddedDriver> {
  const folder = join(cacheFolder(), folderName)
  if (!existsSync(folder)) await install(folder, say)
  return { loader: join(folder, wanted[0]), manifest: join(folder, wanted[2]) }
}

async function install(folder: string, say: (sentence: string) => void): Promise<void> {
  const temporary = `${folder}.tmp-${randomUUID()}`
  await makeFolder(temporary)
  try {
    say(`Fetching the software GPU driver (${spec}, 66 MB, once) into ${folder}`)
    const files = await fetchFiles(temporary)
    await rm(temporary, { recursive: true })
    await mkdir(temporary)
    for (const [name, bytes] of files) await writeFile(join(temporary, name), bytes)
    await rename(temporary, folder).catch((error) => {
      if (!existsSync(folder)) throw error
    })
  } finally {
    await rm(temporary, { recursive: true, force: true })
  }
  await removeStale(dirname(folder))
}

async function makeFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true })
  } catch (error) {
    throw new DeviceError(
      `the cache folder cannot be written (${(error as Error).message})`,
      'set XDG_CACHE_HOME to a folder that can',
    )
  }
}

async function fetchFiles(temporary: string): Promise<[string, Uint8Array][]> {
  await npmPack(temporary)
  const tarball = (await readdir(temporary)).find((name) => name.endsWith('.tgz'))
  if (!tarball) throw broken('npm left no package')
  const packed = tarEntry(gunzipSync(await readFile(join(temporary, tarball))), archive)
  if (!packed) throw broken(`it has no ${archive}`)
  if (createHash('sha256').update(packed).digest('hex') !== archiveSha256) {
    throw broken(`${archive} is not the file that was tried`)
  }
  const drivers = brotliDecompressSync(packed)
  return wanted.map((name) => {
    const bytes = tarEntry(drivers, name)
    if (!bytes) throw broken(`it has no ${name}`)
    return [name, bytes]
  })
}

function broken(problem: string): DeviceError {
  return new DeviceError(
    `${spec}: ${problem}`,
    'try again, or install a Vulkan driver, such as the package mesa-vulkan-drivers',
  )
}

async function npmPack(folder: string): Promise<void> {
  const args = ['pack', spec, '--pack-destination', folder, '--loglevel=error', '--ignore-scripts']
  // Under `npm start` the running npm is known by path; elsewhere it is found on the PATH.
  const npm = process.env['npm_execpath']
  const underNpm = npm?.endsWith('.js') === true && npm.includes('npm-cli')
  const command = underNpm ? process.execPath : 'npm'
  try {
    await promisify(execFile)(command, underNpm ? [npm, ...args] : args, { cwd: folder })
  } catch (error) {
    const { code, stderr } = error as { code?: unknown; stderr?: string }
    const why = code === 'ENOENT' ? 'npm was not found' : lastLine(stderr) || `npm said ${code}`
    throw new DeviceError(
      `no GPU driver is here, and the software driver could not be fetched: ${why}`,
      `connect to the npm registry once, or install a Vulkan driver: ${lavapipeCommand()}`,
    )
  }
}

function lastLine(text: string | undefined): string {
  const lines = (text ?? '').split('\n').filter((line) => /npm (error|ERR!)/.test(line))
  return (lines.find((line) => !/ code | A complete log/.test(line)) ?? '').trim()
}

async function removeStale(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (!name.startsWith(`${folderName}.tmp-`)) continue
    const path = join(folder, name)
    const age = await stat(path)
      .then((s) => Date.now() - s.mtimeMs)
      .catch(() => 0)
    if (age > staleAfterMs) await rm(path, { recursive: true, force: true })
  }
}

// The built files in a real browser: serves the repository's dist folder on this machine alone and
// opens headless Chromium with a software adapter, the same on every machine.

import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { dirname, extname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'
import { chromium, type Page } from 'playwright-core'
import { allowSeconds, closeIfLate, skip } from './harness.ts'

const dist = join(dirname(fileURLToPath(import.meta.url)), '..')

const installed = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  'C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe',
]

const chromiumFlags = [
  '--enable-unsafe-webgpu',
  '--use-webgpu-adapter=swiftshader',
  '--enable-unsafe-swiftshader',
  // Without a GPU, a canvas of WebGPU ends the browser's GPU process unless the page itself is drawn by Vulkan too.
  '--use-gl=angle',
  '--use-angle=swiftshader',
  '--enable-features=Vulkan',
  '--use-vulkan=swiftshader',
  // A container has neither the user namespaces nor the GPU devices that the sandboxes need.
  '--no-sandbox',
  '--disable-gpu-sandbox',
  '--disable-dev-shm-usage',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--no-first-run',
]

export interface Browser {
  /** A page of this origin; everything in dist is importable in it from `/`. */
  readonly page: Page
  /** What the page wrote to its console as errors, and its uncaught exceptions. */
  readonly errors: readonly string[]
  close(): Promise<void>
}

export interface BrowserOptions {
  /** What is served at `/`; default dist, with an empty page. */
  readonly folder?: string
  /** Opened at first, as `index.html#train`; default the folder itself. */
  readonly path?: string
  /** Size of the window, in CSS pixels. */
  readonly width?: number
  readonly height?: number
  /** Told of every address that the page asks for. */
  readonly onRequest?: (url: string) => void
}

/** Opens a page, blank if nothing else is said, or skips the running test where no Chromium is installed. */
export async function openBrowser(options: BrowserOptions = {}): Promise<Browser> {
  const executablePath = process.env['CHROMIUM'] ?? installed.find((path) => existsSync(path))
  if (!executablePath) skip('no Chromium is installed; CHROMIUM may name one', 'browser')
  // A page's shaders are compiled on the processor.
  allowSeconds(300)
  const server = await serve(options.folder)
  const browser = await chromium.launch({ executablePath, headless: true, args: chromiumFlags })
  const close = async () => {
    keep()
    await browser.close()
    server.close()
  }
  const keep = closeIfLate(close)
  const { width = 1280, height = 800 } = options
  const page = await browser.newPage({ viewport: { width, height } })
  const errors: string[] = []
  page.on('pageerror', (error) => errors.push(error.message))
  page.on('console', (message) => {
    if (message.type() === 'error') errors.push(message.text())
  })
  page.on('request', (request) => options.onRequest?.(request.url()))
  await page.goto(server.url + (options.path ?? ''))
  return { page, errors, close }
}

/**
 * Imports a module of dist in the page, calls its function `name` with `argument`, and returns
 * what it resolves to; both must be plain data.
 */
export function callInPage<T>(
  { page }: Browser,
  module: string,
  name: string,
  argument?: unknown,
): Promise<T> {
  // As text, since the compiler would wrap a computed import in a helper that no page has.
  const [path, key, data] = [`/${module}`, name, argument ?? null].map((x) => JSON.stringify(x))
  return page.evaluate(`import(${path}).then((imported) => imported[${key}](${data}))`)
}

const types: Record<string, string> = {
  '.js': 'text/javascript',
  '.html': 'text/html',
  '.json': 'application/json',
  '.css': 'text/css',
}

/** Serves a folder on a free port of 127.0.0.1, dist with an empty page at `/` if nothing else is said. */
export async function serve(folder = dist): Promise<{ url: string; close: () => void }> {
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost')
    if (pathname === '/' && folder === dist) {
      response.writeHead(200, { 'content-type': 'text/html' })
      return response.end('<!doctype html><link rel="icon" href="data:,"><title>atrous</title>')
    }
    const path = join(folder, normalize(decodeURIComponent(pathname)))
    try {
      const body = await readFile(path)
      response.writeHead(200, { 'content-type': types[extname(path)] ?? 'text/plain' })
      response.end(body)
    } catch {
      response.writeHead(404).end(`${pathname} is not there`)
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const close = () => {
    server.closeAllConnections()
    server.close()
  }
  return { url: `http://127.0.0.1:${port}/`, close }
}

// What browsers get: nothing of Node, and no more bytes than these.

import { existsSync } from 'node:fs'
import { builtinModules } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { type BuildOptions, type BuildResult, build } from 'esbuild'
import * as assert from 'uvu/assert'
import { skip, test } from './harness.ts'

const dist = join(dirname(fileURLToPath(import.meta.url)), '..')
const nodeOnly = [...builtinModules, 'node:*', 'webgpu', 'koffi', 'sharp']

/** KiB, minified and gzipped, of everything that an entry reaches. A change that needs more says why, and raises it. */
const entries = { engine: 140, nn: 74, models: 79, train: 211, 'train/report': 10 }

/** The same of engine, networks and training together. */
const whole = 278

/** KiB that a page waits for before it starts: a program and what it imports, without what is loaded on demand. */
const programs = {
  'a device, opened': {
    most: 68,
    code: `import { openDevice } from './engine/index.js'
      console.log(openDevice)`,
  },
  'a network of one’s own, trained': {
    most: 104,
    code: `import { hostTensor, openDevice, relu } from './engine/index.js'
      import { BatchNorm2d, Conv2d, crossEntropy, Module, predict } from './nn/index.js'
      import { Adam } from './train/index.js'
      console.log(hostTensor, openDevice, relu, BatchNorm2d, Conv2d, crossEntropy, Module, predict, Adam)`,
  },
  'the training loop of the README': {
    most: 138,
    code: `import { hostTensor, openDevice } from './engine/index.js'
      import { frrnA } from './models/index.js'
      import { bootstrappedCrossEntropy } from './nn/index.js'
      import { Adam, DataLoader, streetScenes } from './train/index.js'
      console.log(hostTensor, openDevice, frrnA, bootstrappedCrossEntropy, Adam, DataLoader, streetScenes)`,
  },
}

for (const [room, most] of Object.entries(entries)) {
  test(`bundle: no Node module is reachable from ${room}, and it has at most ${most} KiB`, async () => {
    const entry = join(dist, ...room.split('/'), 'index.js')
    if (!existsSync(entry)) skip(`${room} has no entry yet`)
    const result = await bundle({ entryPoints: [entry] })
    assert.equal(nodeImports(result), [])
    within(room, gzipped(result), most)
  })
}

test(`bundle: all of it together has at most ${whole} KiB`, async () => {
  const rooms = ['engine', 'nn', 'models', 'train']
  const lines = rooms.map((room) => `export * as ${room} from './${room}/index.js'`)
  within('all', gzipped(await bundle(program(lines.join('\n')))), whole)
})

for (const [name, { code, most }] of Object.entries(programs)) {
  test(`bundle: ${name}, starts with at most ${most} KiB`, async () => {
    const result = await bundle({ ...program(code), splitting: true })
    within(name, gzipped(result, startOf(result)), most)
  })
}

test('bundle: a Node module that is reachable is found, dynamic imports too', async () => {
  const result = await bundle({
    entryPoints: [join(dist, 'engine', 'adapters', 'platform-node.js')],
  })
  const found = nodeImports(result).map((text) => text.replace(/ from .*/, ''))
  assert.ok(found.includes('node:fs') && found.includes('webgpu'), found.join())
})

test('bundle: minified, errors are called what they are called', async () => {
  const { outputFiles } = await bundle(program(`export * from './engine/errors.js'`))
  const code = Buffer.from(outputFiles[0].contents).toString('base64')
  const classes = (await import(`data:text/javascript;base64,${code}`)) as Record<
    string,
    new (
      ...args: unknown[]
    ) => Error
  >
  const names = Object.keys(classes).filter((name) => name !== 'AtrousError')
  assert.ok(names.length >= 8)
  for (const name of names) assert.is(new classes[name]('a', 'b', [], '').name, name)
})

type Bundled = BuildResult<{ write: false; metafile: true }>

const program = (code: string) => ({
  stdin: { contents: code, resolveDir: dist, sourcefile: 'program.js' },
})

function bundle(what: BuildOptions): Promise<Bundled> {
  return build({
    ...what,
    bundle: true,
    format: 'esm',
    platform: 'browser',
    external: nodeOnly,
    minify: true,
    write: false,
    metafile: true,
    outdir: 'bundled',
  })
}

/** Bytes of some of the files, or of all, as a server would send each. */
function gzipped({ metafile, outputFiles }: Bundled, only = Object.keys(metafile.outputs)): number {
  const wanted = outputFiles.filter((file) => only.some((name) => file.path.endsWith(own(name))))
  assert.is(wanted.length, only.length)
  return wanted.reduce((n, { contents }) => n + gzipSync(contents, { level: 9 }).length, 0)
}

const own = (path: string) => path.slice(path.lastIndexOf('/'))

/** The program's file, and those that it imports statically, directly or not. */
function startOf({ metafile: { outputs } }: Bundled): string[] {
  const found = new Set<string>()
  const add = (file: string) => {
    if (found.has(file)) return
    found.add(file)
    for (const { path, kind } of outputs[file].imports)
      if (kind === 'import-statement' && path in outputs) add(path)
  }
  add(Object.keys(outputs).find((file) => outputs[file].entryPoint?.includes('program.js'))!)
  return [...found]
}

function nodeImports({ metafile }: Bundled): string[] {
  return Object.entries(metafile.inputs).flatMap(([file, { imports }]) =>
    imports.filter(({ external }) => external).map(({ path }) => `${path} from ${file}`),
  )
}

function within(what: string, bytes: number, most: number): void {
  const kib = bytes / 1024
  process.stdout.write(`${what} ${kib.toFixed(1)} KiB `)
  assert.ok(kib <= most, `${what} has ${kib.toFixed(1)} KiB, and its budget is ${most}`)
}

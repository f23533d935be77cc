import { existsSync } from 'node:fs'
import { builtinModules } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'
import * as assert from 'uvu/assert'
import { skip, test } from './harness.ts'

const dist = join(dirname(fileURLToPath(import.meta.url)), '..')
const nodeOnly = [...builtinModules, 'node:*', 'webgpu', 'koffi', 'sharp']

for (const room of ['engine', 'nn', 'models', 'train']) {
  test(`bundle: no Node module is reachable from ${room}`, async () => {
    const entry = join(dist, room, 'index.js')
    if (!existsSync(entry)) skip(`${room} has no entry yet`)
    const { size, nodeImports } = await bundle(entry)
    assert.equal(nodeImports, [])
    process.stdout.write(`${room} ${(size / 1024).toFixed(1)} KiB gzipped `)
  })
}

test('bundle: a Node module that is reachable is found, dynamic imports too', async () => {
  const { nodeImports } = await bundle(join(dist, 'engine', 'platform-node.js'))
  const found = nodeImports.map((text) => text.replace(/ from .*/, ''))
  assert.ok(found.includes('node:fs') && found.includes('webgpu'), found.join())
})

/** Minified and gzipped bytes of everything that `entry` reaches, and what of it is Node's. */
async function bundle(entry: string): Promise<{ size: number; nodeImports: string[] }> {
  const { outputFiles, metafile } = await build({
    entryPoints: [entry],
    bundle: true,
    format: 'esm',
    platform: 'browser',
    external: nodeOnly,
    minify: true,
    write: false,
    metafile: true,
  })
  const nodeImports = Object.entries(metafile.inputs).flatMap(([file, { imports }]) =>
    imports.filter(({ external }) => external).map(({ path }) => `${path} from ${file}`),
  )
  return { size: gzipSync(outputFiles[0].contents).length, nodeImports }
}

// The peers, at the versions that were compared, installed into the user's cache folder and only for this command.

import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { build } from 'esbuild'
import { cacheFolder } from '../../engine/adapters/cache-node.ts'

export const peers = {
  tfjs: {
    version: '4.22.0',
    packages: [
      '@tensorflow/tfjs-core',
      '@tensorflow/tfjs-backend-cpu',
      '@tensorflow/tfjs-backend-webgpu',
    ],
  },
  jax: { version: '0.1.25', packages: ['@jax-js/jax'] },
  ort: { version: '1.30.0', packages: ['onnxruntime-web'] },
} as const

/** tfjs in one file with its gradients, which its packages for Node leave out. */
export const tfjsBundle = 'tfjs.cjs'
const tfjsEntry = `
  export * from '@tensorflow/tfjs-core'
  import '@tensorflow/tfjs-core/dist/register_all_gradients'
  import '@tensorflow/tfjs-backend-webgpu'
`

/** A folder whose node_modules holds the peers. Downloads about 60 MB once. */
export async function installPeers(): Promise<string> {
  const wanted = Object.values(peers).flatMap(({ packages, version }) =>
    packages.map((name) => `${name}@${version}`),
  )
  const folder = join(cacheFolder(), 'peers')
  const stamp = join(folder, wanted.join(' ').replaceAll('/', '_'))
  if (existsSync(stamp)) return folder
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, 'package.json'), '{ "private": true }\n')
  console.error(`Installing the peers into ${folder} (once) …`)
  const quiet = ['--no-audit', '--no-fund', '--loglevel=error']
  const shell = process.platform === 'win32'
  await promisify(execFile)('npm', ['install', ...quiet, '--prefix', folder, ...wanted], {
    cwd: folder,
    shell,
  })
  await build({
    stdin: { contents: tfjsEntry, resolveDir: folder },
    ...{ bundle: true, platform: 'node', mainFields: ['module', 'main'], logLevel: 'error' },
    outfile: join(folder, tfjsBundle),
  })
  await writeFile(stamp, '')
  return folder
}

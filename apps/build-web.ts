// The pages as a static folder: one script for the shell, one a page, one a worker, one style sheet. Addresses are all
// relative, so that the folder works from any path; nothing in it asks for anything outside of it.
//   node dist/apps/build-web.js [FOLDER] [--serve [PORT]]

import { cp, mkdir, readdir, rm } from 'node:fs/promises'
import { dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type BuildOptions, build, context } from 'esbuild'
import { OptionError } from '../engine/errors.ts'
import { ruleTextsPlugin } from './rule-texts-plugin.ts'

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..')
const source = join(root, 'apps', 'web')

/** Builds the pages into `folder`, replacing those that are there. Throws OptionError where it holds anything else, and what the bundler
 * says. */
export async function buildWeb(folder: string): Promise<void> {
  const there: readonly string[] = await readdir(folder).catch(() => [])
  if (there.length && !(there.includes('index.html') && there.includes('app.js')))
    throw new OptionError(
      `${folder} holds files that are no pages of this`,
      'name an empty folder, or one that is not there yet',
    )
  await rm(folder, { recursive: true, force: true })
  await build(await options(folder, true))
  await copyPage(folder)
}

/** Every worker is an entry of its own, `train/worker.ts` as `train-worker.js`: see `ui/start-worker.ts`. */
async function options(folder: string, minify: boolean): Promise<BuildOptions> {
  const files = await readdir(source, { recursive: true })
  const workers = files.filter((name) => /[\\/]worker\.ts$/.test(name))
  const entries = workers.map((name) => ({
    in: join(source, name),
    out: `${dirname(name)}-worker`,
  }))
  return {
    entryPoints: [
      { in: join(source, 'app.tsx'), out: 'app' },
      { in: join(source, 'app.css'), out: 'app' },
      ...entries,
    ],
    outdir: folder,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2023',
    jsx: 'automatic',
    jsxImportSource: 'preact',
    chunkNames: 'parts/[name]-[hash]',
    minify,
    sourcemap: minify ? false : 'linked',
    logLevel: 'warning',
    plugins: [ruleTextsPlugin],
  }
}

async function copyPage(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true })
  await cp(join(source, 'index.html'), join(folder, 'index.html'))
}

/** Builds again at every change, and serves the folder on this machine alone until the process is ended. */
async function serveWeb(folder: string, port: number): Promise<void> {
  const watched = await context(await options(folder, false))
  await watched.watch()
  await copyPage(folder)
  const served = await watched.serve({ servedir: folder, host: '127.0.0.1', port })
  console.log(`http://127.0.0.1:${served.port}/  (Ctrl-C ends it)`)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const args = process.argv.slice(2)
  const serve = args.includes('--serve')
  const folder = resolve(args.find((text) => !/^--|^\d+$/.test(text)) ?? join(root, 'dist', 'web'))
  if (serve) {
    await serveWeb(folder, Number(args.find((text) => /^\d+$/.test(text)) ?? 8000))
  } else {
    await buildWeb(folder)
    console.log(
      `${relative(process.cwd(), folder) || '.'}: a static folder; serve it from anywhere`,
    )
  }
}

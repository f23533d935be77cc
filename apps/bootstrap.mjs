// What `npm start`, `npm test`, `npm run atrous`, `npm pack` and the like run, on a machine where
// nothing is installed or built yet. Plain JavaScript without dependencies: installs once, builds
// what changed, and then becomes the program, in this very process, so that Ctrl-C and the exit code
// need no forwarding.

import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const sourceFolders = ['engine', 'shaders', 'nn', 'models', 'train', 'bench', 'test', 'apps']
const couldNotRun = 2

async function main(task, rest) {
  checkNode()
  await installOnce()
  await buildIfChanged()
  if (task === 'prepack') return removeOrphans()
  if (task === 'test') return become('dist/test/run.js', rest)
  if (task === 'goldens') return become('dist/test/goldens/main.js', rest)
  if (task === 'fuzz') return become('dist/test/fuzz/main.js', rest)
  if (task === 'bench:peers') return become('dist/bench/peers.js', rest)
  if (task === 'bench') return become('dist/bench/main.js', rest)
  if (task === 'build:web') return become('dist/apps/build-web.js', rest)
  if (task === 'web') return become('dist/apps/build-web.js', ['--serve', ...rest])
  if (task === 'start') return become('dist/apps/cli/main.js', ['start', ...rest])
  return become('dist/apps/cli/main.js', rest)
}

class Failure extends Error {}

function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major > 20 || (major === 20 && minor >= 11)) return
  throw new Failure(`atrous needs Node 20.11 or newer, and this is ${process.versions.node}`)
}

// ---- installing

async function installOnce() {
  const lock = await readFile(join(root, 'package-lock.json'), 'utf8')
  const wanted = createHash('sha256').update(lock).digest('hex')
  const stamp = join(root, 'node_modules', '.atrous-installed')
  if ((await readOr(stamp, '')) === wanted) return
  if (!(await installedByHand(JSON.parse(lock)))) {
    console.error('Installing dependencies (once) …')
    const code = await run(...npm(), 'ci', '--no-audit', '--no-fund', '--loglevel=error')
    if (code !== 0) {
      throw new Failure(
        `npm ci failed (${code}); see its message above. It needs the npm registry, once, and a ` +
          `writable ${join(root, 'node_modules')}`,
      )
    }
  }
  await writeFile(stamp, wanted)
}

/** Whether npm's own record in node_modules already has each required package of the lock. */
async function installedByHand(lock) {
  const record = await readOr(join(root, 'node_modules', '.package-lock.json'), '{}')
  const there = JSON.parse(record).packages ?? {}
  return Object.entries(lock.packages).every(([path, { version, optional }]) => {
    return path === '' || optional || there[path]?.version === version
  })
}

/** npm as a command: the one that runs this, by path, or else the one on the PATH. */
function npm() {
  const path = process.env.npm_execpath
  if (path?.endsWith('npm-cli.js')) return [process.execPath, path]
  return ['npm']
}

// ---- building

async function buildIfChanged() {
  const wanted = await sourcesDigest()
  const stamp = join(root, 'dist', '.atrous-built')
  if ((await readOr(stamp, '')) === wanted) return
  console.error('Building …')
  await rm(stamp, { force: true })
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
  const code = await run(process.execPath, tsc, '-p', root)
  if (code !== 0) throw new Failure(`the build failed (${code}); the messages above say where`)
  await removeOrphans()
  await writeFile(stamp, wanted)
}

/** Changes with any source file's path, size or time, and with the compiler and its settings. */
async function sourcesDigest() {
  const files = [join(root, 'tsconfig.json'), join(root, 'package-lock.json')]
  for (const folder of sourceFolders)
    files.push(...(await filesBelow(join(root, folder), /\.tsx?$/)))
  const digest = createHash('sha256')
  for (const file of files) {
    const { size, mtimeMs } = await stat(file)
    digest.update(`${relative(root, file)} ${size} ${mtimeMs}\n`)
  }
  return digest.digest('hex')
}

/** What was built from a source that is gone, such as a renamed test, must not be run again. */
async function removeOrphans() {
  // The pages are built into dist, too, from no file of the same name.
  for (const folder of sourceFolders)
    for (const file of await filesBelow(join(root, 'dist', folder), /\.js$/)) {
      const source = join(root, relative(join(root, 'dist'), file)).replace(/\.js$/, '.ts')
      if (existsSync(source) || existsSync(`${source}x`)) continue
      await rm(file)
      await rm(file.replace(/\.js$/, '.d.ts'), { force: true })
    }
}

// ---- becoming the program

async function become(program, args) {
  const path = join(root, program)
  if (!existsSync(path)) throw new Failure(`${program} is not there after the build`)
  process.argv = [process.execPath, path, ...args]
  await import(pathToFileURL(path).href)
}

// ---- helpers

async function filesBelow(folder, ending) {
  const names = await readdir(folder, { recursive: true }).catch(() => [])
  return names
    .filter((name) => ending.test(name))
    .sort()
    .map((name) => join(folder, name))
}

function readOr(path, otherwise) {
  return readFile(path, 'utf8').catch(() => otherwise)
}

/** Runs a command in the repository with this terminal; its output goes to standard error. */
function run(command, ...args) {
  // Only a shell finds npm.cmd on Windows; the arguments are all ours.
  const shell = process.platform === 'win32' && command === 'npm'
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: root, stdio: ['inherit', 2, 2], shell })
    child.on('error', (error) => reject(new Failure(`${command} did not start: ${error.message}`)))
    child.on('exit', (code, signal) => resolve(signal ?? code))
  })
}

await main(process.argv[2], process.argv.slice(3)).catch((error) => {
  console.error(error instanceof Failure ? error.message : error)
  process.exit(couldNotRun)
})

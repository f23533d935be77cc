// Which code trained a run (Node): the package's version and, in a clone, its commit.

import { execFile } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

export interface CodeVersion {
  /** Of the package; `unknown` where its description is not beside it. */
  readonly version: string
  /** Of the clone that it runs in. */
  readonly commit?: string
  /** The clone's files were others than the commit's. */
  readonly dirty?: boolean
}

/** The version of what is in the folder `from` or above; never a path, and never an error. */
export async function codeVersion(
  from = dirname(fileURLToPath(import.meta.url)),
): Promise<CodeVersion> {
  for (let folder = from; ; folder = dirname(folder)) {
    const version = versionIn(folder)
    if (version !== undefined) return { version, ...(await commitOf(folder)) }
    if (folder === dirname(folder)) return { version: 'unknown' }
  }
}

function versionIn(folder: string): string | undefined {
  try {
    const { name, version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
    return name === 'atrous' ? String(version) : undefined
  } catch {
    return undefined
  }
}

/** Of that very folder: one that holds this package among its own is another project's. */
async function commitOf(folder: string): Promise<Omit<CodeVersion, 'version'>> {
  if (!existsSync(join(folder, '.git'))) return {}
  const git = async (...args: string[]) =>
    (await promisify(execFile)('git', args, { cwd: folder, timeout: 5000 })).stdout.trim()
  try {
    const commit = await git('rev-parse', 'HEAD')
    return { commit, dirty: (await git('status', '--porcelain', '--untracked-files=no')) !== '' }
  } catch {
    // No git here, or no commit yet.
    return {}
  }
}

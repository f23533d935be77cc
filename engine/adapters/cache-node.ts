// The user's cache folder, where things live that can be fetched or measured again.

import { homedir } from 'node:os'
import { join } from 'node:path'

/** The folder for this package's cached files; not created, and possibly not there yet. */
export function cacheFolder(): string {
  return join(cacheRoot(), 'atrous')
}

function cacheRoot(): string {
  const { XDG_CACHE_HOME, LOCALAPPDATA } = process.env
  if (XDG_CACHE_HOME) return XDG_CACHE_HOME
  if (process.platform === 'win32' && LOCALAPPDATA) return LOCALAPPDATA
  if (process.platform === 'darwin') return join(homedir(), 'Library', 'Caches')
  return join(homedir(), '.cache')
}

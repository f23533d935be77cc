// Dawn writes warnings of no use to anyone straight to the process's standard error while it looks
// for adapters ("maxDynamicUniformBuffersPerPipelineLayout artificially reduced…", webgpu 0.6.2 on
// lavapipe). It does so inside the call, before a promise is returned, so that turning the
// descriptor away for the length of that call hides nothing else. DEBUG shows them again.

import { closeSync, openSync } from 'node:fs'

const standardError = 2

/** Calls `run` with the native standard error turned away until it returns its promise. */
export async function quietly<T>(run: () => Promise<T>): Promise<T> {
  if (process.platform === 'win32' || process.env['DEBUG']) return run()
  const { default: koffi } = await import('koffi')
  const own = koffi.load(null)
  const dup = own.func('int dup(int)')
  const dup2 = own.func('int dup2(int, int)')
  const nowhere = openSync('/dev/null', 'w')
  const kept: number = dup(standardError)
  dup2(nowhere, standardError)
  try {
    return run()
  } finally {
    dup2(kept, standardError)
    closeSync(kept)
    closeSync(nowhere)
  }
}

// Setting environment variables for native code. In the main thread `process.env` is the process's
// own environment; in a worker it is a copy that no driver sees, so there the C library is asked.

import { isMainThread } from 'node:worker_threads'

/** Sets the variables while `run` runs, and puts back what they were. */
export async function withNativeEnvironment<T>(
  variables: Readonly<Record<string, string>>,
  run: () => Promise<T>,
): Promise<T> {
  const set = await setter()
  const before = Object.keys(variables).map((name) => [name, process.env[name]] as const)
  for (const [name, value] of Object.entries(variables)) set(name, value)
  try {
    return await run()
  } finally {
    for (const [name, value] of before) set(name, value)
  }
}

async function setter(): Promise<(name: string, value: string | undefined) => void> {
  if (isMainThread) {
    return (name, value) => {
      if (value === undefined) delete process.env[name]
      else process.env[name] = value
    }
  }
  const { default: koffi } = await import('koffi')
  const own = koffi.load(null)
  const setenv = own.func('int setenv(const char *, const char *, int)')
  const unsetenv = own.func('int unsetenv(const char *)')
  return (name, value) => (value === undefined ? unsetenv(name) : setenv(name, value, 1))
}

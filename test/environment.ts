// Variables of the environment, which all files of a process share, as do the programs that it starts.

/** Gives the environment the values that it had in a copy: what has come since goes. */
export function restoreEnvironment(before: NodeJS.ProcessEnv): void {
  for (const name of Object.keys(process.env)) if (!(name in before)) delete process.env[name]
  Object.assign(process.env, before)
}

/** Runs `work` with these values; undefined stands for none. */
export async function withEnvironment<T>(
  values: Readonly<Record<string, string | undefined>>,
  work: () => Promise<T>,
): Promise<T> {
  const before = { ...process.env }
  for (const [name, value] of Object.entries(values)) {
    if (value === undefined) delete process.env[name]
    else process.env[name] = value
  }
  try {
    return await work()
  } finally {
    restoreEnvironment(before)
  }
}

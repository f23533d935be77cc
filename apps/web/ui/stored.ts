// Short texts that are kept for the next visit. Where site data is blocked nothing is kept, and pages work all the same.

/** What was kept under `key`; undefined where nothing was. */
export function stored(key: string): string | undefined {
  try {
    return localStorage.getItem(key) ?? undefined
  } catch {
    return undefined
  }
}

/** Keeps `text`; where that fails nothing is kept, and not what was before either. */
export function store(key: string, text: string): void {
  try {
    localStorage.setItem(key, text)
  } catch {
    unstore(key)
  }
}

export function unstore(key: string): void {
  try {
    localStorage.removeItem(key)
  } catch {
    // Then there is nothing to remove.
  }
}

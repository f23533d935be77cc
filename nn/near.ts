// "Did you mean …": the names that are nearest to one that does not exist.

/** Up to `count` of `names`, nearest first: those that contain it or are a few edits away. */
export function nearest(name: string, names: Iterable<string>, count = 3): string[] {
  const limit = Math.max(2, Math.ceil(name.length / 3))
  return [...names]
    .map((other) => ({ other, far: other.includes(name) ? 0 : edits(name, other) }))
    .filter(({ far }) => far <= limit)
    .sort((a, b) => a.far - b.far)
    .slice(0, count)
    .map(({ other }) => other)
}

/** `did you mean a or b?`, or a list of all names where none is near. */
export function suggest(name: string, names: Iterable<string>): string {
  const all = [...names]
  const near = nearest(name, all)
  return near.length ? `did you mean ${near.join(' or ')}?` : `there are ${listed(all)}`
}

/** The first `most` items, and how many more there are. */
export function listed(items: readonly string[], most = 8): string {
  const rest = items.length - most
  return items.slice(0, most).join(', ') + (rest > 0 ? `, and ${rest} more` : '')
}

/** Levenshtein's distance. */
function edits(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++)
      next[j] = Math.min(next[j - 1] + 1, row[j] + 1, row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1))
    row = next
  }
  return row[b.length]
}

// Browsers: one object store of IndexedDB, in which a change is one transaction, so that tabs and workers wait for each other.

import { DataError } from '../errors.ts'
import type { TextStore } from './text-store.ts'

const DATABASE = 'atrous'
const STORE = 'texts'

export const browserStore: TextStore = {
  where: (name) => `IndexedDB ${DATABASE}/${name}`,

  load: (name) => within('readonly', name, () => undefined),

  async update(name, change) {
    await within('readwrite', name, change)
  },
}

/** The text as it was; `change` may say what it becomes. */
async function within(
  mode: IDBTransactionMode,
  name: string,
  change: (old: string | undefined) => string | undefined,
): Promise<string | undefined> {
  if (typeof indexedDB === 'undefined')
    throw new DataError(browserStore.where(name), 'this page has no IndexedDB')
  const opening = allowed(name, () => indexedDB.open(DATABASE, 1))
  opening.onupgradeneeded = () => opening.result.createObjectStore(STORE)
  const database = await settled(opening, name)
  try {
    const transaction = allowed(name, () => database.transaction(STORE, mode))
    const store = transaction.objectStore(STORE)
    const old: unknown = await settled(store.get(name), name)
    const text = typeof old === 'string' ? old : undefined
    const next = change(text)
    if (next !== undefined) {
      store.put(next, name)
      await committed(transaction, name)
    }
    return text
  } finally {
    database.close()
  }
}

/** What `ask` gives. A page in a sandbox, and one whose person blocks all storage, are refused at once. */
function allowed<T>(name: string, ask: () => T): T {
  try {
    return ask()
  } catch (error) {
    throw new DataError(browserStore.where(name), (error as Error).message)
  }
}

const settled = <T>(request: IDBRequest<T>, name: string): Promise<T> =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result)
    request.onerror = () =>
      reject(new DataError(browserStore.where(name), request.error?.message ?? 'was refused'))
  })

const committed = (transaction: IDBTransaction, name: string): Promise<void> =>
  new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve()
    transaction.onabort = () =>
      reject(new DataError(browserStore.where(name), transaction.error?.message ?? 'was refused'))
  })

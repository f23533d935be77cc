// Starts a page's worker: `train/worker.ts` is built as `train-worker.js` beside the page itself.

import { connect, type Remote } from '../remote.ts'

/** The worker of a page's folder, as `train`, with the functions `F` that it serves and the events `E` that it sends. */
export function startWorker<F, E = Record<string, never>>(page: string): Remote<F, E> {
  // By the document's address and not this file's, which the build puts wherever it likes.
  const url = new URL(`${page}-worker.js`, document.baseURI)
  return connect<F, E>(new Worker(url, { type: 'module', name: page }))
}

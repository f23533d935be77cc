// Stands in for a worker whose driver crashes at one seed.

import type { Report } from './worker.ts'

process.on('message', (seed: number) => {
  if (seed === 3) process.kill(process.pid, 'SIGSEGV')
  const nothing = { results: 0, unsure: 0, loose: 0, jumps: [], ms: 0, ops: {}, pipelines: 0 }
  process.send?.({ seed, ...nothing } satisfies Report)
})
process.on('disconnect', () => process.exit())
process.send?.('ready')

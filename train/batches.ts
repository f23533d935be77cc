// Batches by their former place.

export * from './loader/batch.ts'
export * from './loader/eval.ts'
export { DataLoader as BatchStream } from './loader/loader.ts'

// A process that takes two batches through threads and comes to its end, with more of them on their way.

import { openLoader } from '../../train/loader/open.ts'
import { openDataset } from './loader-data.ts'

const options = { size: 64, delay: 20 }
const spec = { module: new URL('./loader-data.js', import.meta.url).href, options }
const loader = openLoader(await openDataset(options), { count: 2, seed: 1, workers: 2, spec })
for await (const { names } of loader.steps(0, 2)) if (names.length !== 2) process.exitCode = 1
console.log('2 batches')

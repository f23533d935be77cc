// The engine's entry in Node: the main entry with Node's way of finding an adapter.

import { registerPlatform } from './adapters/platform.ts'
import { nodePlatform } from './adapters/platform-node.ts'

registerPlatform(nodePlatform)

export * from './index.ts'

// Instances of objects, found from their categories (Wu, Shen and van den Hengel 2016b).

export type { BoxGrid } from './cast.ts'
export { checkPair, type FinderOptions, InstanceFinder } from './finder.ts'
export { FoundInstance } from './found.ts'
export { type InstanceOptions, type InstanceSettings, instanceSettings } from './options.ts'
export { InstancePipeline } from './pipeline.ts'

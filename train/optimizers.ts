// Optimisers, and what recipes ask of them beside their rule: exceptions for some parameters, bounds of gradients.

export { Adam, type AdamOptions, AdamW } from './optimizers/adam.ts'
export { Optimizer, type OptimizerOptions } from './optimizers/base.ts'
export type { Clip } from './optimizers/clip.ts'
export type { ParameterRule } from './optimizers/rules.ts'
export { Sgd, type SgdOptions } from './optimizers/sgd.ts'

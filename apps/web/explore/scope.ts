// What a function on the Explore page is written with: everything that the library exports for building one, by its own names.

import * as engine from '../../../engine/index.ts'
import { FullResolutionUnit, ResidualUnit } from '../../../models/frrn-units.ts'
import * as nn from '../../../nn/index.ts'
import { Adam, Sgd } from '../../../train/optimizers.ts'

/** A variable of this name with normal starting values of variance 2 / fan in; its name and shape decide them. */
const weights = (name: string, ...shape: number[]): engine.Variable =>
  new engine.Variable({ dtype: 'f32', shape }, () => nn.heNormal()(name, shape), name)

/** What would open a device, or end one, has no place in a function. */
const { openDevice: _, listAdapters: __, Device: ___, ...building } = engine

export const scope: Readonly<Record<string, unknown>> = {
  ...building,
  ...nn,
  Adam,
  Sgd,
  FullResolutionUnit,
  ResidualUnit,
  weights,
}

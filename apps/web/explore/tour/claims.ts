// What each step of the tour claims, by the name of its example.

import { plannedClaims, residualClaims } from './claims-memory.ts'
import {
  appendedClaims,
  byHandClaims,
  fanOutClaims,
  productClaims,
  recordedClaims,
} from './claims-scalars.ts'
import { descentClaims, keptClaims, productsClaims } from './claims-tensors.ts'
import type { ExampleName } from './examples.ts'
import type { Claim, Scene } from './measure.ts'

export const claims: Readonly<Record<ExampleName, (scene: Scene) => Promise<Claim[]>>> = {
  product: productClaims,
  recorded: recordedClaims,
  byHand: byHandClaims,
  appended: appendedClaims,
  fanOut: fanOutClaims,
  kept: keptClaims,
  products: productsClaims,
  descent: descentClaims,
  planned: plannedClaims,
  residual: residualClaims,
}

// The ten steps, in their order.

import type { Step } from './step.ts'
import { memorySteps } from './steps-memory.tsx'
import { scalarSteps } from './steps-scalars.tsx'
import { tensorSteps } from './steps-tensors.tsx'

export const steps: readonly Step[] = [...scalarSteps, ...tensorSteps, ...memorySteps]

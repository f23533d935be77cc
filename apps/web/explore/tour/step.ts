// The shape of a step of the tour.

import type { ComponentType } from 'preact'
import type { ExampleName } from './examples.ts'
import type { LiveScene } from './live.ts'

export interface StepProps {
  readonly scene: LiveScene
  /** Called when the task is done. */
  readonly onSolved: () => void
}

export interface Step {
  readonly title: string
  readonly example: ExampleName
  /** The pages of docs/ that say more. */
  readonly pages: readonly string[]
  /** What there is to understand. */
  readonly Text: ComponentType
  /** What there is to do. */
  readonly Task: ComponentType<StepProps>
  /** What is shown between the code and the graph. */
  readonly Show?: ComponentType<StepProps>
  /** Whether the graph of the program, as traced, is drawn. */
  readonly graph: boolean
}

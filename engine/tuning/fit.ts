// Which choices of a table this device can run. It knows every tile, and so every convolution's code: open.ts loads it
// where there is a table.

import { forwardCandidates, tileName, weightCandidates } from '../../shaders/conv/choice.ts'
import { problemOf } from '../../shaders/problem-class.ts'
import type { Caps } from '../adapters/adapter.ts'
import type { OpenTuning } from './open.ts'
import { DEFAULT, Tuning } from './table.ts'

/** Leaves out what this device cannot run, such as tiles that need more than its limits. */
export function fitted(all: Tuning, from: string, caps: Caps): OpenTuning {
  const entries = Object.entries(all.toJSON().entries)
  const fit = entries.filter(([problemClass, name]) => runs(problemClass, name, caps))
  const left = entries.find((entry) => !fit.includes(entry))
  if (!left) return { tuning: all, from, warnings: [] }
  const count = `${entries.length - fit.length} of ${entries.length}`
  const warning = `${from}: ${count} choices cannot run on this device, which has its defaults there (such as ${left[1]} for ${left[0]})`
  return { tuning: new Tuning(all.adapter, fit), from, warnings: [warning] }
}

function runs(problemClass: string, name: string, caps: Caps): boolean {
  const found = problemOf(problemClass)
  if (!found || name === DEFAULT) return found !== undefined
  const { family, problem } = found
  const candidates =
    family === 'weight' ? weightCandidates(problem, caps) : forwardCandidates(problem, caps)
  return candidates.some((tile) => tileName(tile) === name)
}

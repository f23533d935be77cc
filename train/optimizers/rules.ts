// Rules for some of the parameters, as plain data: another learning rate, another weight decay, or none of either.

import { optionsOf } from '../../engine/ops/options.ts'
import { refuseOption, shown } from '../../engine/ops/refuse.ts'
import type { Variable } from '../../engine/tensor.ts'
import { suggest } from '../../nn/near.ts'

/** What holds for parameters whose path in the network, such as `backbone.layer1.0.conv1.weight`, fits a pattern. Of several
 * rules that fit, and say the same of a parameter, the last counts. So P4's "biases and shifts of batch norm at twice the rate,
 * without decay" is `{ match: 'bias', lr: 2, weightDecay: 0 }`, and a backbone at a tenth of the rate
 * `{ match: 'backbone.**', lr: 0.1 }`. */
export interface ParameterRule {
  /** A path in which `*` stands for any part of a name and `**` for any number of names. Without a dot it is the parameter's own
   * name, the last of its path, wherever it is. */
  readonly match: string
  /** Times the learning rate; default 1. */
  readonly lr?: number
  /** Times the weight decay; default 1. */
  readonly weightDecay?: number
  /** True: the parameter stays as it is, and no gradient of it is computed. Running averages are no parameters: a batch norm that
   * is frozen throughout is an option of the network. Default false. */
  readonly frozen?: boolean
}

/** All that rules say of one parameter. */
export type Factors = Required<Omit<ParameterRule, 'match'>>

const me = 'rules'
const fields = { match: undefined, lr: undefined, weightDecay: undefined, frozen: undefined }
const untouched: Factors = { lr: 1, weightDecay: 1, frozen: false }

/** What the rules say of each parameter. Throws OptionError for what is no rule, for a rule that fits none of them, with what it
 * may have meant, and where all are frozen. */
export function factorsOf(
  parameters: readonly Variable[],
  rules: readonly ParameterRule[] = [],
): Map<Variable, Factors> {
  if (!Array.isArray(rules))
    refuseOption(
      me,
      `they are a list, not ${shown(rules)}`,
      "as [{ match: 'bias', weightDecay: 0 }]",
    )
  const factors = new Map(parameters.map((p) => [p, untouched]))
  for (const rule of rules) {
    const { match, ...says } = checkedRule(rule)
    const fits = patternOf(match)
    const found = parameters.filter((p) => fits.test(`.${p.name}`))
    if (!found.length) refuseOption(me, `no parameter fits '${match}'`, meant(match, parameters))
    for (const p of found) factors.set(p, { ...factors.get(p)!, ...says })
  }
  if (parameters.length && [...factors.values()].every(({ frozen }) => frozen))
    refuseOption(me, 'all parameters are frozen', 'nothing is left to train: leave some out')
  return factors
}

function checkedRule(rule: ParameterRule): ParameterRule {
  const { match, lr, weightDecay, frozen } = optionsOf<ParameterRule, typeof fields>(
    me,
    rule,
    fields,
  )
  if (typeof match !== 'string' || !match)
    refuseOption(me, `match ${shown(match)} is no path`, "as 'bias' or 'backbone.**'")
  const factor = (name: string, value: unknown, fits: boolean, hint: string) => {
    if (value !== undefined && !(Number.isFinite(value) && fits))
      refuseOption(me, `${name} ${shown(value)} of '${match}' is no factor`, hint)
  }
  factor('lr', lr, lr! > 0, 'use a number above 0; frozen: true keeps parameters as they are')
  factor('weightDecay', weightDecay, weightDecay! >= 0, 'use a number from 0')
  if (frozen !== undefined && typeof frozen !== 'boolean')
    refuseOption(me, `frozen ${shown(frozen)} of '${match}'`, 'it is true or false')
  const says = Object.entries({ lr, weightDecay, frozen }).filter(([, v]) => v !== undefined)
  if (!says.length)
    refuseOption(me, `the rule for '${match}' says nothing`, 'give lr, weightDecay or frozen')
  return { match, ...Object.fromEntries(says) }
}

/** Of paths with a dot before them, so that each name has one. */
function patternOf(match: string): RegExp {
  const whole = match.includes('.') ? match : `**.${match}`
  const parts = whole.split('.').map((part) => {
    if (part === '**') return '(?:\\.[^.]+)*'
    return `\\.${part.replace(/[\\^$+?()[\]{}|]/g, '\\$&').replaceAll('*', '[^.]*')}`
  })
  return new RegExp(`^${parts.join('')}$`)
}

function meant(match: string, parameters: readonly Variable[]): string {
  const paths = parameters.map(({ name }) => name.split('.'))
  const modules = new Set(
    paths.flatMap((p) => p.slice(1).map((_, i) => p.slice(0, i + 1).join('.'))),
  )
  if (modules.has(match)) return `it is a module: its parameters are '${match}.**'`
  const own = new Set(paths.map((p) => p[p.length - 1]))
  if (!match.includes('.')) return suggest(match, [...own, ...[...modules].map((m) => `${m}.**`)])
  const names = parameters.map(({ name }) => name)
  return suggest(match, match.includes('*') ? [...modules].map((m) => `${m}.**`) : names)
}

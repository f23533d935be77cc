// The rule that an op's derivative follows: the function in force, as its source says it.

import type { Op } from '../../../engine/op.ts'
import { ops } from '../../../engine/ops/index.ts'
import { ruleTexts } from './rule-texts.ts'
import { SourceText } from './source-text.tsx'

const own = new Set<unknown>(ops)

/** Source text of an op's vjp. What a person's own text defines is not minified, and says it itself. */
export function ruleOf(op: Op): string {
  const { vjp } = op
  if (typeof vjp !== 'function') return `none: ${vjp.reason}`
  return tidy(own.has(op) ? ruleTexts[op.name] : String(vjp))
}

/** Indentation by two, which compilers make four. */
const tidy = (text: string): string =>
  text.replace(/^ +/gm, (spaces) => ' '.repeat(Math.max(0, Math.floor(spaces.length / 2) - 2)))

export function Rule({ op, open = true }: { op: Op; open?: boolean }) {
  return (
    <details class="rule" open={open}>
      <summary>
        vjp of <code>{op.name}</code>
      </summary>
      <SourceText text={ruleOf(op)} language="js" />
      {op.source && <small>{op.source}</small>}
    </details>
  )
}

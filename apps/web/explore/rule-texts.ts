// The source of every op's derivative, by the op's name, as its own function says it. In the built page these functions are
// minified; so the build evaluates this module before it minifies anything, and puts what it says in its place
// (apps/rule-texts-plugin.ts).

import { ops } from '../../../engine/ops/index.ts'

export const ruleTexts: Readonly<Record<string, string>> = Object.fromEntries(
  ops.map(({ name, vjp }) => [name, typeof vjp === 'function' ? String(vjp) : vjp.reason]),
)

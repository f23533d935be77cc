// The same numbers in other places.

import { broadcastTo, concat, flip, permute, reshape, roll, slice } from '../../engine/index.ts'
import { expression, type Operator } from './trial.ts'

/** Parts are numbered x0, x1, …, which names of ten and more do not show in their alphabetical order. */
const byNumber = (a: string, b: string) => Number(a.slice(1)) - Number(b.slice(1))

export const shape: Record<string, Operator> = {
  broadcast_to: expression(({ x }, a) => broadcastTo(x, a.numbers('shape'))),
  reshape: expression(({ x }, a) => {
    a.rule('order', 'row-major in the stored (logical) order')
    return reshape(x, a.numbers('shape'))
  }),
  permute: expression(({ x }, a) => permute(x, a.numbers('perm'))),
  flip: expression(({ x }, a) => flip(x, a.numbers('axes'))),
  roll: expression(({ x }, a) => {
    a.rule('rule', 'y[(i+shift) mod n] = x[i]')
    return roll(x, a.numbers('shifts'), a.numbers('axes'))
  }),
  concat: expression((parts, a) => {
    const names = Object.keys(parts).sort(byNumber)
    return concat(
      names.map((name) => parts[name]),
      a.number('axis'),
    )
  }),
  slice: expression(({ x }, a) => {
    const rows = a.rows('start_stop_step')
    const column = (i: number) => rows.map((row) => row[i])
    return slice(x, column(0), column(1), column(2))
  }),
}

// The losses of network cases: of what, and where.

import { labelsOnGrid, scoresOnImage } from '../../nn/grid.ts'
import { bootstrappedCrossEntropy, crossEntropy } from '../../nn/index.ts'
import type { Attributes } from './attributes.ts'
import type { Experiment } from './network-run.ts'

type LossOf = Experiment['lossOf']

/** A label that no pixel has: every pixel counts. */
const none = -1

/** The loss that the attributes describe, of a network whose scores are `stride` pixels apart. */
export function lossOf(a: Attributes, stride: number): LossOf {
  const ignore = a.maybe('ignore_index') ?? none
  const kind = a.text('loss', ['cross_entropy', 'bootstrapped'])
  const at = placed(a, stride, ignore)
  if (kind === 'cross_entropy') return at((x, y) => crossEntropy(x, y, { ignore }).loss)
  const options = {
    ignore,
    keep: a.number('K'),
    scope: a.text<'batch' | 'image'>('scope', ['batch', 'image']),
    divisor: a.text('divisor', ['kept', 'k', 'K']) === 'kept' ? 'kept' : 'k',
    threshold: a.maybe('probability_threshold'),
  } as const
  return at((x, y) => bootstrappedCrossEntropy(x, y, options).loss)
}

const resizings = ['none', 'half_pixel to the input size']
/** How README.md of the golden values puts where a loss is taken. */
const onGrid = /^(?:the )?1\/(\d+) grid, labels sampled at offset (\d+)\b/

/** Where a loss is taken: of the scores as they are, of scores enlarged to the image, or of labels on the grid. */
function placed(a: Attributes, stride: number, ignore: number): (loss: LossOf) => LossOf {
  if (!a.has('loss_at')) return (loss) => loss
  const place = a.text('loss_at', ['input resolution', onGrid])
  const resized = a.has('logits_resize') && a.text('logits_resize', resizings) !== 'none'
  const [, cells, offset] = (onGrid.exec(place) ?? []).map(Number)
  if (cells) {
    if (cells !== stride || resized) throw new Error(`its grid is 1/${cells}, and ours 1/${stride}`)
    return (loss) => (x, y) => loss(x, labelsOnGrid(y, cells, { offset, ignore }))
  }
  if (!resized) return (loss) => loss
  return (loss) => (x, y) =>
    loss(scoresOnImage(x, [y.shape[1], y.shape[2]], stride, { stretch: true }), y)
}

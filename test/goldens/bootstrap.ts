// Bootstrapped cross entropy: the loss and its gradient, and which pixels were kept, as the gradient shows it.

import { sizeOf } from '../../engine/dtype.ts'
import { grad } from '../../engine/grad.ts'
import { cast, sum } from '../../engine/index.ts'
import { hostTensor } from '../../engine/ops/source.ts'
import type { HostTensor } from '../../engine/tensor.ts'
import { bootstrappedCrossEntropy, pixelCrossEntropy } from '../../nn/index.ts'
import type { Attributes } from './attributes.ts'
import { compareFloats, compareIntegers } from './check.ts'
import type { Operator, Trial } from './trial.ts'

const definitions = {
  batch:
    'K_eff = min(K, valid pixels of the group); loss of a group = mean of its K_eff largest per-pixel cross entropies; group = the whole batch',
  image:
    'K_eff = min(K, valid pixels of the group); loss of a group = mean of its K_eff largest per-pixel cross entropies; group = one image, loss = mean over all images of the batch (an image without valid pixels adds 0)',
  threshold:
    'keep every valid pixel with p(label) < threshold; when these are fewer than K, keep the min(K, valid) hardest; loss = mean over the kept pixels (group = whole batch)',
}

function readAttributes(a: Attributes, byThreshold: boolean) {
  const scope = a.text<'batch' | 'image'>('scope', byThreshold ? ['batch'] : ['batch', 'image'])
  a.rule('definition', definitions[byThreshold ? 'threshold' : scope])
  a.rule(
    'selected_codes',
    '0 not selected, 1 selected, 2 tied at the boundary (free choice, count must match)',
  )
  a.rule('per_pixel_loss', 'cross entropy of every pixel, 0 at void pixels')
  a.rule('kth_loss', 'smallest selected loss of each group, 0 where nothing is selected')
  a.rule(
    'd_logits_if_selected',
    'gradient that a valid pixel has when it is selected: (softmax - onehot) / (selected_count of its group * number of groups); 0 at void pixels',
  )
  return {
    keep: a.number('K'),
    scope,
    ignore: a.number('ignore_index'),
    threshold: byThreshold ? a.number('probability_threshold') : undefined,
    validPixels: a.number('valid_pixels'),
    selectedCount: a.numbers('selected_count'),
  }
}

export const bootstrap =
  (byThreshold: boolean): Operator =>
  async (t) => {
    const { golden, attributes } = t
    const { validPixels, selectedCount, ...options } = readAttributes(attributes, byThreshold)
    attributes.finish()
    const inputs = { logits: t.input('logits'), labels: t.input('labels') }
    const { pixels, ifKept, gradient, valid, loss } = await t.run(inputs, ({ logits, labels }) => {
      const { losses, valid } = pixelCrossEntropy(logits, labels, { ignore: options.ignore })
      const { loss } = bootstrappedCrossEntropy(logits, labels, options)
      const [gradient] = grad(loss, [logits])
      const [ifKept] = grad(sum(losses), [logits])
      return { loss, gradient, pixels: losses, ifKept, valid: sum(cast(valid, 'f32')) }
    })
    t.compare('loss', loss)
    t.compare('per_pixel_loss', pixels)
    if (golden.has('d_logits')) t.compare('d_logits', gradient)
    if (valid.data[0] !== validPixels)
      throw new Error(`${valid.data[0]} pixels are valid and ${validPixels} were expected`)

    const groups = options.scope === 'image' ? pixels.shape[0] : 1
    const size = sizeOf(pixels.shape) / groups
    const kept = keptPixels(t, gradient, pixels, groups)
    const counts = Array.from({ length: groups }, (_, g) => count(kept, g * size, (g + 1) * size))
    t.compareValues('selected_count', counts)
    if (selectedCount.join() !== counts.join())
      throw new Error(`[${counts}] pixels are kept and the attribute says [${selectedCount}]`)
    t.compareValues('kth_loss', smallestKept(pixels, kept, groups))

    const classes = gradient.shape[3]
    const scaled = ifKept.data.map((v, i) => {
      const of = counts[Math.floor(i / classes / size)]
      return of ? v / (of * groups) : 0
    })
    t.compare('d_logits_if_selected', hostTensor(scaled, gradient.shape))
    checkGradient(t, gradient, kept)
  }

const count = (kept: readonly boolean[], from: number, to: number): number =>
  kept.slice(from, to).filter(Boolean).length

/** Which pixels were kept: those with a gradient. A pixel that would have none even when kept (its loss is 0 to the last
 * bit) is counted with them as far as its group lacks pixels. The codes say which must be, may be and must not be. */
function keptPixels(t: Trial, gradient: HostTensor, pixels: HostTensor, groups: number): boolean[] {
  const classes = gradient.shape[3]
  const reference = t.reference('d_logits_if_selected').data
  const at = (data: HostTensor['data'], i: number) => data.subarray(i * classes, (i + 1) * classes)
  const kept = Array.from(pixels.data, (_, i) => at(gradient.data, i).some((v) => v !== 0))
  const hidden = Array.from(kept, (_, i) => at(reference, i).every((v) => Math.abs(v) < 1e-30))
  const codes = t.golden.values('selected')
  const wanted = t.golden.values('selected_count')
  const size = kept.length / groups
  for (let g = 0; g < groups; g++) {
    const missing = wanted[g] - count(kept, g * size, (g + 1) * size)
    const free = [1, 2].flatMap((code) =>
      Array.from({ length: size }, (_, i) => g * size + i).filter(
        (i) => !kept[i] && hidden[i] && codes[i] === code,
      ),
    )
    for (const i of free.slice(0, Math.max(missing, 0))) kept[i] = true
  }
  const seen = kept.map((is, i) => (codes[i] === 2 ? 2 : Number(is)))
  t.checked('selected', compareIntegers(seen, codes))
  return kept
}

function smallestKept(pixels: HostTensor, kept: readonly boolean[], groups: number): number[] {
  const size = kept.length / groups
  return Array.from({ length: groups }, (_, g) => {
    const losses = Array.from(pixels.data.subarray(g * size, (g + 1) * size), Number)
    const taken = losses.filter((_, i) => kept[g * size + i])
    return taken.length ? Math.min(...taken) : 0
  })
}

/** The gradient of each pixel is the one listed for a kept pixel, or zero. */
function checkGradient(t: Trial, gradient: HostTensor, kept: readonly boolean[]): void {
  const { data, shape } = t.reference('d_logits_if_selected')
  const classes = shape[3]
  const want = data.map((v, i) => (kept[Math.floor(i / classes)] ? v : 0))
  const tolerance = t.golden.tolerance('d_logits_if_selected')
  const { problem } = compareFloats(gradient.data, want, { tolerance })
  if (problem) throw new Error(`the gradient of the kept pixels ${problem}`)
}

// The smallest FRRN with all that a step of training has: convolutions, batch normalisation, pooling, the bootstrapped loss, Adam,
// on two drawn scenes. No Node in here, so that a page trains the same.

import { type Device, hostTensor } from '../../engine/index.ts'
import { frrnA } from '../../models/index.ts'
import { bootstrappedCrossEntropy } from '../../nn/index.ts'
import { Adam } from '../../train/optimizers.ts'
import { streetPainter } from '../../train/scenes/street.ts'

export function tinyTraining(device: Device) {
  const [h, w] = [32, 48]
  const paint = streetPainter(h, w)
  const scenes = [paint(1, 0), paint(1, 1)]
  const pixels = scenes.flatMap((s) => Array.from(s.image, (v) => v / 255))
  const image = hostTensor(Float32Array.from(pixels), [2, h, w, 3])
  const labels = hostTensor(Uint8Array.from(scenes.flatMap((s) => [...s.labels])), [2, h, w])
  const model = frrnA({ classes: 8, base: 4, lanes: 4, seed: 1 })
  const optimizer = new Adam(model.parameters())
  const step = device.compile((x, y, lr) => {
    const options = { keep: 300, ignore: 255 }
    const { loss } = bootstrappedCrossEntropy(model.apply(x, { train: true }), y, options)
    optimizer.minimize(loss, lr)
    return loss
  })
  const rate = 3e-3
  return {
    ...{ model, image, labels },
    /** One step; the loss before it. */
    next: async () => (await step.run(image, labels, rate)).value(),
    plan: () => step.stages(image, labels, { dtype: 'f32', shape: [] }).plan,
  }
}

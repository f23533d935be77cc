// The worker of worker.html. Modules by relative URL: import maps are not for workers.

import { hostTensor, openDevice } from '../../dist/engine/index.js'
import { frrnA } from '../../dist/models/index.js'
import { bootstrappedCrossEntropy } from '../../dist/nn/index.js'
import { Adam, DataLoader, streetScenes } from '../../dist/train/index.js'

try {
  const device = await openDevice()
  postMessage(device.line)
  const model = frrnA({ classes: 8, base: 4, lanes: 4, seed: 1 })
  const optimizer = new Adam(model.parameters())
  const loader = new DataLoader(streetScenes({ height: 32, width: 48 }), { count: 2, seed: 1 })
  const step = device.compile((image, labels, lr) => {
    const logits = model.apply(image, { train: true })
    const { loss } = bootstrappedCrossEntropy(logits, labels, { keep: 384, ignore: 255 })
    optimizer.minimize(loss, lr)
    return loss
  })
  for (let i = 1; i <= 30; i++) {
    const { image, labels } = await loader.batch(i)
    const loss = await step.run(
      hostTensor(image, [2, 32, 48, 3]),
      hostTensor(labels, [2, 32, 48]),
      3e-3,
    )
    postMessage(`Step ${i} of 30: loss ${(await loss.value()).toFixed(3)}`)
  }
} catch (error) {
  postMessage(error.message)
}

import { add, hostTensor, mean, mul, openDevice, read, square, sub, Variable } from 'atrous'
import { Adam } from 'atrous/train'

try {
  const device = await openDevice()
  const scalar = (name) => new Variable({ dtype: 'f32', shape: [] }, () => Float32Array.of(0), name)
  const [w, b] = [scalar('w'), scalar('b')]
  const optimizer = new Adam([w, b])
  const step = device.compile((x, y, lr) => {
    const loss = mean(square(sub(add(mul(x, read(w)), read(b)), y)))
    optimizer.minimize(loss, lr)
    return loss
  })
  const xs = Float32Array.from({ length: 64 }, (_, i) => i / 32 - 1)
  const [x, y] = [xs, xs.map((v) => 2 * v + 1)].map((values) => hostTensor(values, [64]))
  for (let i = 0; i < 200; i++) (await step.run(x, y, 0.1)).dispose()
  const [found, offset] = [await device.value(w), await device.value(b)]
  postMessage(`Found w = ${found.toFixed(2)}, b = ${offset.toFixed(2)} on ${device.line}`)
} catch (error) {
  postMessage(error.message)
}

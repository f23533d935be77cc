// What a run in the page holds is there after its second step, and nothing comes to it.

import * as assert from 'uvu/assert'
import { test } from '../harness.ts'
import { withApp } from './app.ts'
import { least, press, until } from './train-page.ts'

test(
  'train page: in 300 steps neither the live bytes nor the number of GPU buffers grow after step 2',
  () =>
    withApp('train', async (app) => {
      const { page } = app
      await least(app, { Steps: '300', 'Images a step': '1', 'Look every': '150' })
      const worker = page.workers().find((one) => one.url().includes('train-worker'))!
      // What is alive is counted at the browser's own doors, and noted with each record of a step.
      await worker.evaluate(() => {
        const log: { step: number; bytes: number; buffers: number }[] = []
        let buffers = 0
        const { createBuffer } = GPUDevice.prototype
        GPUDevice.prototype.createBuffer = function (descriptor) {
          buffers++
          const buffer = createBuffer.call(this, descriptor)
          const destroy = buffer.destroy.bind(buffer)
          buffer.destroy = () => {
            buffers--
            return destroy()
          }
          return buffer
        }
        const post = self.postMessage.bind(self) as (message: unknown, list: never) => void
        self.postMessage = ((message: { value?: Record<string, unknown> }, list: never) => {
          const { kind, step, bytes } = message.value ?? {}
          if (kind === 'step') log.push({ step: step as number, bytes: bytes as number, buffers })
          post(message, list)
        }) as typeof self.postMessage
        Object.assign(self, { log })
      })
      await press(app, 'Start')
      await until(app, /Done: 300 steps/)
      const log = await worker.evaluate(
        () => (self as unknown as { log: { step: number; bytes: number; buffers: number }[] }).log,
      )
      const later = log.filter(({ step }) => step > 2)
      assert.ok(later.length > 5 && later.at(-1)!.step === 300, 'records of steps')
      const [{ bytes, buffers }] = later
      for (const record of later) assert.equal({ ...record, bytes, buffers }, record)
    }),
  { timeout: 1200 },
)

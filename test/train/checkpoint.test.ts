// What training leaves: weights that come back from a run folder or are refused by name, and the scores and masks of padded batches.

import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DataError } from '../../engine/errors.ts'
import { frrnA } from '../../models/index.ts'
import {
  decodeCheckpoint,
  encodeCheckpoint,
  loadModel,
  loadOptimizer,
} from '../../train/checkpoint/checkpoint.ts'
import { readCheckpoint, writeCheckpoint } from '../../train/checkpoint/files.ts'
import { evaluate } from '../../train/evaluate.ts'
import type { Progress } from '../../train/loop/progress.ts'
import { Adam } from '../../train/optimizers.ts'
import { crop, fillBeyond } from '../../train/pictures/pad.ts'
import { Predictor } from '../../train/predict.ts'
import { createRun } from '../../train/runs/folder.ts'
import { streetScenes } from '../../train/scenes/street.ts'
import { ConfusionMatrix } from '../../train/scoring/metrics.ts'
import { readSafetensors, writeSafetensors } from '../../train/weights/safetensors.ts'
import { scratch } from '../cli/cli.ts'
import { testDevice } from '../device.ts'
import { test } from '../harness.ts'
import { Thumb } from './small-runs.ts'

const narrow = () => frrnA({ classes: 8, base: 4, lanes: 4, seed: 1 })

test('evaluate: padded batches score as single pictures do', async () => {
  const device = await testDevice()
  using predictor = new Predictor(device, new Thumb())
  const data = streetScenes({ split: 'val', size: 5, height: 18, width: 22 })
  const seen: Uint8Array[] = []
  const { scores, images } = await evaluate(predictor, data, {
    batch: 2,
    onExample: (_, prediction) => seen.push(prediction),
  })
  const matrix = new ConfusionMatrix(data.classes)
  for (let i = 0; i < data.size; i++) {
    const { image, labels, height, width } = await data.get(i)
    const mask = await predictor.picture({ data: image, height, width })
    assert.deepEqual(seen[i], mask)
    matrix.add(labels, mask)
  }
  assert.equal(images, 5)
  assert.deepEqual(scores, matrix.scores())
})

test('predict: what is padded with a colour is, of pictures and of batches; what is no picture is refused', async () => {
  const device = await testDevice()
  const mirrored = new Thumb()
  const model = Object.assign(new Thumb(), { padding: [0, 1, 0] as const })
  using predictor = new Predictor(device, model)
  using plain = new Predictor(device, mirrored)
  const data = streetScenes({ split: 'val', size: 2, height: 9, width: 13 })
  let other = 0
  await evaluate(predictor, data, {
    onExample: async ({ image, height, width }, prediction) => {
      const picture = { data: image, height, width }
      assert.deepEqual(prediction, await predictor.picture(picture))
      const padded = new Float32Array(12 * 16 * 3)
      image.forEach((v, i) => {
        padded[16 * 3 * Math.floor(i / 39) + (i % 39)] = v / 255
      })
      fillBeyond(padded, 9, 13, 16, model.padding)
      using classes = await predictor.batch(padded, 1, 12, 16)
      assert.deepEqual(crop((await classes.read()) as Uint8Array, 16, 1, 9, 13), prediction)
      other += (await plain.picture(picture)).filter((c, i) => c !== prediction[i]).length
    },
  })
  assert.ok(other > 0)
  const bad = [
    [0, 0, 0],
    [2, 2, 11],
    [2, 2, 16],
    [-1, -4, 12],
    [1.5, 2, 9],
  ] as const
  for (const [height, width, length] of bad)
    await assert.rejects(
      predictor.picture({ data: new Uint8Array(length), height, width }),
      new RegExp(`Predictor: a picture of ${height}×${width} cannot hold ${length} values`),
    )
})

test('checkpoint: comes back from a run folder, and is refused by name where it does not fit', async () => {
  const device = await testDevice()
  const model = narrow()
  const optimizer = new Adam(model.parameters())
  const progress: Progress = { step: 7, seconds: 1 }
  const info = {
    progress,
    classes: [{ name: 'sky', colour: [1, 2, 3] as const }],
    size: [32, 32] as const,
    recipe: { lr: 1 },
  }
  const encoded = await encodeCheckpoint(device, model, optimizer, info)
  const run = await createRun('a', { root: scratch() })
  const file = await writeCheckpoint(run, 'last', encoded)
  const back = await readCheckpoint(run.folder, 'best')
  assert.deepEqual(back.info, encoded.info)
  assert.deepEqual(back.info, JSON.parse(readFileSync(run.path('checkpoint.json'), 'utf8')))

  const refuses = (work: () => unknown, message: RegExp) =>
    assert.throws(work, (e: Error) => {
      assert.ok(e instanceof DataError, String(e))
      assert.match(e.message, message)
      return true
    })
  const wider = frrnA({ classes: 8, base: 8, lanes: 4, seed: 1 })
  refuses(
    () => loadModel(device, wider, back),
    /is a checkpoint of frrn-a \(base 4,.*not of frrn-a \(base 8/,
  )
  const { bytes } = encoded
  refuses(
    () => decodeCheckpoint(bytes.subarray(0, 5000), file),
    /checkpoint.safetensors: is truncated/,
  )
  refuses(() => decodeCheckpoint(writeSafetensors([]), file), /no checkpoint of atrous/)
  const { tensors } = readSafetensors(bytes, file)
  const forged = (change: object) =>
    decodeCheckpoint(
      writeSafetensors(tensors, { atrous: JSON.stringify({ ...back.info, ...change }) }),
      file,
    )
  // As it was written before these options came.
  const { frozen: _, input: __, ...older } = model.config.options
  loadModel(device, model, forged({ model: { ...model.config, options: older } }))
  refuses(
    () => forged({ format: 2 }),
    /has checkpoint format 2, and this version reads up to 1\n.*update/,
  )
  refuses(() => forged({ progress: 3 }), /damaged description/)
  const [name] = tensors.keys()
  const fewer = new Map([...tensors].filter(([key]) => key !== name))
  const torn = writeSafetensors(fewer, { atrous: JSON.stringify(back.info) })
  const target = narrow()
  refuses(() => {
    const c = decodeCheckpoint(torn, file)
    loadModel(device, target, c)
    loadOptimizer(device, new Adam(target.parameters()), c)
  }, /1 missing/)
  const weightsOnly = await encodeCheckpoint(device, model, undefined, info)
  refuses(
    () => loadOptimizer(device, optimizer, decodeCheckpoint(weightsOnly.bytes, file)),
    /holds no state of an optimiser/,
  )
  writeFileSync(join(run.folder, 'note.txt'), 'not a checkpoint')
  await assert.rejects(
    readCheckpoint(join(run.folder, 'note.txt'), 'best'),
    /not a whole safetensors file/,
  )
  await assert.rejects(readCheckpoint(scratch(), 'best'), /is not a run, and holds no checkpoint/)
  const short = await createRun('short', { root: scratch() })
  await short.writeConfig({})
  await assert.rejects(readCheckpoint(short.folder, 'best'), /the run ended before it wrote one/)
  await assert.rejects(
    readCheckpoint('nowhere', 'best'),
    /nowhere: the checkpoint cannot be opened: does not exist/,
  )
})

// `atrous eval` as a program: what it prints, what it writes, and what it refuses before any of that.

import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { readLabels } from '../../train/pictures/images.ts'
import { testDevice } from '../device.ts'
import { needShared, test } from '../harness.ts'
import { ran, refused, scratch } from './cli.ts'

const narrow = ['--base', '2', '--lanes', '2', '--option', 'depthMultiplier=0.5']

/** Nine commands one after the other. */
const SLOW = { timeout: 400 }

test(
  'cli: eval scores labels at their own size, beside the papers, and writes results',
  async () => {
    await testDevice()
    const [voc, cwd] = [needShared('data/voc-sample'), scratch()]
    const small = [...narrow, '--size', '16x32', '--steps', '1', '--out', 'run', '--json']
    const trained = await ran(['train', '--data', voc, ...small], cwd)
    assert.equal(trained.code, 0, trained.err)

    await refused(['eval', 'run', '--row', 'p9-table1'], /there is no table p9-table1/, cwd)
    await refused(['eval', 'run', '--out', 'a.svg'], /--out is of the trimap curve/, cwd)
    await refused(['eval', 'run', '--absent', 'one'], /--absent cannot be 'one'/, cwd)
    await refused(['eval', 'run', '--submit', 'sent'], /test\.txt|test split/, cwd)
    assert.ok(!existsSync(join(cwd, 'sent')))

    const asked = ['--trimap', '--out', 'trimap.svg', '--boundary', '--submit', 'sent', '--json']
    const scored = await ran(['eval', 'run', '--split', 'val', ...asked], cwd)
    assert.equal(scored.code, 0, scored.err)
    const told = JSON.parse(scored.out)
    assert.deepEqual([told.data, told.split, told.images, told.absent], ['voc', 'val', 20, 'zero'])
    assert.deepEqual(told.test, { resize: { height: 16, width: 32 } })
    assert.equal(told.trimap.classes.length, 80)
    assert.equal(told.figures.boundaryAccuracy, told.boundary.boundary)
    const labelled = told.scores.labelledPixels
    assert.equal(told.boundary.boundaryPixels + told.boundary.internalPixels, labelled)
    assert.ok(labelled > 20 * 100_000, 'labels at their own size')
    assert.match(told.papers.notes.join('\n'), /scored on 20 of 1449 images/)
    assert.match(readFileSync(join(cwd, 'trimap.svg'), 'utf8'), /^<svg .*<\/svg>\n$/s)
    const folder = join(cwd, 'sent/results/VOC2012/Segmentation/comp5_val_cls')
    assert.equal(told.submitted, folder)
    const files = readdirSync(folder)
    assert.equal(files.length, 20)
    const truth = await readLabels(join(voc, 'VOCdevkit/VOC2012/SegmentationClass', files[0]))
    const sent = await readLabels(join(folder, files[0]))
    assert.deepEqual([sent.height, sent.width], [truth.height, truth.width])
    assert.ok(sent.values.every((k) => k <= 20))
    const again = ['eval', 'run', '--split', 'val', '--submit', 'sent']
    await refused(again, /holds 20 files already/, cwd)
  },
  SLOW,
)

test(
  'cli: eval says that a data set has no categories, no instances and no results in the papers',
  async () => {
    await testDevice()
    const cwd = scratch()
    const trained = await ran(
      ['train', ...narrow, '--size', '16x32', '--steps', '1', '--out', 'run', '--json'],
      cwd,
    )
    assert.equal(trained.code, 0, trained.err)
    const { code, out, err } = await ran(['eval', 'run', '--flip', '--boundary'], cwd)
    assert.equal(code, 0, err)
    assert.match(out, /looked at by {"flip":true}/)
    assert.match(out, /no published row corresponds\nnot comparable: none of the five papers/)
    assert.match(out, /pixel accuracy at boundaries \d/)
    assert.doesNotMatch(out, /categories|NaN/)
    await refused(['eval', 'run', '--instances-iou'], /street is not scored by instances/, cwd)
    await refused(['eval', 'run', '--submit', 'sent'], /no form in which results on street/, cwd)
  },
  SLOW,
)

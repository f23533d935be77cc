// Of eight photographs that both networks have learned by heart, the instances come back: targets, losses, networks, pipeline and scores
// agree with each other on real labels.

import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { percent } from '../../train/scoring/metrics.ts'
import { ran, scratch } from '../cli/cli.ts'
import { needShared, test } from '../harness.ts'

/** Those of the sample's training images that are four by three, show several objects and none below a hundredth of the image: 19 objects
 * of 12 classes, most beside one of their own class. */
const names = [63, 121, 250, 480, 645, 768, 822, 904].map(
  (n) => `2007_${String(n).padStart(6, '0')}`,
)
const OBJECTS = 19
const small = ['--overfit', names.join(','), '--set', 'augmentation=[]', '--option', 'dropout=0']

interface Annotation {
  readonly score: number
  readonly area: number
  readonly image_id: number
}

test(
  'instances: two small networks learn eight photographs by heart, and their instances come back',
  async () => {
    const voc = needShared('data/voc-sample/VOCdevkit/VOC2012')
    const cwd = scratch()
    const done = async (...args: string[]) => {
      const { code, out, err } = await ran(args, cwd)
      assert.equal(code, 0, err)
      return out
    }
    for (const [recipe, steps, out] of [
      ['fcrn-small', '250', 'category'],
      ['localization-small', '300', 'boxes'],
    ])
      await done('train', recipe, '--data', voc, ...small, '--steps', steps, '--out', out, '--json')
    const nets = ['--semantic', 'category', '--localization', 'boxes']
    const scored = await done('eval-instances', ...nets, '--json')
    const { figures, errors, images, scores } = JSON.parse(scored)
    const { ap50, ap70, volume } = figures
    const of = `mAP^r ${percent(ap50)} at 0.5, ${percent(ap70)} at 0.7, ${percent(volume)} over 0.1 … 0.9`
    console.log(`${of}; ${errors.found} of ${OBJECTS} objects found`)
    const objects = scores.perClass.map((c: { instances: number }) => c.instances)
    const sum = objects.reduce((a: number, b: number) => a + b)
    assert.deepEqual([images, sum], [8, OBJECTS])
    assert.ok(ap50 >= 0.9, of)

    const photos = names.map((name) => join(voc, 'JPEGImages', `${name}.jpg`))
    await done('instances', ...photos, ...nets, '--out', 'found')
    const found = JSON.parse(readFileSync(join(cwd, 'found/instances.json'), 'utf8'))
    for (const name of names) assert.ok(existsSync(join(cwd, `found/${name}.png`)), name)
    // What is drawn, but for crumbs, is the objects.
    const whole = ({ score, area, image_id }: Annotation) => {
      const { height, width } = found.images[image_id - 1]
      return score >= 0.5 && area >= 0.01 * height * width
    }
    assert.equal(found.annotations.filter(whole).length, OBJECTS)
  },
  { slow: true, timeout: 3600 },
)

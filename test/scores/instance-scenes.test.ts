// What is made of found instances: scores by the rules of Cityscapes, what went wrong, files and pictures; and the commands.

import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { OptionError } from '../../engine/errors.ts'
import { CITYSCAPES_CLASSES } from '../../train/data/cityscapes-classes.ts'
import { maskOfRuns, unpackCounts } from '../../train/data/rle.ts'
import { ErrorBreakdown } from '../../train/instances/breakdown.ts'
import { CityscapesAp } from '../../train/instances/cityscapes.ts'
import { connectedInstances } from '../../train/instances/components.ts'
import { classCurves, precisionRecallSvg } from '../../train/instances/curve.ts'
import { FoundInstance } from '../../train/instances/found.ts'
import { instanceLabels, instanceOverlay } from '../../train/instances/overlay.ts'
import { CocoWriter, cityscapesFiles, cityscapesIdsOf } from '../../train/instances/record.ts'
import type { ThresholdTrial } from '../../train/instances/search.ts'
import { trueInstances } from '../../train/instances/truth.ts'
import { writePng } from '../../train/pictures/images.ts'
import { InstanceScorer } from '../../train/scoring/instance-scores.ts'
import { close } from '../checks.ts'
import { ran } from '../cli/cli.ts'
import { test } from '../harness.ts'

const W = 40
const H = 30

/** A rectangle's mask. */
function rect(top: number, left: number, bottom: number, right: number): Uint8Array {
  const mask = new Uint8Array(H * W)
  for (let y = top; y < bottom; y++) mask.fill(1, y * W + left, y * W + right)
  return mask
}

const claim = (k: number, score: number, mask: Uint8Array) => ({ class: k, score, mask })

/** Of masks painted over each other: labels and instance numbers. */
function example(
  ...things: readonly (readonly [label: number, number: number, mask: Uint8Array])[]
) {
  const [labels, instances] = [new Uint8Array(H * W), new Uint16Array(H * W)]
  for (const [label, number, mask] of things)
    mask.forEach((v, at) => {
      if (!v) return
      labels[at] = label
      instances[at] = number
    })
  return { name: 'made', image: new Uint8Array(3 * H * W), labels, instances, height: H, width: W }
}

const car = CITYSCAPES_CLASSES.findIndex(({ name }) => name === 'car')
const bus = CITYSCAPES_CLASSES.findIndex(({ name }) => name === 'bus')

test('instance scores: Cityscapes, by hand', () => {
  const [a, b] = [rect(0, 0, 12, 12), rect(0, 20, 12, 32)]
  const scene = example([car, 26001, a], [car, 26002, b], [bus, 28001, rect(20, 0, 25, 5)])
  const truth = trueInstances(scene)
  const apOf = (...claims: ReturnType<typeof claim>[]) => {
    const ap = new CityscapesAp(CITYSCAPES_CLASSES)
    ap.add(scene, truth, claims)
    const { perClass, ...all } = ap.scores()
    assert.equal(perClass.length, 8)
    // The bus has 25 pixels: too few to be one.
    assert.equal(perClass.find(({ name }) => name === 'bus')!.ap, null)
    return all
  }
  const both = [claim(car, 0.9, a), claim(car, 0.8, b)]
  assert.deepEqual(apOf(...both), { ap: 1, ap50: 1 })
  assert.deepEqual(apOf(), { ap: 0, ap50: 0 })
  // One of two: points (precision 1, recall ½), (1, 0): ½.
  close([apOf(both[0]).ap], [0.5], 1e-12, 'half')
  // A miss below both: points (⅔, 1), (1, 1), (1, ½), (1, 0): ⅔·0 + 1·¼ + 1·½ + 1·¼.
  const none = claim(car, 0.1, rect(15, 20, 27, 32))
  close([apOf(...both, none).ap], [1], 1e-12, 'behind')
  // Above both: points (⅔, 1), (½, ½), (0, 0), (1, 0): ⅔·¼ + ½·½ + 0·¼.
  close([apOf(...both, { ...none, score: 1 }).ap], [5 / 12], 1e-12, 'before')
  // A second one of the same instance is a miss; one on void, or too small, is nothing.
  assert.ok(apOf(...both, { ...both[0], score: 0.95 }).ap < 1)
  assert.equal(apOf(...both, claim(car, 1, rect(28, 0, 30, 9))).ap, 1)
  const voided = { ...scene, labels: scene.labels.map((v, at) => (at >= 15 * W ? 255 : v)) }
  const ap = new CityscapesAp(CITYSCAPES_CLASSES)
  ap.add(voided, trueInstances(voided), [...both, { ...none, score: 1 }])
  assert.equal(ap.scores().ap, 1)
})

test('instance errors: found, missed, merged, split, of another class, and nothing', () => {
  const classes = ['ground', 'one', 'two'].map((name) => ({ name, colour: [0, 0, 0] as const }))
  const [a, b, c] = [rect(0, 0, 10, 10), rect(0, 10, 10, 20), rect(15, 0, 25, 10)]
  const truth = [a, b, c].map((mask) => ({ class: 1, mask }))
  const of = (...claims: ReturnType<typeof claim>[]) => {
    const errors = new ErrorBreakdown(classes)
    errors.add(truth, claims)
    return errors.total
  }
  const none = { found: 0, missed: 0, merged: 0, split: 0, wrongClass: 0, false: 0 }
  assert.deepEqual(of(), { ...none, missed: 3 })
  assert.deepEqual(of(...[a, b, c].map((m) => claim(1, 1, m))), { ...none, found: 3 })
  assert.deepEqual(of(claim(1, 1, rect(0, 0, 10, 20))), { ...none, merged: 2, missed: 1, false: 1 })
  const halves = [claim(1, 1, rect(15, 0, 20, 10)), claim(1, 0.9, rect(20, 0, 25, 10))]
  assert.deepEqual(of(...halves), { ...none, split: 1, missed: 2, false: 2 })
  assert.deepEqual(of(claim(2, 1, c)), { ...none, wrongClass: 1, missed: 2, false: 1 })
  assert.deepEqual(of(claim(1, 1, a), claim(1, 0.5, a)), { ...none, found: 1, missed: 2, false: 1 })
})

/** Cells two pixels apart. */
const found = (k: number, score: number, cells: readonly number[]) =>
  new FoundInstance({ class: k, score, cells: Uint32Array.from(cells) }, 5, 7, 2)

test('instance files: masks come back from COCO’s runs, cells at the edge are cut', () => {
  const instance = found(1, 0.75, [0, 1, 5, 7, 11])
  const rows = ['1111000', '1111000', '0011001', '0011001', '0000001']
  // Cells are 3 rows of 4: 11 is the last, of one pixel.
  assert.deepEqual([...instance.mask], [...rows.join('')].map(Number))
  assert.deepEqual([instance.box, instance.area], [[0, 0, 5, 7], 8 + 4 + 2 + 1])
  const classes = ['ground', 'one', 'two'].map((name) => ({ name, colour: [9, 9, 9] as const }))
  const coco = new CocoWriter(classes)
  coco.add('empty.jpg', 5, 7, [])
  coco.add('a.jpg', 5, 7, [instance])
  const { images, annotations, categories } = JSON.parse(JSON.stringify(coco.file))
  assert.deepEqual(
    images.map((i: { id: number }) => i.id),
    [1, 2],
  )
  assert.deepEqual(categories, [
    { id: 1, name: 'one' },
    { id: 2, name: 'two' },
  ])
  const [one] = annotations
  assert.deepEqual([one.image_id, one.category_id, one.score, one.area], [2, 1, 0.75, 15])
  assert.deepEqual(one.bbox, [0, 0, 7, 5])
  const { size, counts } = one.segmentation
  assert.deepEqual(maskOfRuns({ size, counts: unpackCounts(counts) }), instance.mask)

  assert.throws(() => cityscapesIdsOf(classes), OptionError)
  const ids = cityscapesIdsOf(CITYSCAPES_CLASSES)
  const { text, masks } = cityscapesFiles('city', [found(car, 0.5, [0]), found(0, 0.9, [1])], ids)
  assert.equal(text, 'city_masks/city_0.png 26 0.500000\n')
  assert.deepEqual([masks.length, Math.max(...masks[0].mask)], [1, 255])

  const picture = { data: new Uint8Array(3 * 35), height: 5, width: 7 }
  const over = instanceOverlay(picture, [instance])
  assert.deepEqual(picture.data, new Uint8Array(3 * 35))
  for (let at = 0; at < 35; at++)
    assert.equal(over.data.subarray(3 * at, 3 * at + 3).some(Boolean), !!instance.mask[at])
  assert.match(instanceLabels(picture, [instance], classes), /one 75 %/)
})

test('instance curves: a class that has instances is drawn, hits first', () => {
  const classes = ['ground', 'one', 'two'].map((name) => ({ name, colour: [9, 9, 9] as const }))
  const scorer = new InstanceScorer(classes)
  const [a, b] = [rect(0, 0, 10, 10), rect(0, 10, 10, 20)]
  scorer.add(
    [a, b].map((mask) => ({ class: 1, mask })),
    [claim(1, 0.2, rect(20, 20, 25, 25)), claim(1, 0.9, a), claim(2, 0.9, a)],
  )
  assert.deepEqual(scorer.hits(0.5), [[], [true, false], [false]])
  const [curve, ...others] = classCurves(scorer, 0.5)
  assert.deepEqual([others.length, curve.name, curve.ap], [0, 'one', 0.5])
  assert.deepEqual(
    [[...curve.precision], [...curve.recall]],
    [
      [1, 0.5],
      [0.5, 0.5],
    ],
  )
  assert.match(precisionRecallSvg([curve], 'both & all'), /both &amp; all[\s\S]*one 50\.0/)
})

test('instances: connected pieces of masks, which touch across edges and not across corners', () => {
  const rows = ['1102', '1102', '0011', '2000']
  const labels = [...rows.join('')].map(Number)
  const p = labels.flatMap((k) => [0, 1, 2].map((c) => (c === k ? 0.75 : 0.125)))
  const found = connectedInstances(p, 4, 4, 2)
  const told = found.map(({ class: k, mask }) => [k, mask.join('')])
  assert.deepEqual(told, [
    [1, '1100110000000000'],
    [2, '0001000100000000'],
    [1, '0000000000110000'],
  ])
  assert.ok(found.every(({ score }) => score === 0.75))
})

test('instances: two networks from the command line, and what it refuses', async () => {
  const cwd = mkdtempSync(join(tmpdir(), 'instances-'))
  const few = ['--set', 'data.val=4', '--set', 'data.test=4']
  const tiny = ['--data', 'crowd', ...few, '--size', '32x48', '--steps', '1', '--batch', '1']
  const narrow = ['--set', 'model.options.width=4', '--json']
  for (const [recipe, out] of [
    ['fcrn-small', 'a'],
    ['localization-small', 'b'],
  ]) {
    const { code, err } = await ran(['train', recipe, ...tiny, ...narrow, '--out', out], cwd)
    assert.equal(code, 0, err)
  }
  // A localization net has boxes to score, and no masks.
  const boxes = await ran(['eval', 'b', '--json'], cwd)
  assert.equal(boxes.code, 0, boxes.err)
  const { meanIoU, cells, images: looked } = JSON.parse(boxes.out)
  assert.ok(meanIoU >= 0 && meanIoU <= 1 && cells > 0 && looked === 4)
  assert.deepEqual(
    JSON.parse(readFileSync(join(cwd, 'b/scores.json'), 'utf8')).boxes.meanIoU,
    meanIoU,
  )
  const trimap = await ran(['eval', 'b', '--trimap'], cwd)
  assert.equal(trimap.code, 2)
  assert.match(trimap.err, /predicts boxes, and --trimap is of class masks[\s\S]*eval-instances/)
  const data = Uint8Array.from({ length: 3 * 33 * 50 }, (_, i) => (i * 37) % 251)
  await writePng(join(cwd, 'photo.png'), { data, height: 33, width: 50 })
  const nets = ['--semantic', 'a', '--localization', 'b']
  const { code, err } = await ran(
    ['instances', 'photo.png', ...nets, '--out', 'found', '--show', '0', '--cells', '1'],
    cwd,
  )
  assert.equal(code, 0, err)
  const coco = JSON.parse(readFileSync(join(cwd, 'found/instances.json'), 'utf8'))
  assert.deepEqual(coco.images, [{ id: 1, file_name: 'photo.png', height: 33, width: 50 }])
  assert.ok(coco.annotations.length && existsSync(join(cwd, 'found/photo.png')))

  const sure = ['photo.png', ...nets, '--out', 'sure', '--cells', '1', '--least', '1', '--json']
  assert.equal(JSON.parse((await ran(['instances', ...sure], cwd)).out).instances, 0)

  writeFileSync(join(cwd, 'torn.png'), 'no picture')
  for (const [args, says] of [
    [['photo.png', '--semantic', 'a', '--out', 'x'], /--localization is missing/],
    [['photo.png', '--semantic', 'b', '--localization', 'a', '--out', 'x'], /predicts/],
    [['photo.png', ...nets], /--out is missing/],
    [[...nets, '--out', 'x'], /IMAGE or FOLDER is missing/],
    [['photo.png', 'torn.png', ...nets, '--out', 'x'], /torn.png/],
    [['photo.png', ...nets, '--out', 'x', '--threshold', '2'], /threshold 2 is not between/],
    [['photo.png', ...nets, '--out', 'x', '--cityscapes'], /not the classes of Cityscapes/],
  ] as const) {
    const { code, err } = await ran(['instances', ...args], cwd)
    assert.equal(code, 2, err)
    assert.match(err, says)
    assert.equal(existsSync(join(cwd, 'x')), false)
  }
  const scored = await ran(
    [
      'eval-instances',
      ...nets,
      '--oracle',
      'ordered',
      '--json',
      '--out',
      'curves.svg',
      '--cells',
      '1',
    ],
    cwd,
  )
  assert.equal(scored.code, 0, scored.err)
  const { figures, errors, images } = JSON.parse(scored.out)
  assert.ok(figures.volume >= 0 && figures.volume <= 1 && images === 4 && errors.missed >= 0)
  assert.match(readFileSync(join(cwd, 'curves.svg'), 'utf8'), /recall/)

  // The threshold is found on val, kept beside the boxes, and used from then on.
  const both = ['eval-instances', ...nets, '--cells', '1', '--json']
  const search = await ran([...both, '--search'], cwd)
  assert.equal(search.code, 0, search.err)
  const file = join(cwd, 'b/instances.json')
  const kept = JSON.parse(readFileSync(file, 'utf8'))
  const { threshold, split } = kept
  const trials: ThresholdTrial[] = kept.trials
  assert.deepEqual(JSON.parse(search.out).trials, trials)
  assert.equal(split, 'val')
  assert.equal(
    threshold,
    trials.toSorted((a, b) => b.ap50 - a.ap50 || b.volume - a.volume)[0].threshold,
  )
  // Not the default, so that it is seen to come from the file.
  const other = trials.find((t) => t.threshold === 0.2)!
  const text = readFileSync(file, 'utf8').replace(`"threshold": ${threshold}`, '"threshold": 0.2')
  writeFileSync(file, text)
  const val = await ran([...both, '--split', 'val'], cwd)
  assert.match(val.err, /threshold 0.2, found on the val split/)
  const again = JSON.parse(val.out)
  const { threshold: _, ...told } = other
  assert.deepEqual([again.threshold, again.figures], [0.2, told])
  const given = await ran([...both, '--threshold', '0.6'], cwd)
  assert.equal(JSON.parse(given.out).threshold, 0.6)
  const refused = await ran([...both, '--search', '--threshold', '0.6'], cwd)
  assert.match(refused.err, /--search tries thresholds .* --threshold says otherwise/)
  writeFileSync(file, '{}')
  const damaged = await ran(both, cwd)
  assert.equal(damaged.code, 2)
  assert.match(damaged.err, /instances.json: is damaged[\s\S]*--search/)
})

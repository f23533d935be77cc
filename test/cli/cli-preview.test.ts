// The contact sheet of augmentation, as a library draws it and as a person asks for it.

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { readImage } from '../../train/pictures/images.ts'
import { previewSheet } from '../../train/pictures/preview.ts'
import { drawnExample } from '../data/augment.ts'
import { needShared, test } from '../harness.ts'
import { ran, refused, scratch } from './cli.ts'

const classes = [
  [200, 0, 0],
  [0, 200, 0],
  [0, 0, 200],
  [200, 200, 0],
  [0, 200, 200],
].map(([r, g, b], k) => ({ name: `class ${k}`, colour: [r, g, b] as const }))

test('preview: a row is the image as it is, then variants that the seed, the row and the column decide', () => {
  const examples = [1, 2].map((seed) => drawnExample(10, 20, seed))
  const steps = [{ name: 'translate', pixels: 3 } as const]
  const options = { variants: 2, seed: 5, rows: 10 }
  const { picture, rows } = previewSheet(examples, classes, steps, options)
  assert.deepEqual([picture.height, picture.width], [10 + 4 + 10, 20 + 4 + 20 + 4 + 20])
  const pixel = (y: number, x: number) => [
    ...picture.data.subarray(3 * (y * 68 + x), 3 * (y * 68 + x) + 3),
  ]
  for (const [y, x] of [
    [0, 0],
    [9, 19],
  ])
    assert.deepEqual(pixel(y, x), [
      ...examples[0].image.subarray(3 * (y * 20 + x), 3 * (y * 20 + x) + 3),
    ])
  assert.deepEqual(previewSheet(examples, classes, steps, options).picture, picture)
  const alone = previewSheet(examples.slice(0, 1), classes, steps, { ...options, variants: 3 })
  assert.deepEqual(alone.rows[0].variants.slice(0, 2), rows[0].variants)
  assert.notDeepEqual(rows[0].variants[0].drawn, rows[0].variants[1].drawn)
})

test('preview: labels shine through in the colours of their classes, void is black and white', () => {
  const image = new Uint8Array(3 * 40 * 40).fill(100)
  const labels = new Uint8Array(40 * 40).fill(1)
  labels.fill(255, 800)
  const example = { name: 'halves', image, labels, height: 40, width: 40 }
  const { picture } = previewSheet([example], classes, [], { variants: 1, rows: 40 })
  const pixels = (from: number, to: number) =>
    new Set(
      Array.from({ length: to - from }, (_, i) => {
        const [y, x] = [Math.floor((from + i) / 40), (from + i) % 40]
        const at = 3 * (y * picture.width + 44 + x)
        return picture.data.subarray(at, at + 3).join()
      }),
    )
  // 100 + 0.45 · (0 − 100) and so on.
  assert.deepEqual(pixels(0, 800), new Set(['55,145,55']))
  assert.deepEqual(pixels(800, 1600), new Set(['55,55,55', '170,170,170']))
})

test('preview: dots are where labels are taken', () => {
  const example = { ...drawnExample(32, 32, 3), labels: new Uint8Array(32 * 32) }
  for (let y = 4; y < 32; y += 8) for (let x = 4; x < 32; x += 8) example.labels[y * 32 + x] = 2
  const grid = { stride: 8, offset: 4 }
  const { picture } = previewSheet([example], classes, [], { variants: 1, grid })
  // Twice as large, beside the image as it is.
  assert.deepEqual([picture.height, picture.width], [64, 64 + 4 + 64])
  let dots = 0
  for (let i = 0; i < picture.data.length; i += 3)
    dots += +(picture.data.subarray(i, i + 3).join() === '0,0,200')
  assert.equal(dots, 16 * 9)
})

test('preview: images of any size and without labels have a place', () => {
  const examples = [drawnExample(1, 1, 1), drawnExample(700, 3, 2), drawnExample(5, 900, 3)].map(
    (example) => ({ ...example, labels: new Uint8Array(), category: 1 }),
  )
  const { picture, rows } = previewSheet(examples, classes, [{ name: 'flip' }], { rows: 30 })
  assert.equal(picture.data.length, 3 * picture.height * picture.width)
  assert.ok(picture.height <= 3 * 30 + 8 && picture.width <= 4 * 120 + 12)
  assert.deepEqual(
    rows.map(({ category }) => category),
    [1, 1, 1],
  )
})

test('cli: preview draws a sheet, and says what was drawn', async () => {
  const cwd = scratch()
  const steps = '[{"name":"translate","pixels":6},{"name":"gamma","range":0.05}]'
  const args = ['preview', '--count', '2', '--augmentation', steps]
  const { code, out, err } = await ran(args, cwd)
  assert.equal(code, 0, err)
  assert.match(out, /^2 images of street, train; recipe street, seed 1\nsteps: translate pixels 6/)
  assert.match(
    out,
    /\nrow 2: street-1-\d+, 48x64\n {2}48x64 {2}translate dy -?\d dx -?\d, gamma [\d.]+\n/,
  )
  assert.match(out, /\npreview\.png: on the left each image as it is, then 3 draws with labels/)
  const sheet = await readImage(join(cwd, 'preview.png'))
  assert.deepEqual([sheet.height, sheet.width], [2 * 240 + 4, 4 * 320 + 12])
  const again = await ran([...args, '--json', '--variants', '1', '--out', 'b.png'], cwd)
  const { rows, file } = JSON.parse(again.out)
  assert.equal(file, 'b.png')
  assert.deepEqual(Object.keys(rows[0].variants[0].drawn[0].values), ['dy', 'dx'])
})

test('cli: preview of a recipe on its data', async () => {
  const [voc, cwd] = [needShared('data/voc-sample'), scratch()]
  const args = [
    'preview',
    'fcrn-voc',
    '--data',
    voc,
    '--count',
    '1',
    '--grid',
    '8',
    '--offset',
    '4',
  ]
  const { code, out, err } = await ran(args, cwd)
  assert.equal(code, 0, err)
  assert.match(
    out,
    /1 image of voc, train; recipe fcrn-voc, seed 1\nsteps: resize longer 500 range 0.7…1.3/,
  )
  assert.match(
    out,
    /\n {2}504x504 {2}resize height \d+ width \d+, crop top -?\d+ left -?\d+, (no )?flip\n/,
  )
})

test('cli: preview refuses what says nothing', async () => {
  await Promise.all([
    refused(['preview', '--augmentation', 'flip'], /--augmentation is no JSON: flip\n/),
    refused(['preview', '--augmentation', '[{"name":"flop"}]'], /there is no flop\n.*flip/),
    refused(['preview', '--offset', '3'], /--offset is that of a grid\n/),
    refused(['preview', '--grid', '8', '--offset', '8'], /--offset 8 is outside .*\n.* 0 to 7/),
    refused(['preview', '--out', 'sheet.txt'], /--out cannot be 'sheet.txt'/),
    refused(['preview', 'frrn-z'], /there is no recipe frrn-z\n.*did you mean/),
    refused(['preview', 'frrn-a'], /frrn-a needs images and labels/),
  ])
})

// `atrous predict`: its test-time options, several checkpoints, heat maps, and photos as they come from a camera.

import assert from 'node:assert/strict'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import sharp from 'sharp'
import { frrnA, localizationNet, type Network } from '../../models/index.ts'
import { encodeCheckpoint } from '../../train/checkpoint/checkpoint.ts'
import type { ClassInfo } from '../../train/dataset.ts'
import { readImage, readLabels, readPhoto, writePng } from '../../train/pictures/images.ts'
import { testDevice } from '../device.ts'
import { test } from '../harness.ts'
import { drawnPicture } from '../scores/predict-network.ts'
import { ran, refused, scratch } from './cli.ts'

const classes: ClassInfo[] = ['road', 'tree trunk', 'sky'].map((name, i) => ({
  name,
  colour: [80 * i, 200 - 60 * i, 40],
}))

/** A checkpoint that nobody trained. */
async function checkpoint(file: string, names = classes, seed = 1): Promise<void> {
  await untrained(file, frrnA({ classes: names.length, base: 2, lanes: 2, seed }), names)
}

async function untrained(file: string, model: Network, names = classes): Promise<void> {
  const device = await testDevice()
  const { bytes } = await encodeCheckpoint(device, model, undefined, {
    progress: { step: 1, examples: 1, seconds: 1 } as never,
    classes: names,
    size: [16, 16],
    recipe: undefined,
  })
  writeFileSync(file, bytes)
}

test('cli: predict by test-time procedures, with several checkpoints, and with heat maps', async () => {
  const cwd = scratch()
  await checkpoint(join(cwd, 'a.safetensors'))
  await checkpoint(join(cwd, 'b.safetensors'), classes, 2)
  await writePng(join(cwd, 'photo.png'), drawnPicture(19, 30))
  const predict = async (out: string, ...more: string[]) => {
    const given = [...more, '--out', out, '--json']
    const { code, out: text, err } = await ran(['predict', ...given], cwd)
    assert.equal(code, 0, err)
    return JSON.parse(text)
  }
  const models = 'a.safetensors,b.safetensors'
  const scores = ['--scores', 'sky', '--scores', 'tree trunk']
  const asked = ['--flip', '--scales', '0.75,1', '--window', '16x16:12', '--crf']
  const all = await predict('all', models, 'photo.png', '--size', 'full', ...asked, ...scores)
  assert.deepEqual(all.testTime, {
    ...{ flip: true, scales: [0.75, 1], crf: true },
    window: { height: 16, width: 16, stride: 12 },
  })
  assert.deepEqual(all.checkpoints, ['a.safetensors', 'b.safetensors'])
  const names = ['photo-overlay.png', 'photo-sky.png', 'photo-tree-trunk.png', 'photo.png']
  assert.deepEqual(readdirSync(join(cwd, 'all')).sort(), names)
  for (const name of names) {
    const { height, width } = await readImage(join(cwd, 'all', name))
    assert.deepEqual([height, width], [19, 30], name)
  }
  // The mask is where a class is likeliest, and its map is brightest there.
  const plain = await predict('plain', 'a.safetensors', 'photo.png', '--scores', '2')
  assert.deepEqual(plain.testTime, { resize: { height: 16 } })
  const mask = await readLabels(join(cwd, 'plain/photo.png'))
  const map = await readImage(join(cwd, 'plain/photo-sky.png'))
  const brightness = (of: boolean) => {
    const own = [...mask.values.keys()].filter((i) => (mask.values[i] === 2) === of)
    assert.ok(own.length > 10)
    return own.reduce((s, i) => s + map.data[3 * i], 0) / own.length
  }
  assert.ok(brightness(true) > brightness(false))

  writeFileSync(join(cwd, 'test.json'), '{"resize": {"longer": 24}, "upsample": "bicubic"}')
  const file = await predict('file', 'a.safetensors', 'photo.png', '--test', 'test.json', '--flip')
  assert.deepEqual(file.testTime, { resize: { longer: 24 }, upsample: 'bicubic', flip: true })
})

test('cli: procedures, classes and checkpoints that make no sense are refused', async () => {
  const cwd = scratch()
  await checkpoint(join(cwd, 'a.safetensors'))
  await checkpoint(join(cwd, 'b.safetensors'), classes.toReversed())
  await writePng(join(cwd, 'photo.png'), drawnPicture(4, 4))
  writeFileSync(join(cwd, 'bad.json'), '{"flip": ')
  writeFileSync(join(cwd, 'wrong.json'), '{"scale": 2}')
  const cases: [string[], RegExp][] = [
    [['--test', 'p9'], /no test-time procedure p9/],
    [['--test', 'none.json'], /none.json: cannot be read: does not exist/],
    [['--test', 'bad.json'], /bad.json: is not JSON/],
    [['--test', 'wrong.json'], /wrong.json: test time has no scale/],
    [['--scales', '1,,2'], /--scales cannot be '1,,2'/],
    [['--scales', '1,1'], /scales cannot be \[1,1\]/],
    [['--window', '16'], /--window cannot be '16'/],
    [['--window', '16x16:40'], /window cannot be/],
    [['--shifted'], /frrn-a has no stage whose stride can be shifted/],
    [['--scores', 'skye'], /no class skye[\s\S]*mean sky/],
  ]
  const predict = (model: string, more: string[]) => [
    'predict',
    model,
    'photo.png',
    '--out',
    'masks',
    ...more,
  ]
  await Promise.all([
    ...cases.map(([more, message]) => refused(predict('a.safetensors', more), message, cwd)),
    refused(
      predict('a.safetensors,b.safetensors', []),
      /knows the classes road, tree trunk, sky; b.safetensors knows sky/,
      cwd,
    ),
  ])
  assert.ok(!readdirSync(cwd).includes('masks'))
})

test('cli: predict and instances overwrite neither a picture nor their own results', async () => {
  const cwd = scratch()
  await checkpoint(join(cwd, 'a.safetensors'))
  const picture = drawnPicture(4, 4)
  for (const file of ['ph/a.png', 'b.jpg', 'b-overlay.jpg'])
    await writePng(join(cwd, file), picture)
  symlinkSync(join(cwd, 'ph'), join(cwd, 'link'))
  const before = readFileSync(join(cwd, 'ph/a.png'))
  const predict = (...more: string[]) => ['predict', 'a.safetensors', ...more, '--out']
  const mask = /ph.a\.png would be overwritten by the mask of .*\n.*another folder with --out/
  await refused([...predict('ph/a.png'), 'ph'], mask, cwd)
  await refused([...predict('ph'), 'link'], mask, cwd)
  const [, , ...here] = predict('a.png')
  const above = ['predict', join(cwd, 'a.safetensors'), ...here, '.']
  await refused(above, /a\.png would be overwritten/, join(cwd, 'ph'))
  await refused(
    [...predict('b.jpg', 'b-overlay.jpg'), 'out'],
    /overlay of b\.jpg, out.b-overlay\.png, would be overwritten by the mask of b-overlay\.jpg/,
    cwd,
  )
  await refused([...predict('ph/a.png', 'ph/a.png'), 'out'], /mask of .* overwritten by/, cwd)
  await refused(
    [...predict('b.jpg', '--scores', 'sky', '--scores', '2'), 'out'],
    /map of sky of b\.jpg, .* overwritten by the map of sky/,
    cwd,
  )

  const options = { width: 2, classes: classes.length - 1 }
  mkdirSync(join(cwd, 'run'))
  writeFileSync(join(cwd, 'run/config.json'), '{}')
  await untrained(join(cwd, 'boxes.safetensors'), localizationNet(18, options))
  const nets = (boxes: string) => ['--semantic', 'a.safetensors', '--localization', boxes, '--out']
  const own = ['instances', 'ph/a.png', ...nets('boxes.safetensors')]
  await refused([...own, 'ph'], /ph.a\.png would be overwritten by the instances of/, cwd)
  await refused([...own, '.'], /instances\.json would be overwritten by the list/, cwd)
  await refused([...own, 'run'], /run is a run, where instances\.json is/, cwd)
  const both = ['instances', 'b.jpg', 'ph/b.png', ...nets('boxes.safetensors'), 'out']
  await writePng(join(cwd, 'ph/b.png'), picture)
  await refused(both, /instances of b\.jpg, .* overwritten by the instances of ph.b\.png/, cwd)

  assert.deepEqual(readFileSync(join(cwd, 'ph/a.png')), before)
  assert.ok(!existsSync(join(cwd, 'out')))
})

test('photos are turned upright as their EXIF says; data sets’ images stay as they are stored', async () => {
  const cwd = scratch()
  const [height, width] = [8, 16]
  // Left half dark, right half bright; orientation 6 is a quarter turn clockwise: the left becomes the top.
  const data = Uint8Array.from({ length: 3 * height * width }, (_, i) =>
    Math.floor(i / 3) % width < width / 2 ? 10 : 240,
  )
  const file = join(cwd, 'turned.jpg')
  const stored = sharp(data, { raw: { width, height, channels: 3 } })
  await stored.clone().withMetadata({ orientation: 6 }).jpeg({ quality: 100 }).toFile(file)
  const photo = await readPhoto(file)
  assert.deepEqual([photo.height, photo.width], [16, 8])
  const last = photo.data.length - 3
  assert.ok(photo.data[0] < 30 && photo.data[last] > 220)
  assert.equal((await readImage(file)).width, 16)

  const pages = { raw: { width, height, channels: 3 as const, pageHeight: height / 2 } }
  const frames = data.map((v, i) => (i < data.length / 2 ? v : 255 - v))
  await sharp(frames, pages).gif().toFile(join(cwd, 'moving.gif'))
  await assert.rejects(readPhoto(join(cwd, 'moving.gif')), /moving.gif: holds 2 pictures/)
  const films = {
    'film.mp4': Buffer.from('\0\0\0\x18ftypisom\0\0\x02\0', 'latin1'),
    'film.webm': Buffer.from('\x1aE\xdf\xa3\x01\0\0\0\0\0\0\x1f', 'latin1'),
    'film.avi': Buffer.from('RIFF\x10\0\0\0AVI LIST', 'latin1'),
  }
  for (const [name, bytes] of Object.entries(films)) {
    writeFileSync(join(cwd, name), bytes)
    await assert.rejects(readPhoto(join(cwd, name)), new RegExp(`${name}: is a film`))
  }
  writeFileSync(join(cwd, 'no.jpg'), 'no picture')
  await assert.rejects(readPhoto(join(cwd, 'no.jpg')), /no.jpg: cannot be decoded/)
  writeFileSync(join(cwd, 'none.jpg'), '')
  await assert.rejects(readPhoto(join(cwd, 'none.jpg')), /none.jpg: cannot .* the file is empty/)
})

test('photos of other depths and inks come as 8-bit RGB', async () => {
  const cwd = scratch()
  const grey = Uint8Array.from({ length: 64 }, (_, i) => 4 * i)
  const image = () => sharp(grey, { raw: { width: 8, height: 8, channels: 1 } })
  const near = async (file: string, most: number) => {
    const { data } = await readPhoto(join(cwd, file))
    assert.equal(data.length, 3 * 64, file)
    for (let i = 0; i < 192; i++)
      assert.ok(Math.abs(data[i] - grey[Math.floor(i / 3)]) <= most, `${file}: ${i}`)
  }
  await image().png().toFile(join(cwd, 'grey.png'))
  await near('grey.png', 0)
  const deep = Uint16Array.from(grey, (v) => 257 * v)
  const sixteen = sharp(deep, { raw: { width: 8, height: 8, channels: 1 } })
  await sixteen.toColourspace('grey16').png().toFile(join(cwd, 'deep.png'))
  await near('deep.png', 1)
  await image().toColourspace('cmyk').tiff().toFile(join(cwd, 'inks.tiff'))
  // Ink cannot be as black, or as bright, as light.
  await near('inks.tiff', 40)
})

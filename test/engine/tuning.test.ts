// The tuning table as data: classes of problems, texts, hashes, what is refused, and which tile a plan then has.

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import type { Caps } from '../../engine/adapters/adapter.ts'
import { conv2d, DataError, defaultCaps, openDevice, type Tensor } from '../../engine/node.ts'
import { stages } from '../../engine/stages.ts'
import { keepTuning, openTuning, tuningName } from '../../engine/tuning/open.ts'
import { cut, flopsOf } from '../../engine/tuning/problem.ts'
import { adapterId, checkTuning, parseTuning, Tuning } from '../../engine/tuning/table.ts'
import {
  chosenForward,
  chosenWeight,
  defaultForward,
  forwardCandidates,
  tileName,
  weightCandidates,
} from '../../shaders/conv/choice.ts'
import {
  type Conv,
  convGeometry,
  inputGradGeometry,
  matmulGeometry,
} from '../../shaders/conv/geometry.ts'
import { problemClass, problemOf } from '../../shaders/problem-class.ts'
import { f32 } from '../agree.ts'
import { scratch } from '../cli/cli.ts'
import { withEnvironment } from '../environment.ts'
import { test } from '../harness.ts'
import { refusal } from './own-device.ts'

const conv = (
  size: number,
  cin: number,
  cout: number,
  k: number,
  stride = 1,
  dilation = 1,
): Conv => {
  const pad = (dilation * (k - 1)) / 2
  const out = Math.ceil(size / stride)
  return {
    ...{ n: 1, h: size, w: size, cin, oh: out, ow: out, cout, kh: k, kw: k },
    ...{ strideY: stride, strideX: stride, dilationY: dilation, dilationX: dilation },
    ...{ padTop: pad, padLeft: pad },
  }
}

const lavapipe: Caps = {
  ...defaultCaps,
  ...{ kind: 'lavapipe', software: true, subgroupSize: 8, maxInvocations: 1024 },
}

test('tuning: classes say what matters and round the rest', () => {
  const forward = (c: Conv) => problemClass('forward', convGeometry(c))
  assert.is(forward(conv(80, 16, 48, 3)), 'conv f32 p13 c16 o48 t9')
  assert.is(forward(conv(90, 16, 48, 3)), 'conv f32 p13 c16 o48 t9')
  assert.is(forward(conv(91, 16, 48, 3)), 'conv f32 p14 c16 o48 t9')
  assert.is(forward(conv(32, 64, 128, 3, 2)), 'conv f32 p8 c64 o128 t9 stride')
  assert.is(forward(conv(32, 64, 21, 5, 1, 12)), 'conv f32 p10 c64 o22s t26 step')
  assert.is(forward(conv(14, 1024, 250, 1)), 'product f32 p8 c1024 o256s')
  assert.is(problemClass('forward', matmulGeometry(1000, 70, 96)), 'product f32 p10 c72s o96')
  assert.is(
    problemClass('forward', inputGradGeometry(conv(32, 64, 128, 3, 2))),
    'spread f32 p8 c128 o64 t9',
  )
  assert.is(problemClass('weight', convGeometry(conv(64, 3, 8, 3))), 'weight f32 p12 c3s o8 t9')
  assert.is(forward(conv(4000, 16, 16, 3)), forward(conv(1000, 16, 16, 3)))
})

test('tuning: a class gives a problem of that class', () => {
  const geometries = [
    conv(80, 16, 48, 3),
    conv(9, 23, 72, 5, 2),
    conv(30, 3, 19, 1),
    conv(8, 100, 7, 7, 1, 2),
  ]
  for (const c of geometries)
    for (const g of [convGeometry(c), inputGradGeometry(c), matmulGeometry(c.h, c.cin, c.cout, 3)])
      for (const family of ['forward', 'weight'] as const) {
        const name = problemClass(family, g)
        const found = problemOf(name)
        assert.ok(found, name)
        assert.is(problemClass(found.family, found.problem), name)
      }
  for (const name of [
    '',
    'conv',
    'conv f32 p99 c8 o8 t9',
    'conv f32 p3 c4s o8 t9',
    'pool f32 p3 c4 o4 t9',
  ])
    assert.is(problemOf(name), undefined, name)
})

test('tuning: what is measured of a large problem is of its class but for the pixels, and small enough', () => {
  for (const g of [
    convGeometry(conv(600, 32, 32, 3)),
    convGeometry(conv(600, 32, 32, 3, 2, 4)),
    inputGradGeometry(conv(601, 16, 32, 3, 2)),
    matmulGeometry(100_000, 64, 64),
  ]) {
    const small = cut(g, 1e8)
    assert.ok(flopsOf(small) < 1.1e8 && flopsOf(small) > 0.8e8, `${flopsOf(small)}`)
    const [is, was] = [small, g].map((p) => problemClass('forward', p).replace(/ p\d+/, ''))
    assert.is(is, was)
    assert.ok(small.h <= g.h && small.w <= g.w)
  }
})

const sample = () =>
  new Tuning('an adapter', [
    ['product f32 p10 c8 o12', 'default'],
    ['conv f32 p13 c16 o16 t9', 'subgroup cols4 lanes8 rows2'],
  ])

test('tuning: equal tables have one text and one hash, whatever the order; others have others', () => {
  const table = sample()
  const again = parseTuning(table.text, 'a file', 'an adapter')
  assert.is(again.text, table.text)
  assert.is(again.hash, table.hash)
  assert.match(table.hash, /^[0-9a-f]{16}$/)
  const reversed = new Tuning('an adapter', Object.entries(table.toJSON().entries).reverse())
  assert.is(reversed.text, table.text)
  const others = [
    new Tuning('an adapter'),
    new Tuning('another', Object.entries(table.toJSON().entries)),
    table.with([['conv f32 p13 c16 o16 t9', 'direct cols2 lanes8 rows4']]),
  ]
  for (const other of others) assert.is.not(other.hash, table.hash)
  // What was measured and found no better chooses nothing.
  assert.is(table.with([['conv f32 p1 c4 o4 t9', 'default']]).hash, table.hash)
})

test('tuning: tables that are damaged, foreign, newer or of other kernels are refused in a sentence', async () => {
  const json = sample().toJSON()
  const cases: [unknown, RegExp][] = [
    ['{', /a file: is no tuning table: .*JSON/],
    ['null', /a file: is no tuning table/],
    ['[1, 2]', /a file: is no tuning table/],
    [{ ...json, format: 2 }, /tuning format 2, and this version reads up to 1/],
    [{ ...json, kernels: 0 }, /measured with version 0 of the kernels/],
    [{ ...json, adapter: 'another' }, /measured on another, and this adapter is an adapter/],
    [{ ...json, entries: [] }, /has no entries/],
    [{ ...json, entries: { 'conv f32': 7 } }, /a damaged entry: \["conv f32",7\]/],
    [{ ...json, entries: { __proto__: null, 'conv f32': 'a\nb' } }, /a damaged entry/],
  ]
  for (const [value, message] of cases) {
    const text = typeof value === 'string' ? value : JSON.stringify(value)
    const error = await refusal(() => parseTuning(text, 'a file', 'an adapter'))
    assert.instance(error, DataError)
    assert.match(error.message, message)
    assert.match(error.message, /\n {2}hint: /)
  }
  assert.throws(() => checkTuning(undefined, 'a table', ''), /is no tuning table/)
})

test('tuning: a plan has the tile that the table names, and no device is needed', () => {
  const g = convGeometry(conv(90, 16, 48, 3))
  const usual = defaultForward(g, lavapipe)
  const other = forwardCandidates(g, lavapipe).find((t) => tileName(t) !== tileName(usual))!
  const entries = [[problemClass('forward', g), tileName(other)] as const]
  const tuned: Caps = { ...lavapipe, tuning: new Tuning('lavapipe', entries) }
  assert.is(tileName(chosenForward(g, tuned)), tileName(other))
  assert.is(tileName(chosenForward(g, lavapipe)), tileName(usual))
  const kernels = (caps: Caps) => {
    const f = (x: Tensor, w: Tensor) => conv2d(x, w, { padding: 1 })
    return [...stages(f, [f32(1, 90, 90, 16), f32(3, 3, 16, 48)], caps).plan.kernels].join()
  }
  assert.is.not(kernels(tuned), kernels(lavapipe))
  assert.is(kernels(tuned), kernels({ ...tuned }))
})

test('tuning: a weight gradient has the tile that the table names, in strips of its own', () => {
  const g = convGeometry(conv(90, 8, 8, 3))
  const all = weightCandidates(g, lavapipe)
  const entries = [[problemClass('weight', g), tileName(all[1])] as const]
  const tile = chosenWeight(g, { ...lavapipe, tuning: new Tuning('lavapipe', entries) })
  assert.equal(tile, all[1])
  assert.ok(tile.splits > 1)
})

test('tuning: a tile that the machine cannot run is left out with a warning, and never taken', async () => {
  const g = convGeometry(conv(90, 16, 48, 3))
  const name = problemClass('forward', g)
  const entries = [
    [name, 'subgroup cols4 lanes4096 rows2'],
    ['conv f32 p3 c8 o8 t9', 'default'],
  ] as const
  const table = new Tuning('an adapter', entries)
  const caps: Caps = { ...lavapipe, tuning: table }
  assert.is(tileName(chosenForward(g, caps)), tileName(defaultForward(g, caps)))
  const { tuning, warnings } = await openTuning(table.toJSON(), 'an adapter', lavapipe)
  assert.is(tuning.size, 1)
  assert.is(warnings.length, 1)
  assert.match(warnings[0], /1 of 2 choices cannot run on this device.*lanes4096/)
})

/** In a cache folder of its own. */
async function apart(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = scratch()
  await withEnvironment({ XDG_CACHE_HOME: folder }, () => work(join(folder, 'atrous')))
}

test('tuning: what is kept at the same time is all kept', () =>
  apart(async (folder) => {
    const names = Array.from({ length: 12 }, (_, i) => `conv f32 p${i} c8 o8 t9`)
    await Promise.all(names.map((name) => keepTuning('an adapter', [[name, 'default']])))
    const file = join(folder, tuningName('an adapter'))
    const kept = parseTuning(readFileSync(file, 'utf8'), file, 'an adapter')
    assert.equal(Object.keys(kept.toJSON().entries).sort(), names.sort())
  }))

test('tuning: a damaged table in the cache is a warning, and the next that is kept replaces it', () =>
  apart(async (folder) => {
    await keepTuning('an adapter', [['conv f32 p3 c8 o8 t9', 'default']])
    const file = join(folder, tuningName('an adapter'))
    const open = () => openTuning('cached', 'an adapter', lavapipe)
    assert.is((await open()).tuning.size, 1)
    writeFileSync(file, '{"format": 1, "kern')
    const { tuning, from, warnings } = await open()
    assert.is(tuning.size, 0)
    assert.is(from, 'shipped defaults')
    assert.match(warnings.join(), /is no tuning table.*the shipped defaults are used/)
    await keepTuning('an adapter', [['conv f32 p4 c8 o8 t9', 'default']])
    assert.is((await open()).tuning.size, 1)
  }))

test('tuning: an option that is no choice, and a file that is not there, are refused', async () => {
  const shown = async (tuning: unknown) =>
    (await refusal(() => openTuning(tuning as 'cached', 'an adapter', lavapipe))).message
  assert.match(await shown('best'), /tuning: 'best' is not a choice/)
  assert.match(await shown(7), /tuning: '7' is not a choice/)
  assert.match(await shown({ file: '/nowhere/t.json' }), /\/nowhere\/t\.json: cannot be read/)
  assert.match(await shown({ format: 1 }), /the tuning table: is no tuning table/)
  const error = await refusal(() => openDevice({ tuning: { file: '/nowhere/t.json' } }))
  assert.match(error.message, /\/nowhere\/t\.json: cannot be read/)
})

test('tuning: another driver version is another adapter', () => {
  const info = {
    vendor: 'mesa',
    architecture: 'software',
    device: 'llvmpipe',
    description: '25.0.7',
  }
  assert.is(adapterId(info), 'mesa software llvmpipe 25.0.7')
  const names = ['25.0.7', '25.0.8'].map((description) =>
    tuningName(adapterId({ ...info, description })),
  )
  assert.is.not(names[0], names[1])
  assert.match(names[0], /^tuning\/mesa-software-llvmpipe-25-0-7-[0-9a-f]{8}\.json$/)
})

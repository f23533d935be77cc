// What a person reads who gives a function the wrong things: messages are part of the interface, and stand in messages.txt.
//   node dist/test/run.js messages --write      puts what is said now into that file

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import * as engine from '../engine/index.ts'
import * as nn from '../nn/index.ts'
import { repository, test } from './harness.ts'
import { calls, layers } from './misuses/calls.ts'
import { elementwise } from './misuses/elementwise.ts'
import { f16, f32, i32, type Misuses, program, result, u8 } from './misuses/makers.ts'
import { maps } from './misuses/maps.ts'
import { networks } from './misuses/networks.ts'
import { numbers } from './misuses/numbers.ts'
import { shape } from './misuses/shape.ts'
import { functions } from './ops-page.ts'

const file = join(repository, 'test', 'messages.txt')
const misuses: Misuses = { ...elementwise, ...shape, ...numbers, ...maps, ...networks }

/** Of nn: neither losses nor layers. */
const others: Readonly<Record<string, string>> = {
  Module: 'has no computation of its own',
  bilinear: 'fills a weight, as do the next ones',
  filled: '',
  heNormal: '',
  heUniform: '',
  ones: '',
  zeros: '',
  parameter: 'makes a variable, as does the next one',
  buffer: '',
  isBuffer: 'asks for its kind',
  capture: 'wraps a model, as do the next ones',
  checkState: '',
  countParameters: '',
  nameVariables: '',
  joined: 'adds within residual units',
  hostLocalizationTargets: 'computes on the host',
  nearest: 'is on names, as is the next one',
  suggest: '',
}
const inEngine = [...functions().map((f) => f.name), 'grad']
const inNn = Object.keys(nn).filter((name) => !(name in others))

test('messages: every function, loss and layer has its misuses', () => {
  assert.equal(Object.keys(misuses).sort(), [...inEngine, ...inNn].sort())
  assert.equal(Object.keys({ ...calls, ...layers }).sort(), [...inEngine, ...inNn].sort())
  for (const name of Object.keys(others)) assert.ok(name in nn, name)
})

/** What was said when it was done, which is an error of the library. */
function said(name: string, misuse: () => unknown): string {
  try {
    misuse()
  } catch (error) {
    assert.instance(error, engine.AtrousError, `${name} throws ${error}`)
    return (error as Error).message
  }
  return assert.unreachable(`${textOf(misuse)} is not refused`) as never
}

/** The call in one line. */
const textOf = (misuse: () => unknown) =>
  `${misuse}`
    .replace(/^\(\) => /, '')
    .replace(/\s+/g, ' ')
    .replace(/([[(]) |,? (?=[\])])/g, '$1')
    .replace(/,(?=[\])])|(?<=\{)(?=\w)/g, (x) => (x ? '' : ' '))

const blocks = new Map<string, string>()
for (const [name, list] of Object.entries(misuses))
  test(`messages: ${name}`, () => {
    const messages = list.map((misuse) => said(name, misuse))
    for (const message of messages) {
      // What a layer is made of may speak for it.
      const names = [name, ...(name in calls ? [] : inEngine)]
      assert.ok(names.includes(message.split(':')[0]), `named otherwise: ${message}`)
      if (!/no elements|a size is 0|empty/.test(message)) assert.match(message, '\n  hint: ')
    }
    const block = list.map(
      (misuse, i) => `${textOf(misuse)}\n${messages[i].replace(/^/gm, '  ')}\n`,
    )
    blocks.set(name, block.join('\n'))
  })

test('messages: messages.txt is what is said', () => {
  const text = [...blocks.values()].join('\n')
  if (process.argv.includes('--write')) writeFileSync(file, text)
  assert.equal(text.split('\n'), readFileSync(file, 'utf8').split('\n'))
})

// ---- whatever is given

const nonsense: readonly unknown[] = [
  ...[undefined, null, true, 'x', Number.NaN, Number.POSITIVE_INFINITY, -1, 0, 2.5, 2 ** 33],
  ...[{}, { x: 1 }, () => 1, new Date(0), new Float32Array(3), result()],
  ...[[], new Array(2), [undefined], [0], [-1], [2.5], [Number.NaN], ['x'], [0, 0], [1, 2, 3]],
  ...[f32(), f32(3), f16(3), i32(3), u8(3), f32(0), f32(0, 3), f32(2, 3, 0), f32(0, 4, 6, 3)],
]
const isTensor = (x: unknown): x is engine.TensorLike =>
  x instanceof engine.Tensor || x instanceof engine.Variable
const tensorsIn = (y: unknown): engine.TensorLike[] =>
  isTensor(y) ? [y] : y && typeof y === 'object' ? Object.values(y).flatMap(tensorsIn) : []

/** The arguments with nonsense for one of them, for an option, or for an element of a list. */
const spoilt = (args: readonly unknown[]): unknown[][] =>
  args.flatMap((arg, i) => {
    const inside = Array.isArray(arg) || (isPlain(arg) && Object.keys(arg).length)
    const ways = nonsense.map((x) => args.toSpliced(i, 1, x))
    if (!inside) return ways
    const wrap = (x: object) => (Array.isArray(arg) ? Object.assign([...arg], x) : { ...arg, ...x })
    const parts = Object.keys(arg).flatMap((k) => nonsense.map((x) => wrap({ [k]: x })))
    return [...ways, ...parts.map((part) => args.toSpliced(i, 1, part))]
  })
const isPlain = (x: unknown): x is object => !!x && Object.getPrototypeOf(x) === Object.prototype

const all: Readonly<Record<string, unknown>> = { ...engine, ...nn }
type Callable = (...args: readonly unknown[]) => unknown
/** Makes a layer, and gives its variables. */
const layerOf =
  (name: string): Callable =>
  (...args) => {
    const layer: nn.AnyModule = Reflect.construct(all[name] as never, args)
    return [...layer.stateDict().values()]
  }
for (const [name, call] of Object.entries({ ...calls, ...layers }))
  test(`messages: ${name}: whatever is given is refused by name, or gives tensors`, () => {
    const f = name in layers ? layerOf(name) : (all[name] as Callable)
    program(() => f(...call()))
    for (const args of [[], ...spoilt(call())]) {
      const given = () => `${name}(${args.map((x) => (isTensor(x) ? engine.showType(x) : `${x}`))})`
      let y: unknown
      try {
        y = program(() => f(...args))
      } catch (error) {
        assert.instance(error, engine.AtrousError, `${given()} throws ${error}`)
        assert.is((error as Error).message.split(':')[0], name, given())
        continue
      }
      for (const t of tensorsIn(y)) assert.ok(t.shape.every(Number.isSafeInteger), given())
    }
  })

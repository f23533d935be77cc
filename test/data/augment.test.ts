// Augmentation as a whole: steps as data, draws by keys, and FRRN's translation and gamma.

import assert from 'node:assert/strict'
import { DataError, OptionError } from '../../engine/errors.ts'
import { frameOf } from '../../train/augment/frame.ts'
import { type AugmentStep, augment, checkSteps, gammaExponent } from '../../train/augment/index.ts'
import { translated } from '../../train/augment/place.ts'
import { reflect } from '../../train/pictures/pad.ts'
import { Random } from '../../train/random.ts'
import { test } from '../harness.ts'
import { chiSquared, drawnExample, drawnNumbers, meanOver } from './augment.ts'

test('augment: without steps it is the bytes over 255, labels and objects unchanged and its own', () => {
  const example = drawnExample(5, 7, 1)
  const out = augment(example, [], [1])
  assert.deepEqual(
    out.image,
    Float32Array.from(example.image, (v) => v / 255),
  )
  assert.deepEqual(out.labels, example.labels)
  assert.deepEqual(out.instances, example.instances)
  assert.notEqual(out.labels, example.labels)
  assert.notEqual(out.instances, example.instances)
})

test('augment: bytes of Node’s kind are bytes, and are not shared', () => {
  const { image, labels, ...rest } = drawnExample(4, 6, 9)
  const plain = { image, labels, ...rest }
  const buffers = { image: Buffer.from(image), labels: Buffer.from(labels), ...rest }
  for (const steps of [
    [],
    [{ name: 'translate', pixels: 2 } as const, { name: 'flip' } as const],
  ]) {
    const out = augment(buffers, steps, [1])
    assert.deepEqual(out, augment(plain, steps, [1]))
    out.labels.fill(9)
    assert.deepEqual([...buffers.labels], [...labels])
  }
})

test('augment: keys alone decide what is drawn, and the example stays as it is', () => {
  const example = drawnExample(9, 11, 2)
  const kept = structuredClone(example)
  const steps = checkSteps([
    { name: 'translate', pixels: 4 },
    { name: 'flip' },
    { name: 'gamma', range: 0.4 },
  ])
  const first = augment(example, steps, [3, 4])
  augment(example, steps, [3, 5])
  assert.deepEqual(augment(example, steps, [3, 4]), first)
  assert.notDeepEqual(augment(example, steps, [4, 3]).drawn, first.drawn)
  assert.deepEqual(example, kept)
})

test('augment: a step more, of whatever name and wherever, leaves the draws of the others', () => {
  const example = drawnExample(8, 8, 3)
  const flip: AugmentStep = { name: 'flip' }
  const translate: AugmentStep = { name: 'translate', pixels: 3 }
  const gamma: AugmentStep = { name: 'gamma', range: 0.1 }
  for (let key = 0; key < 20; key++) {
    const of = (steps: AugmentStep[]) => augment(example, steps, [key]).drawn
    const [a, b] = of([translate, gamma])
    assert.deepEqual(of([flip, translate, gamma]).slice(1), [a, b])
    assert.deepEqual(of([translate, flip, gamma])[2], b)
    assert.deepEqual(of([translate, gamma, translate, gamma]).slice(0, 2), [a, b])
  }
})

test('augment: two steps of one name draw apart', () => {
  const example = drawnExample(4, 4, 3)
  const gamma: AugmentStep = { name: 'gamma', range: 0.4 }
  const [a, b] = augment(example, [gamma, gamma], [1]).drawn
  assert.notDeepEqual(a, b)
})

test('augment: an image that has a class and no map keeps what stands for its labels', () => {
  const { instances: _, ...whole } = drawnExample(6, 5, 4)
  const example = { ...whole, labels: Uint8Array.of(7), category: 7 }
  const out = augment(example, [{ name: 'translate', pixels: 3 }, { name: 'flip' }], [2])
  assert.deepEqual([...out.labels], [7])
  assert.equal(out.image.length, 6 * 5 * 3)
})

test('augment: an example whose arrays are not of its size is refused by name', () => {
  const example = drawnExample(4, 5, 1)
  for (const [wrong, message] of [
    [{ image: new Uint8Array(20) }, /drawn 1: is 4×5 and has 20 numbers of red.*, not 60/],
    [{ labels: new Uint8Array(19) }, /drawn 1: is 4×5 and has 19 labels, not 20/],
    [{ instances: new Uint16Array(21) }, /drawn 1: is 4×5 and has 21 numbers of objects/],
  ] as const)
    assert.throws(
      () => augment({ ...example, ...wrong }, [], [1]),
      (error: unknown) => error instanceof DataError && message.test(error.message),
    )
  assert.throws(
    () => augment(example, [{ name: 'turn' } as unknown as AugmentStep], [1]),
    /there is no turn/,
  )
})

test('augment: the shift is an index shift of image, labels and objects, mirrored and void outside', () => {
  for (const [h, w] of [
    [1, 1],
    [1, 9],
    [7, 1],
    [5, 8],
  ])
    for (let key = 0; key < 12; key++) {
      const example = drawnExample(h, w, 5)
      const random = new Random(0x5f1, key)
      const [dy, dx] = [random.int(-12, 12), random.int(-12, 12)]
      const out = translated(frameOf(example), dy, dx)
      for (let y = 0; y < h; y++)
        for (let x = 0; x < w; x++) {
          const at = y * w + x
          const from = reflect(y - dy, h) * w + reflect(x - dx, w)
          const inside = y - dy >= 0 && y - dy < h && x - dx >= 0 && x - dx < w
          assert.equal(out.labels?.[at], inside ? example.labels[from] : 255)
          assert.equal(out.instances?.[at], inside ? example.instances?.[from] : 0)
          for (let c = 0; c < 3; c++)
            assert.equal(out.image[3 * at + c], example.image[3 * from + c])
        }
    }
})

test('augment: shifts are even over all of −p … p', () => {
  const counts = new Map<string, number>()
  const example = drawnExample(1, 1, 0)
  for (let key = 0; key < 6000; key++) {
    const { dy, dx } = drawnNumbers(
      augment(example, [{ name: 'translate', pixels: 1 }], [key]),
      'translate',
    )
    counts.set(`${dy},${dx}`, (counts.get(`${dy},${dx}`) ?? 0) + 1)
  }
  assert.equal(counts.size, 9)
  chiSquared(counts.values(), Array(9).fill(1 / 9))
})

test("augment: gamma has the paper's values, and bends by x^γ", () => {
  for (const [z, gamma] of [
    [0.05, 0.815185],
    [-0.05, 1.226716],
    [0.025, 0.902982],
  ])
    assert.ok(Math.abs(gammaExponent(z) - gamma) < 5e-7, `γ(${z}) = ${gammaExponent(z)}`)
  assert.equal(gammaExponent(0), 1)
  const example = drawnExample(6, 6, 6)
  const out = augment(example, [{ name: 'gamma', range: 0.05 }], [8])
  const { gamma } = drawnNumbers(out, 'gamma')
  assert.ok(gamma > 0.815 && gamma < 1.227 && gamma !== 1)
  out.image.forEach((v, i) => {
    assert.ok(Math.abs(v - (example.image[i] / 255) ** gamma) < 1e-7)
  })
})

test('augment: flip exchanges left and right, as often as told', () => {
  const example = drawnExample(3, 4, 7)
  const out = augment(example, [{ name: 'flip', chance: 1 }], [1])
  for (let y = 0; y < 3; y++)
    for (let x = 0; x < 4; x++) {
      const [at, from] = [y * 4 + x, y * 4 + 3 - x]
      assert.equal(out.labels[at], example.labels[from])
      assert.equal(out.instances?.[at], example.instances?.[from])
      for (let c = 0; c < 3; c++)
        assert.equal(out.image[3 * at + c], Math.fround(example.image[3 * from + c] / 255))
    }
  const flips = (chance: number) =>
    meanOver(
      4000,
      (key) => drawnNumbers(augment(example, [{ name: 'flip', chance }], [key]), 'flip').flip,
    )
  assert.equal(flips(0), 0)
  assert.equal(flips(1), 1)
  // Four deviations of 4000 coins.
  assert.ok(Math.abs(flips(0.5) - 0.5) < 0.032)
})

test('augment: steps are read strictly', () => {
  assert.deepEqual(checkSteps([]), [])
  assert.deepEqual(checkSteps([{ name: 'flip' }]), [{ name: 'flip', chance: 0.5 }])
  const refused = (steps: unknown, message: RegExp) =>
    assert.throws(
      () => checkSteps(steps),
      (error: unknown) => {
        assert.ok(error instanceof OptionError)
        assert.match(error.message, message)
        return true
      },
    )
  refused({}, /augmentation is a list of steps, not/)
  refused(['flip'], /step 0 of augmentation is .*flip/)
  refused([{ pixels: 3 }], /step 0 of augmentation has no name\n {2}hint: it is one of translate/)
  refused([{ name: 'flip' }, { name: 'gama' }], /step 1 of augmentation: there is no gama\n.*gamma/)
  refused([{ name: 'translate' }], /translate: pixels is missing\n.*whole number from 0/)
  refused([{ name: 'translate', pixels: 1.5 }], /pixels cannot be 1.5/)
  refused([{ name: 'translate', pixel: 1 }], /has no option pixel\n.*pixels/)
  refused([{ name: 'gamma', range: 0.6 }], /range cannot be 0.6\n.*from 0 to 0.5/)
  refused([{ name: 'gamma', range: Number.NaN }], /range cannot be NaN/)
  refused([{ name: 'flip', chance: 2 }], /chance cannot be 2/)
  refused([{ name: 'resize' }], /resize: longer or shorter is missing\n.*whole number from 1/)
  refused([{ name: 'resize', longer: 5, shorter: 4 }], /longer and shorter exclude each other/)
  refused([{ name: 'resize', longer: 5, range: [1.3, 0.7] }], /range cannot be \[1.3,0.7\]/)
  refused([{ name: 'resize', longer: 5, filter: 'nearest' }], /one of antialias, bicubic/)
  refused([{ name: 'crop', size: 504 }], /size cannot be 504\n.*\[height, width\]/)
  refused([{ name: 'crop', size: [5, 0] }], /size cannot be \[5,0\]/)
  refused([{ name: 'crop', size: [5, 5], padding: [124, 116, 104] }], /padding .*\n.*from 0 to 1/)
  refused([{ name: 'crop', size: [5, 5], at: 'center' }], /one of random, centre, entropy/)
  refused([{ name: 'sizedCrop', size: [5, 5], area: [0, 1] }], /area cannot be \[0,1\]/)
  refused([{ name: 'colorJitter' }], /there is no colorJitter\n.*did you mean colourJitter/)
  refused([{ name: 'subsample', factor: 0 }], /factor cannot be 0/)
  refused([{ name: 'subsample', factor: 1e9 }], /factor cannot be 1000000000\n.*from 1 to 64/)
  refused([{ name: 'resize', longer: 1e9 }], /longer cannot be 1000000000\n.*from 1 to 16384/)
  refused([{ name: 'resize', shorter: 9, range: [1, 1e9] }], /range .*\n.*at most 100/)
  refused([{ name: 'crop', size: [1e6, 4] }], /size .*\n.*from 1 to 16384/)
  refused([{ name: 'pad', size: [-4, 4] }], /size .*\n.*from 1 to 16384/)
  refused([{ name: 'saturation', range: [1.5, 0.5] }], /range cannot be \[1.5,0.5\]/)
  refused([{ name: 'saturation', range: [Number.NaN, 1] }], /range cannot be .*\n.*from 0 to 100/)
  refused([{ name: 'lighting', deviation: -0.1 }], /deviation cannot be -0.1/)
  refused([{ name: 'translate', pixels: Number.NaN }], /pixels cannot be NaN/)
  refused([{ name: 'translate', pixels: -3 }], /pixels cannot be -3/)
  refused([{ name: 'rotate', degrees: -1 }], /degrees cannot be -1\n.*from 0 to 180/)
})

test('augment: a shift that may leave nothing of an image is refused, by its name and with what is possible', () => {
  const shifted = (pixels: number) =>
    augment(drawnExample(7, 9, 3), [{ name: 'translate', pixels }], [1])
  assert.equal(shifted(7).labels.length, 63)
  for (const pixels of [8, 1e9])
    assert.throws(
      () => shifted(pixels),
      (error: unknown) => {
        assert.ok(error instanceof DataError && error.file === 'drawn 3')
        assert.match(
          error.message,
          /is 7×9, and a shift by up to \d+ pixels may leave nothing of it\n.*at most 7;/,
        )
        return true
      },
    )
})

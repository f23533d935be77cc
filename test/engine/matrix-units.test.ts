// What adapters say of their matrix units, whatever they say; and that no kernel is named that does not run.

import * as assert from 'uvu/assert'
import {
  feature,
  matrixUnitsOf,
  mixedKernels,
  usableUnit,
} from '../../engine/adapters/matrix-units.ts'
import { testDevice } from '../device.ts'
import { test } from '../harness.ts'

const probed = (subgroupMatrixConfigs: unknown, ...features: string[]) =>
  matrixUnitsOf({ features: new Set(features), info: { subgroupMatrixConfigs } })
const config = (componentType: unknown, resultComponentType: unknown, size: unknown) => ({
  componentType,
  resultComponentType,
  M: size,
  N: size,
  K: size,
})

test('matrix units: listed with the feature, and not without it', () => {
  const list = [config('f16', 'f16', 16), config('f16', 'f32', 8), config('f16', 'f32', 16)]
  assert.equal(probed(list), [])
  const units = probed(list, feature)
  assert.is(units.length, 3)
  assert.equal(usableUnit(units), { from: 'f16', sum: 'f32', m: 16, n: 16, k: 16 })
  assert.is(usableUnit(units.slice(0, 1)), undefined)
})

test('matrix units: what is not understood is left out', () => {
  for (const odd of [
    undefined,
    null,
    7,
    {},
    [null],
    [{}],
    [config('f16', 'f32', '16')],
    [config(1, 'f32', 8)],
  ])
    assert.equal(probed(odd, feature), [], JSON.stringify(odd))
  assert.is(probed([config('f16', 'f32', 0), config('f16', 'f32', 8)], feature).length, 1)
})

test('matrix units: the kernels of mixed precision are named with the reason', () => {
  const [half, sum] = [config('f16', 'f16', 16), config('f16', 'f32', 16)].map((c) =>
    probed([c], feature),
  )
  assert.is(mixedKernels({ f16: false, matrixUnits: sum }), 'none: no shader-f16')
  assert.match(
    mixedKernels({ f16: true, matrixUnits: [] }),
    /^plain .*: no matrix units are listed$/,
  )
  assert.match(
    mixedKernels({ f16: true, matrixUnits: half }),
    /^plain .*: no matrix unit sums f16 in f32$/,
  )
  assert.match(
    mixedKernels({ f16: true, matrixUnits: sum }),
    /^plain .* \(16x16x16 f16 to f32\) yet$/,
  )
})

test('matrix units: a device opens whether its adapter has them or not', async () => {
  const { caps } = await testDevice()
  assert.ok(Array.isArray(caps.matrixUnits))
})

// Instances of a smaller copy at the size of the file, against what each of its pixels should be.

import * as assert from 'uvu/assert'
import { atSize } from '../../apps/web/instances/full-size.ts'
import { FoundInstance } from '../../train/instances/found.ts'
import { test } from '../harness.ts'

test('instances at the size of a file: each pixel is what the nearest of the copy is, box and area are of them', () => {
  const [height, width] = [6, 7]
  const region = { class: 2, score: 0.75, cells: Uint32Array.from([1, 2, 4, 6, 11]) }
  const small = new FoundInstance(region as never, height, width, 2)
  const { mask: before } = small
  for (const [tall, wide] of [
    [6, 7],
    [13, 9],
    [20, 35],
  ] as const) {
    const [one] = atSize([small], [tall, wide])
    const inside = new Set<string>()
    for (let y = 0; y < tall; y++)
      for (let x = 0; x < wide; x++) {
        const [r, c] = [Math.floor(((y + 0.5) / tall) * 6), Math.floor(((x + 0.5) / wide) * 7)]
        assert.is(one.mask[y * wide + x], before[r * width + c], `${y}, ${x}`)
        if (one.mask[y * wide + x]) inside.add(`${y} ${x}`)
      }
    const at = [...inside].map((key) => key.split(' ').map(Number))
    const [ys, xs] = [at.map(([y]) => y), at.map(([, x]) => x)]
    const box = [Math.min(...ys), Math.min(...xs), Math.max(...ys) + 1, Math.max(...xs) + 1]
    assert.equal(one.box, box)
    assert.is(one.area, inside.size)
    assert.equal([one.class, one.score], [2, 0.75])
  }
})

// Contrast as WCAG 2.2 counts it, of the colours as the style sheets have them: 4.5 to 1 for text, 3 to 1 for what shows where a
// control is.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { repository, test } from '../harness.ts'

const sheet = (path: string) => readFileSync(join(repository, 'apps/web', path), 'utf8')

type Colour = readonly number[]

/** Names of app.css, in one of its schemes. */
function coloursOf(css: string, scheme: 'light' | 'dark'): (name: string) => Colour {
  const found = css.matchAll(/--([\w-]+): light-dark\(#([\da-f]{6}), #([\da-f]{6})\);/g)
  const all = new Map([...found].map(([, name, ...both]) => [name, both[+(scheme === 'dark')]]))
  return (name) => {
    const hex = all.get(name)
    assert.ok(hex, name)
    return [0, 2, 4].map((at) => Number.parseInt(hex.slice(at, at + 2), 16) / 255)
  }
}

const linear = (v: number) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
const luminance = ([r, g, b]: Colour) =>
  0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b)

function contrast(a: Colour, b: Colour): number {
  const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y)
  return (high + 0.05) / (low + 0.05)
}

const mixed = (share: number, a: Colour, b: Colour): Colour =>
  a.map((v, i) => share * v + (1 - share) * b[i])

for (const scheme of ['light', 'dark'] as const)
  test(`contrast: words and the borders of controls stand out, ${scheme}`, () => {
    const css = sheet('app.css')
    const colour = coloursOf(css, scheme)
    const words = [
      ...['text', 'soft', 'accent', 'second'].flatMap((ink) => [`${ink} paper`, `${ink} ground`]),
      ...['text sunk', 'soft sunk', 'bad bad-soft', 'text bad-soft', 'on-accent accent'],
      ...['accent accent-soft', 'text accent-soft', 'second accent-soft'],
    ]
    for (const pair of words) {
      const [ink, under] = pair.split(' ').map(colour)
      const found = contrast(ink, under)
      assert.ok(found >= 4.5, `${pair}: ${found.toFixed(2)}`)
    }
    const borders = [
      ...css.matchAll(/border: .* color-mix\(in srgb, var\(--line\) (\d+)%, var\(--soft\)\)/g),
    ]
    assert.is(borders.length, 2)
    for (const [, share] of borders) {
      const border = mixed(Number(share) / 100, colour('line'), colour('soft'))
      const found = contrast(border, colour('paper'))
      assert.ok(found >= 3, `border of ${share} %: ${found.toFixed(2)}`)
    }
  })

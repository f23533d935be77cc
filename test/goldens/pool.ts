// Windows and grids: pooling both ways, upsampling, resizing, padding.

import {
  adaptiveAvgPool2d,
  avgPool2d,
  maxPool2dWithIndices,
  maxUnpool2d,
  pad,
  padReflect,
  padReplicate,
  repeatUpsample,
  resizeBilinear,
} from '../../engine/index.ts'
import type { Attributes } from './attributes.ts'
import { expression, type Operator } from './trial.ts'

const windows = (a: Attributes) => ({
  kernel: a.pair('kernel'),
  stride: a.pair('stride'),
  padding: a.pair('padding'),
  ceil: a.flag('ceil_mode'),
})

const inside = 'cells of the window inside the input'
const divisors = {
  true: `${inside} plus its padding (ceil_mode windows are cut there)`,
  false: inside,
}

const resizeRules = {
  true: 'src = dst*(in-1)/(out-1) (0 when out is 1); i0=floor(src), i1=min(i0+1,in-1); no antialiasing',
  false: 'src = max(0,(dst+0.5)*in/out-0.5); i0=floor(src), i1=min(i0+1,in-1); no antialiasing',
}

export const pool: Record<string, Operator> = {
  max_pool2d: expression(({ x }, a) => {
    a.rule('padding_value', '-infinity')
    a.rule('index', 'h*W+w inside the (n,c) plane of the unpadded input')
    a.rule('tie_rule', 'first in row-major window order')
    return maxPool2dWithIndices(x, { ...windows(a), dilation: a.pair('dilation') })
  }),
  max_unpool2d: expression(({ x, index }, a) => {
    a.rule('index', 'h*W+w in the (n,c) output plane')
    // The indices say where each value goes; the windows that they came from do not matter any more.
    for (const name of ['kernel', 'stride']) a.pair(name)
    return maxUnpool2d(x, index, a.pair('output_size'))
  }),
  avg_pool2d: expression(({ x }, a) => {
    const countPadding = a.flag('count_include_pad')
    a.rule('divisor', divisors[`${countPadding}`])
    return avgPool2d(x, { ...windows(a), countPadding })
  }),
  adaptive_avg_pool2d: expression(({ x }, a) => {
    a.rule('window_rule', 'start=floor(i*in/out), end=ceil((i+1)*in/out)')
    return adaptiveAvgPool2d(x, a.pair('output_size'))
  }),
  repeat_upsample: expression(({ x }, a) => repeatUpsample(x, a.pair('factor'))),
  bilinear_resize: expression(({ x }, a) => {
    const corners = a.flag('align_corners')
    a.rule('rule', resizeRules[`${corners}`])
    return resizeBilinear(x, a.pair('size'), corners ? 'align-corners' : 'half-pixel')
  }),
  pad2d: expression(({ x }, a) => {
    const { top, bottom, left, right } = a.sides('padding')
    const mode = a.text('mode', ['constant', 'reflect', 'replicate'])
    const [before, after] = [
      [0, top, left, 0],
      [0, bottom, right, 0],
    ]
    if (mode === 'constant') return pad(x, before, after, a.number('value'))
    a.passOver('value')
    return mode === 'reflect' ? padReflect(x, before, after) : padReplicate(x, before, after)
  }),
}

// Pooling and unpooling against plain loops.

import { avgPool, avgPoolGrad } from '../shaders/avgpool.ts'
import { maxPool } from '../shaders/max-pool.ts'
import { maxPoolGather, maxPoolGrad, type PoolSpec } from '../shaders/pool.ts'
import { repeat, repeatGrad } from '../shaders/unpool.ts'
import { type Runner, randomOf } from './small-runner.ts'

const random = randomOf(2)
const floats = (length: number) => Float32Array.from({ length }, () => random() * 2 - 1)

function pooled(x: Float32Array, s: Omit<PoolSpec, 'access'>) {
  const { n, h, w, c, oh, ow, kernel, stride, dilation = [1, 1], pad } = s
  const y = new Float32Array(n * oh * ow * c)
  const index = new Uint32Array(y.length)
  const from = new Int32Array(y.length).fill(-1)
  for (let e = 0; e < y.length; e++) {
    const [ch, ox, oy, b] = [
      e % c,
      Math.floor(e / c) % ow,
      Math.floor(e / c / ow) % oh,
      Math.floor(e / c / ow / oh),
    ]
    y[e] = -Infinity
    for (let ky = 0; ky < kernel[0]; ky++)
      for (let kx = 0; kx < kernel[1]; kx++) {
        const iy = oy * stride[0] - pad[0] + ky * dilation[0]
        const ix = ox * stride[1] - pad[1] + kx * dilation[1]
        if (iy < 0 || iy >= h || ix < 0 || ix >= w) continue
        const at = ((b * h + iy) * w + ix) * c + ch
        const nanFirst = Number.isNaN(x[at]) && !Number.isNaN(y[e])
        if (from[e] >= 0 && !(x[at] > y[e]) && !nanFirst) continue
        y[e] = x[at]
        index[e] = ky * kernel[1] + kx
        from[e] = at
      }
  }
  return { y, index, from }
}

type Shape = [n: number, h: number, w: number, c: number]
async function checkPool(
  run: Runner,
  [n, h, w, c]: Shape,
  window: Pick<PoolSpec, 'kernel' | 'stride' | 'dilation' | 'pad'>,
  elem: 'u8' | 'u32' = 'u8',
) {
  const { kernel, stride, dilation = [1, 1], pad } = window
  const size = (n: number, a: 0 | 1) =>
    Math.floor((n + 2 * pad[a] - (kernel[a] - 1) * dilation[a] - 1) / stride[a]) + 1
  const [oh, ow] = [size(h, 0), size(w, 1)]
  if (oh < 1 || ow < 1) return
  const spec = { n, h, w, c, oh, ow, ...window, indexElem: elem }
  const x = floats(n * h * w * c)
  // Ties, NaN and −∞ in every window of some channels.
  for (let k = 0; k < x.length; k++) {
    if (k % 3 === 0) x[k] = Math.round(x[k])
    if (k % 11 === 7) x[k] = NaN
    if (k % 4 === 2 && h < 4) x[k] = -Infinity
  }
  const { y, index, from } = pooled(x, spec)
  const dy = floats(y.length)
  const dx = new Float64Array(x.length)
  from.forEach((at, e) => {
    if (at >= 0) dx[at] += dy[e]
  })
  const other = floats(x.length)
  const picked = Array.from(from, (at) => (at < 0 ? 0 : other[at]))
  const text = `${[n, h, w, c]} ${JSON.stringify(window)} ${elem}`
  const packed = elem === 'u8' ? Uint8Array.from(index) : index
  await run.check(
    'maxPool',
    text,
    (access) => maxPool({ ...spec, access }),
    [x],
    [
      { elem: 'f32', values: y },
      { elem, values: index },
    ],
  )
  await run.check(
    'maxPoolGrad',
    text,
    (access) => maxPoolGrad({ ...spec, access }),
    [dy, packed],
    [{ elem: 'f32', values: dx, tolerance: 1e-6 }],
  )
  await run.check(
    'maxPoolGather',
    text,
    (access) => maxPoolGather({ ...spec, access }),
    [other, packed],
    [{ elem: 'f32', values: picked }],
  )
}

async function checkAverage(
  run: Runner,
  [n, h, w, c]: Shape,
  { kernel, stride, pad }: Pick<PoolSpec, 'kernel' | 'stride' | 'pad'>,
) {
  const size = (n: number, a: 0 | 1) => Math.floor((n + 2 * pad[a] - kernel[a]) / stride[a]) + 1
  const [oh, ow] = [size(h, 0), size(w, 1)]
  if (oh < 1 || ow < 1) return
  const x = floats(n * h * w * c)
  const dy = floats(n * oh * ow * c)
  for (const valid of [false, true]) {
    const y = new Float64Array(dy.length)
    const dx = new Float64Array(x.length)
    for (let e = 0; e < y.length; e++) {
      const [ch, ox, row] = [e % c, Math.floor(e / c) % ow, Math.floor(e / c / ow)]
      const taps: number[] = []
      for (let k = 0; k < kernel[0] * kernel[1]; k++) {
        const iy = (row % oh) * stride[0] - pad[0] + Math.floor(k / kernel[1])
        const ix = ox * stride[1] - pad[1] + (k % kernel[1])
        if (iy >= 0 && iy < h && ix >= 0 && ix < w)
          taps.push(((Math.floor(row / oh) * h + iy) * w + ix) * c + ch)
      }
      const share = 1 / (valid ? taps.length : kernel[0] * kernel[1])
      for (const at of taps) {
        y[e] += x[at] * share
        dx[at] += dy[e] * share
      }
    }
    const all = [0, 0, h + 2 * pad[0], w + 2 * pad[1]] as const
    const counted = valid ? ([...pad, h + pad[0], w + pad[1]] as const) : all
    const spec = { n, h, w, c, oh, ow, kernel, stride, pad, counted }
    const text = JSON.stringify(spec)
    const tolerance = 1e-6
    await run.check(
      'avgPool',
      text,
      (access) => avgPool({ ...spec, access }),
      [x],
      [{ elem: 'f32', values: y, tolerance }],
    )
    await run.check(
      'avgPoolGrad',
      text,
      (access) => avgPoolGrad({ ...spec, access }),
      [dy],
      [{ elem: 'f32', values: dx, tolerance }],
    )
  }
}

async function checkRepeat(run: Runner, [n, h, w, c]: Shape, fh: number, fw: number) {
  const x = floats(n * h * w * c)
  const big = floats(x.length * fh * fw)
  const y = new Float64Array(big.length)
  const dx = new Float64Array(x.length)
  for (let e = 0; e < y.length; e++) {
    const [ch, ox, row] = [e % c, Math.floor(e / c) % (w * fw), Math.floor(e / c / (w * fw))]
    const at = (Math.floor(row / fh) * w + Math.floor(ox / fw)) * c + ch
    y[e] = x[at]
    dx[at] += big[e]
  }
  const spec = { n, h, w, c, fh, fw }
  const text = JSON.stringify(spec)
  await run.check(
    'repeat',
    text,
    (access) => repeat({ ...spec, access }),
    [x],
    [{ elem: 'f32', values: y }],
  )
  await run.check(
    'repeatGrad',
    text,
    (access) => repeatGrad({ ...spec, access }),
    [big],
    [{ elem: 'f32', values: dx, tolerance: 1e-5 }],
  )
}

export async function checkPools(run: Runner) {
  const windows: Pick<PoolSpec, 'kernel' | 'stride' | 'dilation' | 'pad'>[] = [
    { kernel: [1, 1], stride: [1, 1], pad: [0, 0] },
    { kernel: [2, 2], stride: [2, 2], pad: [0, 0] },
    { kernel: [3, 3], stride: [2, 2], pad: [1, 1] },
    { kernel: [3, 2], stride: [1, 3], pad: [1, 0] },
    { kernel: [3, 3], stride: [1, 1], dilation: [2, 3], pad: [1, 1] },
    { kernel: [2, 3], stride: [2, 1], dilation: [3, 1], pad: [1, 1] },
    { kernel: [15, 17], stride: [3, 4], pad: [7, 8] },
  ]
  for (const shape of [
    [1, 1, 1, 1],
    [2, 7, 5, 3],
    [1, 13, 11, 4],
    [3, 6, 8, 8],
    [1, 9, 17, 19],
  ] as Shape[])
    for (const window of windows) {
      await checkPool(run, shape, window)
      await checkAverage(run, shape, window)
    }
  await checkPool(run, [1, 23, 21, 3], { kernel: [17, 19], stride: [2, 3], pad: [8, 9] }, 'u32')
  await checkPool(run, [2, 23, 21, 4], { kernel: [17, 19], stride: [2, 3], pad: [8, 9] }, 'u32')
  for (const [fh, fw] of [
    [1, 1],
    [2, 2],
    [3, 1],
    [1, 5],
    [16, 16],
    [32, 31],
  ])
    for (const shape of [
      [1, 1, 1, 1],
      [2, 3, 5, 3],
      [1, 2, 3, 4],
      [2, 2, 1, 19],
      [1, 3, 2, 8],
    ] as Shape[])
      await checkRepeat(run, shape, fh, fw)

  const s = {
    n: 1,
    h: 256,
    w: 256,
    c: 64,
    oh: 128,
    ow: 128,
    kernel: [3, 3],
    stride: [2, 2],
    pad: [1, 1],
  } as const
  const x = floats(s.h * s.w * s.c)
  const y = floats(x.length / 4)
  const index = new Uint8Array(y.length).fill(4)
  await run.time('maxPool', (access) => maxPool({ ...s, access }), [x], [y.byteLength, y.length])
  await run.time(
    'maxPoolGrad',
    (access) => maxPoolGrad({ ...s, access }),
    [y, index],
    [x.byteLength],
  )
  await run.time(
    'maxPoolGather',
    (access) => maxPoolGather({ ...s, access }),
    [x, index],
    [y.byteLength],
  )
  const a = { ...s, counted: [1, 1, 257, 257] } as const
  await run.time('avgPool', (access) => avgPool({ ...a, access }), [x], [y.byteLength])
  await run.time('avgPoolGrad', (access) => avgPoolGrad({ ...a, access }), [y], [x.byteLength])
  const r = { n: 1, h: 16, w: 16, c: 64, fh: 16, fw: 16 }
  await run.time(
    'repeat',
    (access) => repeat({ ...r, access }),
    [floats(16 * 16 * 64)],
    [x.byteLength],
  )
  await run.time('repeatGrad', (access) => repeatGrad({ ...r, access }), [x], [16 * 16 * 64 * 4])
}

// Softmax and label kernels against plain loops.

import { oneHot, scatterLabel, takeLabel } from '../shaders/label.ts'
import { logSoftmax, softmax } from '../shaders/softmax.ts'
import { type Runner, randomOf } from './small-runner.ts'

const random = randomOf(3)
const floats = (length: number, scale: number) =>
  Float32Array.from({ length }, () => (random() * 2 - 1) * scale)

async function checkSoftmax(run: Runner, rows: number, c: number, scale: number) {
  const x = floats(rows * c, scale)
  if (rows > 4) x[4 * c] = NaN
  const soft = new Float64Array(x.length)
  const log = new Float64Array(x.length)
  for (let r = 0; r < rows; r++) {
    const row = x.subarray(r * c, (r + 1) * c)
    const m = Math.max(...row)
    const s = row.reduce((sum, v) => sum + Math.exp(v - m), 0)
    row.forEach((v, j) => {
      soft[r * c + j] = Math.exp(v - m) / s
      log[r * c + j] = v - m - Math.log(s)
    })
  }
  const spec = { outer: rows, c, inner: 1 }
  const text = `${rows} × ${c}`
  // exp may be 3 + 2|x| ulp wrong, and c terms are summed.
  const tolerance = 1e-5
  await run.check(
    'softmax',
    text,
    (access) => softmax({ ...spec, access }),
    [x],
    [{ elem: 'f32', values: soft, tolerance }],
  )
  await run.check(
    'logSoftmax',
    text,
    (access) => logSoftmax({ ...spec, access }),
    [x],
    [{ elem: 'f32', values: log, tolerance }],
  )
}

async function checkLabel(run: Runner, rows: number, c: number, labels: 'u8' | 'i32' | 'u32') {
  const x = floats(rows * c, 1)
  const dy = floats(rows, 1)
  const raw = Array.from({ length: rows }, (_, r) =>
    r % 5 === 3 ? (labels === 'i32' ? -1 : 255) : Math.floor(random() * (c + 1)),
  )
  const data =
    labels === 'u8'
      ? Uint8Array.from(raw)
      : labels === 'i32'
        ? Int32Array.from(raw)
        : Uint32Array.from(raw)
  const at = Array.from(data, (l) => (l >= 0 && l < c ? l : -1))
  const taken = at.map((l, r) => (l < 0 ? 0 : x[r * c + l]))
  const spread = Array.from(x, (_, k) =>
    at[Math.floor(k / c)] === k % c ? dy[Math.floor(k / c)] : 0,
  )
  const hot = Array.from(x, (_, k) => (at[Math.floor(k / c)] === k % c ? 1 : 0))
  const spec = { rows, c, labels }
  const text = JSON.stringify(spec)
  await run.check(
    'takeLabel',
    text,
    (access) => takeLabel({ ...spec, access }),
    [x, data],
    [{ elem: 'f32', values: taken }],
  )
  await run.check(
    'scatterLabel',
    text,
    (access) => scatterLabel({ ...spec, access }),
    [dy, data],
    [{ elem: 'f32', values: spread }],
  )
  for (const elem of ['f32', 'u8'] as const)
    await run.check(
      'oneHot',
      `${text} ${elem}`,
      (access) => oneHot({ ...spec, elem, access }),
      [data],
      [{ elem, values: hot }],
    )
}

export async function checkLabels(run: Runner) {
  for (const c of [1, 2, 3, 4, 8, 19, 21, 150, 256, 1000, 3001])
    for (const rows of [1, 7, 130]) {
      await checkSoftmax(run, rows, c, rows === 7 ? 100 : 5)
      if (c <= 256)
        for (const labels of ['u8', 'i32', 'u32'] as const) await checkLabel(run, rows, c, labels)
    }
  const [rows, c] = [512 * 256, 19]
  const x = floats(rows * c, 5)
  const labels = Uint8Array.from({ length: rows }, () => Math.floor(random() * 20))
  const spec = { rows, c, labels: 'u8' } as const
  await run.time(
    'softmax',
    (access) => softmax({ outer: rows, c, inner: 1, access }),
    [x],
    [x.byteLength],
  )
  await run.time(
    'logSoftmax',
    (access) => logSoftmax({ outer: rows, c, inner: 1, access }),
    [x],
    [x.byteLength],
  )
  await run.time('takeLabel', (access) => takeLabel({ ...spec, access }), [x, labels], [rows * 4])
  await run.time(
    'scatterLabel',
    (access) => scatterLabel({ ...spec, access }),
    [floats(rows, 1), labels],
    [x.byteLength],
  )
  await run.time(
    'oneHot',
    (access) => oneHot({ ...spec, elem: 'f32', access }),
    [labels],
    [x.byteLength],
  )
}

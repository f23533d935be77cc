// Mean and (biased) variance of each channel over all pixels, without E[x²] − E[x]²:
//
//   mean[c] = Σ x[r, c] / R        variance[c] = Σ (x[r, c] − mean[c])² / R        x seen as [R, C]
//
// A strip of rows is read twice, first for its mean, then for the squares around that mean (the second read is from
// cache). Strips are joined in fixed order by Chan's formula (Chan, Golub and LeVeque 1979):
//
//   n = n₁ + n₂,  δ = m₂ − m₁,  mean = m₁ + δ·n₂/n,  M2 = M2₁ + M2₂ + δ²·n₁·n₂/n

import {
  type Access,
  type Caps,
  type Dispatch,
  gridFor,
  input,
  output,
  type Recipe,
  scratch,
  words,
} from './kernel.ts'

const workgroup = 64

/** Input: x f32 [rows, channels]; outputs: mean and variance f32 [channels]. */
export function moments(rows: number, channels: number, access: Access, caps: Caps): Recipe {
  const vec = channels % 4 === 0
  const columns = vec ? channels / 4 : channels
  const gpu = caps.kind === 'discrete' || caps.kind === 'integrated'
  const length = Math.max(gpu ? 16 : 64, Math.ceil(rows / 1024))
  const strips = Math.ceil(rows / length)
  const type = vec ? 'vec4f' : 'f32'
  const bytes = Math.ceil((strips * channels) / 4) * 16
  const strip: Dispatch = {
    kernel: {
      key: `moments strip ${type} ${access}`,
      get code() {
        return stripSource(type, access)
      },
      access: [access, 'read_write', 'read_write'],
    },
    buffers: [input(0), scratch(0), scratch(1)],
    params: words(rows, columns, strips, length),
    grid: gridFor(strips * columns, workgroup),
  }
  const join: Dispatch = {
    kernel: {
      key: `moments join ${type}`,
      get code() {
        return joinSource(type)
      },
      access: ['read_write', 'read_write', 'read_write', 'read_write'],
    },
    buffers: [scratch(0), scratch(1), output(0), output(1)],
    params: words(rows, columns, strips, length),
    grid: gridFor(columns, 8),
  }
  return { scratch: [bytes, bytes], dispatches: [strip, join] }
}

const head = 'struct Params { rows: u32, columns: u32, strips: u32, length: u32 }'

const stripSource = (type: string, access: Access) => `${head}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, ${access}> x: array<${type}>;
@group(0) @binding(2) var<storage, read_write> means: array<${type}>;
@group(0) @binding(3) var<storage, read_write> squares: array<${type}>;
@compute @workgroup_size(${workgroup})
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * ${workgroup}u + id.x;
  if (i >= p.strips * p.columns) { return; }
  let column = i % p.columns;
  let first = (i / p.columns) * p.length;
  let last = min(first + p.length, p.rows);
  var sum = ${type}();
  for (var r = first; r < last; r++) { sum += x[r * p.columns + column]; }
  let mean = sum / f32(last - first);
  var m2 = ${type}();
  for (var r = first; r < last; r++) {
    let d = x[r * p.columns + column] - mean;
    m2 += d * d;
  }
  means[i] = mean;
  squares[i] = m2;
}`

const joinSource = (type: string) => `${head}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> means: array<${type}>;
@group(0) @binding(2) var<storage, read_write> squares: array<${type}>;
@group(0) @binding(3) var<storage, read_write> mean: array<${type}>;
@group(0) @binding(4) var<storage, read_write> variance: array<${type}>;
@compute @workgroup_size(8)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let column = id.y * groups.x * 8u + id.x;
  if (column >= p.columns) { return; }
  var m = means[column];
  var m2 = squares[column];
  for (var s = 1u; s < p.strips; s++) {
    let seen = f32(s * p.length);
    let more = f32(min(p.length, p.rows - s * p.length));
    let share = more / (seen + more);
    let d = means[s * p.columns + column] - m;
    m += d * share;
    m2 += squares[s * p.columns + column] + d * d * (seen * share);
  }
  mean[column] = m;
  variance[column] = m2 / f32(p.rows);
}`

// A part of a picture in a texture, as browsers hand it over, into its place in a tensor [1, h, w, 3] of bytes or of numbers in [0, 1].
//
// A tensor has its colours side by side and no fourth one: RGBRGB… An invocation takes four pixels of the tensor, 12 elements, which
// are three vec4s of f32 or three words of four bytes; both layouts have ⌈3·h·w/4⌉ of them. Pixels beyond the last are 0. Of four
// pixels some may be another part's: what is there stays. One invocation has all four, and parts come one after the other.
//
// A texture of 8-bit colours reads as k/255, by a division that may be off in the last place; the byte k is its nearest
// multiple. As a number it shall be k/255 rounded once, as on the host: 1/255 = 2⁻⁸ + 2⁻¹⁶ + 5.98…·10⁻⁸, where k times the
// first two is exact and k times the rest far too small to be rounded twice.

/** What a pipeline is made of; binding 0 is the uniform of `imageWords`, 1 the texture, 2 the tensor from its pixel `first` on. */
export const imageKernel = (dtype: 'f32' | 'u8'): string => /* wgsl */ `
struct Params { width: u32, pixels: u32, first: u32, end: u32, corner: vec2u, size: vec2u }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var picture: texture_2d<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<${dtype === 'u8' ? 'u32' : 'vec4f'}>;

// A pixel's bytes, and whether they go to the tensor.
fn bytes(i: u32) -> vec4u {
  if (i >= p.pixels) { return vec4u(0u, 0u, 0u, 1u); }
  // Left or above of the corner these wrap around to what is no size.
  let at = vec2u(i % p.width, i / p.width) - p.corner;
  if (any(at >= p.size)) { return vec4u(0u); }
  return vec4u(vec3u(round(255.0 * textureLoad(picture, at, 0).rgb)), 1u);
}

fn store(i: u32, k: vec4u, own: vec4<bool>) {
  if (i >= (3u * (p.pixels - p.first) + 3u) / 4u) { return; }
${
  dtype === 'u8'
    ? `  let word = k.x | (k.y << 8u) | (k.z << 16u) | (k.w << 24u);
  let mask = dot(select(vec4u(0u), vec4u(0xffu, 0xff00u, 0xff0000u, 0xff000000u), own), vec4u(1u));`
    : '  let value = vec4f(257u * k) * 0x1p-16 + vec4f(k) * 5.983839201917363e-8;'
}
  if (all(own)) {
    y[i] = ${dtype === 'u8' ? 'word' : 'value'};
  } else if (any(own)) {
    y[i] = ${dtype === 'u8' ? '(y[i] & ~mask) | (word & mask)' : 'select(y[i], value, own)'};
  }
}

@compute @workgroup_size(${IMAGE_LANES})
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * ${IMAGE_LANES}u + id.x;
  let at = p.first + 4u * i;
  if (at >= p.end) { return; }
  let a = bytes(at);
  let b = bytes(at + 1u);
  let c = bytes(at + 2u);
  let d = bytes(at + 3u);
  let own = vec4u(a.w, b.w, c.w, d.w) != vec4u(0u);
  store(3u * i, vec4u(a.xyz, b.x), own.xxxy);
  store(3u * i + 1u, vec4u(b.yz, c.xy), own.yyzz);
  store(3u * i + 2u, vec4u(c.z, d.xyz), own.zwww);
}
`

export const IMAGE_LANES = 64

/** Bytes of the uniform. */
export const IMAGE_PARAMS = 32

export interface ImagePart {
  /** Pixels of a row of the tensor, and of all of it. */
  readonly width: number
  readonly pixels: number
  /** The tensor's pixel that the binding begins with, a multiple of 4, and the one after the last that may be the part's. */
  readonly first: number
  readonly end: number
  /** Where the part lies in the tensor. */
  readonly corner: readonly [left: number, top: number]
  readonly size: readonly [width: number, height: number]
}

export const imageWords = ({ width, pixels, first, end, corner, size }: ImagePart): Uint32Array =>
  Uint32Array.of(width, pixels, first, end, ...corner, ...size)

/** Workgroups for that many pixels, in a grid whose rows are no longer than any device allows. */
export function imageGrid(pixels: number): readonly [x: number, y: number] {
  const groups = Math.ceil(pixels / (4 * IMAGE_LANES))
  const rows = Math.ceil(groups / 65535)
  return [Math.ceil(groups / rows), rows]
}

// A picture in a texture, as browsers hand it over, into a tensor [1, h, w, 3] of bytes or of numbers in [0, 1].
//
// A tensor has its colours side by side and no fourth one: RGBRGB… An invocation takes four pixels, 12 elements, which are
// three vec4s of f32 or three words of four bytes; both layouts have ⌈3·h·w/4⌉ of them. Pixels beyond the last are 0.
//
// A texture of 8-bit colours reads as k/255, by a division that may be off in the last place; the byte k is its nearest
// multiple. As a number it shall be k/255 rounded once, as on the host: 1/255 = 2⁻⁸ + 2⁻¹⁶ + 5.98…·10⁻⁸, where k times the
// first two is exact and k times the rest far too small to be rounded twice.

/** What a pipeline is made of; binding 0 is the uniform {width, pixels}, 1 the texture, 2 the tensor. */
export const imageKernel = (dtype: 'f32' | 'u8'): string => /* wgsl */ `
struct Params { width: u32, pixels: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var picture: texture_2d<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<${dtype === 'u8' ? 'u32' : 'vec4f'}>;

fn bytes(i: u32) -> vec3u {
  if (i >= p.pixels) { return vec3u(0u); }
  return vec3u(round(255.0 * textureLoad(picture, vec2u(i % p.width, i / p.width), 0).rgb));
}

fn store(i: u32, k: vec4u) {
  if (i >= (3u * p.pixels + 3u) / 4u) { return; }
${
  dtype === 'u8'
    ? '  y[i] = k.x | (k.y << 8u) | (k.z << 16u) | (k.w << 24u);'
    : '  y[i] = vec4f(257u * k) * 0x1p-16 + vec4f(k) * 5.983839201917363e-8;'
}
}

@compute @workgroup_size(${IMAGE_LANES})
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * ${IMAGE_LANES}u + id.x;
  if (4u * i >= p.pixels) { return; }
  let a = bytes(4u * i);
  let b = bytes(4u * i + 1u);
  let c = bytes(4u * i + 2u);
  let d = bytes(4u * i + 3u);
  store(3u * i, vec4u(a, b.x));
  store(3u * i + 1u, vec4u(b.yz, c.xy));
  store(3u * i + 2u, vec4u(c.z, d));
}
`

export const IMAGE_LANES = 64

/** Workgroups for that many pixels, in a grid whose rows are no longer than any device allows. */
export function imageGrid(pixels: number): readonly [x: number, y: number] {
  const groups = Math.ceil(pixels / (4 * IMAGE_LANES))
  const rows = Math.ceil(groups / 65535)
  return [Math.ceil(groups / rows), rows]
}

// Tensors painted onto a canvas: one triangle covers it, and each pixel reads what lies under its middle.
//
// At pixel (X, Y) of a canvas W × H, a tensor of w × h is read at x = ⌊(2X + 1)·w / 2W⌋, y alike: its own pixel where the sizes
// agree, the nearest where they do not. Colours are mixed as they are (sRGB), as the opacity of CSS does:
// out = base + share·(colour − base), where base is the image, or black without one.

import { type Elem, loadScalar } from './kernel.ts'

/** What is painted, and from what: the types of the tensors that are read. */
export interface ViewStructure {
  readonly mode: 'image' | 'classes' | 'scores'
  /** Below the colours; undefined leaves black. */
  readonly image?: 'f32' | 'u8'
  readonly classes?: 'u8' | 'i32' | 'u32'
}

/** The words of the uniform block, in order. */
export interface ViewParams {
  /** Width and height of the canvas, and of the tensors. */
  readonly canvas: readonly [number, number]
  readonly image: readonly [number, number]
  readonly map: readonly [number, number]
  /** Channels of the scores, and the one that is shown. */
  readonly channels: number
  readonly channel: number
  /** Colours of classes or of the ramp. */
  readonly colours: number
  /** The class that stands out; NO_CLASS for none. */
  readonly chosen: number
  readonly outline: boolean
  readonly share: number
  readonly least: number
  readonly most: number
  /** The elements that the bindings of the image and of the map begin with. */
  readonly first: readonly [image: number, map: number]
}

export const NO_CLASS = 0xffffffff

export const viewKey = ({ mode, image, classes }: ViewStructure): string =>
  `view ${[mode, image, classes].filter(Boolean).join(' ')}`

export function viewWords(p: ViewParams): ArrayBuffer {
  const words = new Uint32Array(16)
  words.set([...p.canvas, ...p.image, ...p.map, p.channels, p.channel])
  words.set([p.colours, p.chosen, p.outline ? 1 : 0], 8)
  new Float32Array(words.buffer).set([p.share, p.least, p.most], 11)
  words.set(p.first, 14)
  return words.buffer
}

/** Entry points `corners` and `paint`. Binding 0 is the uniform block; 1 the colours, four bytes each; 2 the image; 3 the classes
 * or scores, each where it is read. */
export const viewShader = ({ mode, image, classes }: ViewStructure): string => /* wgsl */ `
struct Params {
  canvas: vec2u, image: vec2u, map: vec2u, channels: u32, channel: u32,
  colours: u32, chosen: u32, outline: u32, share: f32, least: f32, most: f32,
  first: vec2u,
}
@group(0) @binding(0) var<uniform> p: Params;
${mode === 'image' ? '' : tensor(1, 'colour', 'u32')}
${image ? tensor(2, 'picture', image) : ''}
${mode === 'image' ? '' : tensor(3, 'map', mode === 'scores' ? 'f32' : (classes ?? 'u8'))}

@vertex
fn corners(@builtin(vertex_index) i: u32) -> @builtin(position) vec4f {
  return vec4f(select(-1.0, 3.0, i == 1u), select(-1.0, 3.0, i == 2u), 0.0, 1.0);
}

// With size = whole·canvas + rest no product is beyond 2³², however long a side is.
fn place(at: vec2u, size: vec2u) -> u32 {
  let odd = 2u * at + 1u;
  let halves = odd * (size / p.canvas);
  let q = halves / 2u + (halves % 2u * p.canvas + odd * (size % p.canvas)) / (2u * p.canvas);
  return q.y * size.x + q.x;
}

fn base(at: vec2u) -> vec3f {
${image ? `  let i = 3u * place(at, p.image) - p.first.x;\n  return vec3f(${[0, 1, 2].map((c) => channel(image, c)).join(', ')});` : '  return vec3f(0.0);'}
}

@fragment
fn paint(@builtin(position) position: vec4f) -> @location(0) vec4f {
  return vec4f(shown(vec2u(position.xy)), 1.0);
}
${mode === 'image' ? SHOW_IMAGE : mode === 'scores' ? SHOW_SCORES : showClasses(classes ?? 'u8')}`

const tensor = (slot: number, name: string, elem: Elem): string =>
  `@group(0) @binding(${slot}) var<storage, read> ${name}: array<${elem === 'u8' ? 'u32' : elem}>;`

const channel = (elem: 'f32' | 'u8', c: number): string =>
  elem === 'u8'
    ? `f32(${loadScalar('picture', elem, `i + ${c}u`)}) / 255.0`
    : loadScalar('picture', elem, `i + ${c}u`)

const SHOW_IMAGE = /* wgsl */ `
fn shown(at: vec2u) -> vec3f { return base(at); }`

// Bits are asked, since an implementation may take it that there is no NaN.
const SHOW_SCORES = /* wgsl */ `
fn shown(at: vec2u) -> vec3f {
  let below = base(at);
  let score = map[place(at, p.map) * p.channels + p.channel - p.first.y];
  if ((bitcast<u32>(score) & 0x7fffffffu) > 0x7f800000u) { return below; }
  let strength = clamp((score - p.least) / (p.most - p.least), 0.0, 1.0);
  let i = min(u32(strength * f32(p.colours - 1u) + 0.5), p.colours - 1u);
  return mix(below, unpack4x8unorm(colour[i]).rgb, p.share);
}`

// The line lies on the inner side of the class that stands out, and right and below of where classes meet elsewhere, so that it is
// one pixel wide in either case. Beyond the canvas lies what is at its edge.
const showClasses = (elem: 'u8' | 'i32' | 'u32'): string => /* wgsl */ `
fn class_at(x: i32, y: i32) -> u32 {
  let at = vec2u(clamp(vec2i(x, y), vec2i(0), vec2i(p.canvas) - 1));
  return u32(${loadScalar('map', elem, 'place(at, p.map) - p.first.y')});
}

fn is_edge(at: vec2i, k: u32) -> bool {
  let after = class_at(at.x + 1, at.y) != k || class_at(at.x, at.y + 1) != k;
  if (p.chosen == ${NO_CLASS}u) { return after; }
  return k == p.chosen &&
    (after || class_at(at.x - 1, at.y) != k || class_at(at.x, at.y - 1) != k);
}

fn shown(at: vec2u) -> vec3f {
  let below = base(at);
  let k = class_at(i32(at.x), i32(at.y));
  if (p.outline != 0u && is_edge(vec2i(at), k)) { return vec3f(1.0); }
  if (k >= p.colours) { return below; }
  let faint = p.chosen != ${NO_CLASS}u && k != p.chosen;
  return mix(below, unpack4x8unorm(colour[k]).rgb, p.share * select(1.0, 0.125, faint));
}`

// Counter-based random words: Threefry-4x32 with 20 rounds (Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as
// easy as 1, 2, 3", SC 2011). It has no state: block b of a key is the cipher of the counter (b, 0, 0, 0), and element e
// has word e mod 4 of block e div 4. It needs sums, shifts and exclusive ors only, and no product of 64 bits.
//
// A round mixes two pairs of words at once, a = (x₀, x₂) and b = (x₁, x₃):  a += b;  b = (b rotated left) ^ a;  and then
// b changes sides. After every four rounds the next words of the key are added.

/** Bits that the two halves of b are rotated by in eight rounds, which then repeat. */
export const ROTATIONS = [
  [10, 26],
  [11, 21],
  [13, 27],
  [23, 5],
  [6, 20],
  [17, 11],
  [25, 10],
  [18, 20],
] as const

const pair = ([p, q]: readonly [number, number]) => `vec2u(${p}u, ${q}u)`
/** Round r of the four of an odd or even group. */
const round = (_: unknown, r: number) => /* wgsl */ `
    n = select(${pair(ROTATIONS[r + 4])}, ${pair(ROTATIONS[r])}, odd);
    a += b;
    b = ((b << n) | (b >> (32u - n))) ^ a;
    b = b.yx;`

const functions: Readonly<Record<string, string>> = {
  // The rounds are a loop, since drivers take their time to compile twenty of them.
  random_block: `(counter: vec4u, key: vec4u) -> vec4u {
  var k = key;
  var last = 0x1bd11bdau ^ k.x ^ k.y ^ k.z ^ k.w;
  var a = counter.xz + k.xz;
  var b = counter.yw + k.yw;
  for (var group = 1u; group <= 5u; group++) {
    let odd = (group & 1u) == 1u;
    var n: vec2u;${Array.from({ length: 4 }, round).join('')}
    let first = k.x;
    k = vec4u(k.yzw, last);
    last = first;
    a += k.xz;
    b += vec2u(k.y, k.w + group);
  }
  return vec4u(a.x, b.x, a.y, b.y);
}`,

  // The words of four neighbours. They are one block but in windows of large tensors, which may begin inside of one.
  random_bits: `(index: vec4u, key: vec4u) -> vec4u {
  let begin = index.x & 3u;
  var block = vec4u();
  var next = vec4u();
  for (var b = 0u; b <= min(begin, 1u); b++) {
    block = next;
    next = random_block(vec4u((index.x >> 2u) + b, 0u, 0u, 0u), key);
  }
  if (begin == 0u) { return next; }
  let late = select(vec4u(block.w, next.xyz), vec4u(block.zw, next.xy), begin == 2u);
  return select(late, vec4u(block.yzw, next.x), begin == 1u);
}`,

  // 24 bits, so that every value is exact in f32 and below 1.
  random_unit: `(bits: vec4u) -> vec4f { return vec4f(bits >> vec4u(8u)) * (1.0 / 16777216.0); }`,

  // Box and Muller (1958), the cosine of the two. 1 − u is never 0.
  random_gauss: `(u: vec4u, v: vec4u) -> vec4f {
  let radius = sqrt(-2.0 * math_log(1.0 - random_unit(u)));
  return radius * math_sin(6.283185307179586 * (random_unit(v) - 0.5), 3u);
}`,
}

/** Declarations of the functions of this file that `code` calls, and of those that they call but for math.ts. */
export function helpersFor(code: string): string {
  const wanted = new Set<string>()
  const add = (text: string) => {
    for (const [name, body] of Object.entries(functions))
      if (text.includes(`${name}(`) && !wanted.has(name)) {
        wanted.add(name)
        add(body)
      }
  }
  add(code)
  return [...wanted].map((name) => `fn ${name}${functions[name]}`).join('\n')
}

// Functions of four f32 numbers at once that are good to a few units in the last place on every adapter. WGSL's own
// are not: log loses all digits near 1, tanh and sin promise an absolute error only, exp loses |x| units, and pow
// inherits the errors of log2 and exp2 times the exponent.
//
// Each is an exact reduction of its argument to a short interval and a minimax polynomial there, the lowest terms
// added last. Where more than 24 bits are needed a number is cut in two by masking bits: sums that cancel on paper,
// such as (a + b) − a, are what compilers simplify away, and a masked number is opaque to them. A product of the
// upper halves is exact, so it makes no difference whether a driver contracts it with the sum around it.
//
// NaN is asked for by its bits, and stays NaN. WGSL refuses constants that are infinite or NaN; `math_bits` makes them.

const polynomial = (x: string, coefficients: readonly number[]): string =>
  coefficients
    .slice(0, -1)
    .reduceRight((rest, c) => `${c} + ${x} * (${rest})`, `${coefficients.at(-1)}`)

/** (eʳ − 1 − r) / r² for |r| ≤ ½ log 2: eʳ is right to 1.5e-8. */
const expTail = polynomial('r', [0.5, 0.16666534543, 0.0416666083, 0.0083676586, 0.0013918846])
/** (log(1 + f) − 2s) / s³ in z = s², s = f / (2 + f), for 1 + f from √½ to √2: to 5e-11. */
const logTail = polynomial('z', [0.66666662693, 0.4000096917, 0.28499168158, 0.24268318711])
/** (sin r − r) / r³ and (cos r − 1 + r²/2) / r⁴ in z = r², for |r| ≤ 0.8. */
const sinTail = polynomial('z', [-0.16666653752, 0.0083320979, -0.00019506023])
const cosTail = polynomial('z', [0.04166664556, -0.00138872908, 0.00002442864])

/** The upper 12 bits of a number's 24. */
const upper = (x: string) => `bitcast<vec4f>(bitcast<vec4u>(${x}) & vec4u(0xfffff000u))`
/** WGSL: whether lanes of a vec4f are NaN. */
export const isNaNBits = (x: string): string =>
  `((bitcast<vec4u>(${x}) & vec4u(0x7fffffffu)) > vec4u(0x7f800000u))`

const functions: Readonly<Record<string, string>> = {
  math_bits: `(bits: u32) -> vec4f { return bitcast<vec4f>(vec4u(bits)); }`,

  // x·2ⁿ for n in [−252, 254], in two steps since 2ⁿ itself may be out of range.
  math_scale: `(x: vec4f, n: vec4i) -> vec4f {
  let half = n >> vec4u(1u);
  return x * bitcast<vec4f>((half + 127) << vec4u(23u)) * bitcast<vec4f>((n - half + 127) << vec4u(23u));
}`,

  // eˣ = 2ᵏ·eʳ. log 2 is two numbers, the first so short that k times it is exact.
  math_exp: `(x: vec4f) -> vec4f {
  let y = clamp(x, vec4f(-110.0), vec4f(89.0));
  let k = round(y * 1.44269504);
  let r = (y - k * 0.693145751953125) - k * 1.42860677e-6;
  let p = 1.0 + r * (1.0 + r * (${expTail}));
  return select(math_scale(p, vec4i(k)), x, ${isNaNBits('x')});
}`,

  // eˣ − 1 = 2ᵏ·((eʳ − 1) + (1 − 2⁻ᵏ)): nothing cancels where k = 0.
  math_expm1: `(x: vec4f) -> vec4f {
  let y = clamp(x, vec4f(-20.0), vec4f(89.0));
  let k = round(y * 1.44269504);
  let r = (y - k * 0.693145751953125) - k * 1.42860677e-6;
  let n = vec4i(k);
  let rest = 1.0 - bitcast<vec4f>(max(127 - n, vec4i()) << vec4u(23u));
  let p = (r + r * r * (${expTail})) + rest;
  return select(math_scale(p, n), x, ${isNaNBits('x')});
}`,

  // A positive number from its bits: (1 + f)·2ᵏ with 1 + f from √½ to √2. Subnormal numbers are bits·2⁻¹⁴⁹.
  math_split: `(bits: vec4u) -> MathSplit {
  let small = bits < vec4u(0x00800000u);
  let moved = select(bits, bitcast<vec4u>(vec4f(bits)), small) + vec4u(0x3f800000u - 0x3f3504f3u);
  let k = vec4f(vec4i(moved >> vec4u(23u)) - 127) - select(vec4f(), vec4f(149.0), small);
  return MathSplit(bitcast<vec4f>((moved & vec4u(0x007fffffu)) + vec4u(0x3f3504f3u)) - 1.0, k);
}`,

  // k·log 2 + log(1 + f), where log(1 + f) = f − f²/2 + s·(f²/2 + …): f itself is exact.
  math_log_sum: `(f: vec4f, k: vec4f) -> vec4f {
  let s = f / (2.0 + f);
  let z = s * s;
  let h = 0.5 * f * f;
  let t = s * (h + z * (${logTail})) + k * 1.42860677e-6;
  return k * 0.693145751953125 + (f - (h - t));
}`,

  math_log: `(x: vec4f) -> vec4f {
  let bits = bitcast<vec4u>(x);
  let a = math_split(bits);
  var y = math_log_sum(a.f, a.k);
  y = select(y, math_bits(0xff800000u), (bits & vec4u(0x7fffffffu)) == vec4u());
  y = select(y, math_bits(0x7fc00000u), bits > vec4u(0x80000000u));
  return select(y, x, (bits >= vec4u(0x7f800000u)) & (bits < vec4u(0x80000000u)));
}`,

  // Where 1 + x is from √½ to √2 its digits are those of x; elsewhere the rounding of 1 + x is no more than one of the
  // result.
  math_log1p: `(x: vec4f) -> vec4f {
  let near = (x > vec4f(-0.29)) & (x < vec4f(0.41));
  let u = select(1.0 + x, vec4f(1.0), near);
  return select(math_log(u), math_log_sum(x, vec4f()), near);
}`,

  // tanh |x| = −t / (2 + t) with t = exp(−2|x|) − 1.
  math_tanh: `(x: vec4f) -> vec4f {
  let t = math_expm1(-2.0 * abs(x));
  let y = bitcast<vec4u>(t / (2.0 + t)) & vec4u(0x7fffffffu);
  return bitcast<vec4f>(y | (bitcast<vec4u>(x) & vec4u(0x80000000u)));
}`,

  // x·2/π modulo 4 in units of 2⁻³⁰, for |x| = m·2ᵉ from 2¹⁶ on, given its bits (Payne and Hanek's way): of the digits of
  // 2/π those in front count whole turns and those behind are too small, and 64 are left to be multiplied.
  math_turns: `(bits: u32) -> u32 {
  var digits = array<u32, 7>(0u, 0xa2f9836eu, 0x4e441529u, 0xfc2757d1u, 0xf534ddc0u, 0xdb629599u, 0x3c439041u);
  let m = (bits & 0x007fffffu) | 0x00800000u;
  let first = ((bits >> 23u) & 255u) - 120u;
  let i = first >> 5u;
  let s = first & 31u;
  let high = (digits[i] << s) | ((digits[i + 1u] >> 1u) >> (31u - s));
  let low = (digits[i + 1u] << s) | ((digits[i + 2u] >> 1u) >> (31u - s));
  return m * high + (m >> 16u) * (low >> 16u) + (((m & 0xffffu) * (low >> 16u)) >> 16u) + (((m >> 16u) * (low & 0xffffu)) >> 16u);
}`,

  // sin(x + turns·π/2). π/2 is five numbers; the first four have 8 bits, so that k times them is exact while k has 16.
  // What x is beyond k·π/2 is cut in two, high + low, since each number that is taken off it costs a rounding.
  math_sin: `(x: vec4f, turns: u32) -> vec4f {
  let bits = bitcast<vec4u>(x);
  let k = round(x * 0.636619772);
  let near = ((x - k * 1.5703125) - k * 0.0004825592041015625) - k * 1.2665987014770507813e-6;
  let fourth = k * 9.8953023552894592e-10;
  let fifth = k * 2.5633440682571e-12;
  let whole = (near - fourth) - fifth;
  var high = ${upper('whole')};
  var low = ((near - high) - fourth) - fifth;
  var turn = bitcast<vec4u>(vec4i(k));
  let far = (bits & vec4u(0x7fffffffu)) > vec4u(0x47c35000u);
  if (any(far)) {
    for (var i = 0u; i < 4u; i++) {
      if (far[i]) {
        let t = math_turns(bits[i]);
        let n = (t + 0x20000000u) >> 30u;
        let rest = f32(bitcast<i32>(t - (n << 30u))) * 1.46291808e-9;
        let negative = bits[i] >= 0x80000000u;
        high[i] = select(rest, -rest, negative);
        low[i] = 0.0;
        turn[i] = select(n, 0u - n, negative);
      }
    }
  }
  turn += turns;
  let r = high + low;
  let z = r * r;
  let odd = high + (low + r * z * (${sinTail}));
  let even = 1.0 - z * (0.5 - z * (${cosTail}));
  let y = bitcast<vec4u>(select(odd, even, (turn & vec4u(1u)) != vec4u())) ^ ((turn & vec4u(2u)) << vec4u(30u));
  // Infinities have no sine: these bits make a NaN of them and leave NaN what it is.
  let size = bits & vec4u(0x7fffffffu);
  let none = size >= vec4u(0x7f800000u);
  // Below 2⁻¹² the sine is its argument; on the way here its lower half may have been flushed to 0.
  let tiny = (size < vec4u(0x39800000u)) & vec4<bool>(turns == 0u);
  return bitcast<vec4f>(select(select(y, bits, tiny), bits | vec4u(0x7fc00000u), none));
}`,

  // aᵇ = 2^(b·log₂|a|) with log₂|a| and its product with b to some 32 bits, and the cases of IEEE 754's pow.
  math_pow: `(a: vec4f, b: vec4f) -> vec4f {
  let size = bitcast<vec4u>(a) & vec4u(0x7fffffffu);
  let split = math_split(size);
  // s = f / (2 + f) as s₁ + s₂, then (2s + …) / log 2 as high + low.
  let f = split.f;
  let d = 2.0 + f;
  let d1 = ${upper('d')};
  let s = f / d;
  let s1 = ${upper('s')};
  let s2 = ((f - s1 * d1) - s1 * (f - (d1 - 2.0))) / d;
  let z = s * s;
  let high = s1 * 2.884765625;
  let low = s1 * 0.00062445679 + (2.0 * s2 + s * z * (${logTail})) * 1.44269504;
  let l = split.k + (high + low);
  let l1 = ${upper('l')};
  let l2 = ((split.k - l1) + high) + low;
  // Beyond ±2³² every power but that of ±1 is 0 or infinite.
  let y = clamp(b, vec4f(-4294967296.0), vec4f(4294967296.0));
  let y1 = ${upper('y')};
  let e1 = y1 * l1;
  let e2 = (y - y1) * l1 + y * l2;
  let n = round(clamp(e1 + e2, vec4f(-160.0), vec4f(160.0)));
  let r = clamp((e1 - n) + e2, vec4f(-1.0), vec4f(1.0)) * 0.693147181;
  var power = math_scale(1.0 + r * (1.0 + r * (${expTail})), vec4i(n));
  let zero = size == vec4u();
  let infinite = size == vec4u(0x7f800000u);
  power = select(power, select(vec4f(), math_bits(0x7f800000u), (b > vec4f()) == infinite), zero | infinite);
  let whole = floor(y) == y;
  let odd = whole & (floor(0.5 * y) != 0.5 * y);
  let negative = bitcast<vec4u>(a) >= vec4u(0x80000000u);
  let sign = select(vec4u(), vec4u(0x80000000u), negative & odd);
  power = bitcast<vec4f>(bitcast<vec4u>(power) ^ sign);
  let none = (negative & !whole & !zero & !infinite) | ${isNaNBits('a')} | ${isNaNBits('b')};
  let one = (a == vec4f(1.0)) | ((bitcast<vec4u>(b) & vec4u(0x7fffffffu)) == vec4u());
  return select(select(power, math_bits(0x7fc00000u), none), vec4f(1.0), one);
}`,

  // a − b·⌊a/b⌋, exactly but for one rounding where the signs differ: long division, some bits of the quotient at a
  // time. q has 10 bits and d₁ 14, so q·d₁ is exact; what is left is a multiple of d's last bit and at most d/2.
  math_mod: `(a: vec4f, b: vec4f) -> vec4f {
  let sizes = vec4u(0x7fffffffu);
  let over = bitcast<vec4u>(a) & sizes;
  let under = bitcast<vec4u>(b) & sizes;
  let none = (over >= vec4u(0x7f800000u)) | (under > vec4u(0x7f800000u)) | (under < vec4u(0x00800000u));
  var r = bitcast<vec4f>(select(over, vec4u(), none));
  let d = bitcast<vec4f>(select(under, vec4u(0x3f800000u), none));
  while (any(r >= d)) {
    let apart = (bitcast<vec4i>(r) >> vec4u(23u)) - (bitcast<vec4i>(d) >> vec4u(23u));
    let bits = bitcast<vec4i>(d) + (max(apart - 9, vec4i()) << vec4u(23u));
    let scaled = bitcast<vec4f>(bits);
    let d1 = bitcast<vec4f>(bits & vec4i(-1024));
    let q = floor(r / scaled);
    let rest = (r - q * d1) - q * (scaled - d1);
    r = select(r, select(rest, rest + scaled, rest < vec4f()), r >= d);
  }
  let apart = ((bitcast<vec4u>(a) ^ bitcast<vec4u>(b)) >= vec4u(0x80000000u)) & (r > vec4f());
  let size = select(r, bitcast<vec4f>(under) - r, apart);
  let y = bitcast<vec4f>(bitcast<vec4u>(size) | (bitcast<vec4u>(b) & vec4u(0x80000000u)));
  return select(y, math_bits(0x7fc00000u), none);
}`,

  // For integers WGSL says that a % 0 is 0, and the least one % −1 too.
  math_mod_signed: `(a: vec4i, b: vec4i) -> vec4i {
  let r = a % b;
  return select(r, r + b, (r != vec4i()) & ((r ^ b) < vec4i()));
}`,

  // The nearest f16 number, ties to even. Stores round too, but a value that stays in a register would keep its digits.
  math_half: `(x: vec4f) -> vec4f {
  let bits = bitcast<vec4u>(x);
  let size = bits & vec4u(0x7fffffffu);
  let normal = (size + 0x0fffu + ((size >> vec4u(13u)) & vec4u(1u))) & vec4u(0xffffe000u);
  let small = bitcast<vec4u>(round(abs(x) * 16777216.0) * (1.0 / 16777216.0));
  var y = select(normal, small, size < vec4u(0x38800000u));
  y = select(y, vec4u(0x7f800000u), size >= vec4u(0x477ff000u));
  y = select(y, size, size > vec4u(0x7f800000u));
  return bitcast<vec4f>(y | (bits & vec4u(0x80000000u)));
}`,
}

/** Declarations of the functions of this file that `code` calls, and of those that they call. */
export function mathFor(code: string): string {
  const wanted = new Set<string>()
  const add = (text: string) => {
    for (const [name, body] of Object.entries(functions))
      if (text.includes(`${name}(`) && !wanted.has(name)) {
        wanted.add(name)
        add(body)
      }
  }
  add(code)
  const struct = wanted.has('math_split') ? 'struct MathSplit { f: vec4f, k: vec4f }\n' : ''
  return struct + [...wanted].map((name) => `fn ${name}${functions[name]}`).join('\n')
}

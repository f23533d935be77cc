// The two 16-bit float formats, as bits: JavaScript has no array of either. Reading is exact; writing rounds to the
// nearest, ties to even (IEEE 754; bfloat16 is the upper half of a float32).

const float = new Float32Array(1)
const bits = new Uint32Array(float.buffer)

export function halfToNumber(half: number): number {
  const isSpecial = (half & 0x7c00) === 0x7c00
  if (isSpecial && half & 1023) return Number.NaN
  // The same digits in a float32, whose exponent is biased by 112 more; a subnormal one serves as well.
  bits[0] = ((half & 0x8000) << 16) | ((half & 0x7fff) << 13)
  return isSpecial ? float[0] * Number.POSITIVE_INFINITY : float[0] * 2 ** 112
}

export function numberToHalf(value: number): number {
  float[0] = value
  const sign = (bits[0] >>> 16) & 0x8000
  const magnitude = bits[0] & 0x7fffffff
  if (magnitude > 0x7f800000) return sign | 0x7e00
  // 65520, half-way to what would be the next number, and all above it.
  if (magnitude >= 0x477ff000) return sign | 0x7c00
  if (magnitude < 0x38800000) {
    // Subnormal, a multiple of 2^-24: the last place of a float32 near 0.5 is just that, so the addition rounds.
    float[0] = Math.abs(float[0]) + 0.5
    return sign | (bits[0] - 0x3f000000)
  }
  return sign | roundShift(magnitude - 0x38000000, 13)
}

export function bfloatToNumber(bfloat: number): number {
  bits[0] = bfloat << 16
  return float[0]
}

export function numberToBfloat(value: number): number {
  float[0] = value
  if (Number.isNaN(value)) return (bits[0] >>> 16) | 0x40
  return roundShift(bits[0], 16)
}

/** `n / 2^by`, to the nearest, ties to even. */
function roundShift(n: number, by: number): number {
  const odd = (n >>> by) & 1
  return (n + 2 ** (by - 1) - 1 + odd) >>> by
}

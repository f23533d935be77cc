// Counter-based random words: pcg4d by Jarzynski and Olano (Hash Functions for GPU Rendering, JCGT 2020), on four
// elements at once. It has no state: the same (index, salt, seed, step) always gives the same word.

const body = (component: 'x' | 'y') => /* wgsl */ `
fn pcg4d_${component}(index: vec4u, salt: vec4u, seed: vec4u, step: vec4u) -> vec4u {
  var x = index * 1664525u + 1013904223u;
  var y = salt * 1664525u + 1013904223u;
  var z = seed * 1664525u + 1013904223u;
  var w = step * 1664525u + 1013904223u;
  x += y * w; y += z * x; z += x * y; w += y * z;
  x ^= x >> vec4u(16u); y ^= y >> vec4u(16u); z ^= z >> vec4u(16u); w ^= w >> vec4u(16u);
  x += y * w; y += z * x; z += x * y; w += y * z;
  return ${component};
}`

/** Declarations of the helper functions that `code` calls. */
export const helpersFor = (code: string): string =>
  (['x', 'y'] as const)
    .filter((c) => code.includes(`pcg4d_${c}(`))
    .map(body)
    .join('\n')

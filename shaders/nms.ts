// Greedy non-maximum suppression of boxes that are sorted already, best first, in segments that leave each other alone:
//
//   by[e] = e where no kept box of its segment before it overlaps it by more than the threshold, else the first kept one that does
//
// The order of the greedy rule is kept, whatever runs side by side. A segment is taken in chunks of its order; of each chunk
//
//   against   each box looks through the boxes that earlier chunks kept, and stops at the first that suppresses it
//   pairs     each box that is left marks, in a row of bits, which of those left after it in the chunk it would suppress
//   choose    one invocation a segment walks the chunk: a box that is still left is kept, and takes those of its row
//
// Chunks of all segments run together. The first is short, since before anything is kept every box is left and pairs are
// many; the next ones grow, since after it few are left. Work is boxes × kept ones, not boxes × boxes; memory, beside the
// result, is a list of what is kept and the rows of one chunk. No atomics, no workgroup memory, no barriers.
//
// Chosen bits decide alone who suppresses whom within a chunk, so that no two roundings of one overlap have to agree.

import {
  type Access,
  type Binding,
  f32,
  input,
  output,
  overIndex,
  perIndex,
  type Recipe,
  scratch,
} from './kernel.ts'

export interface NmsSpec {
  readonly boxes: number
  readonly segments: number
  /** No segment is longer. */
  readonly longest: number
  readonly threshold: number
  /** Of boxes and firsts. */
  readonly access: readonly Access[]
}

/** Boxes of the first chunk, and of the longest. */
const FIRST = 64
const MOST = 2048
/** Bytes that the rows of a chunk may take. */
const ROWS = 2 ** 25

/** Inputs boxes f32 [boxes, 4] of two corners and firsts u32 [segments + 1]; output by u32 [boxes], NONE outside of segments. */
export function nms({ boxes, segments, longest, threshold, access }: NmsSpec): Recipe {
  if (!boxes) return { scratch: [], dispatches: [] }
  // A row has a bit for each box of the chunk.
  const fitting = 32 * Math.floor(Math.sqrt((8 * ROWS) / Math.max(1, segments)) / 32)
  const width = Math.min(MOST, Math.max(FIRST, fitting), 32 * Math.ceil(longest / 32))
  const words = width / 32
  const [from, firsts, by] = [input(0), input(1), output(0)]
  const [kept, counts, rows] = [scratch(0), scratch(1), scratch(2)]
  const kernels = kernelsOf(access)
  const chunks = chunksOf(longest, width).flatMap(([begin, end]) => {
    const size = end - begin
    const sizes = [begin, size, words, boxes] as const
    return [
      overIndex(
        kernels.against,
        segments * size,
        [from, firsts, kept, counts, by],
        ...[...sizes, f32(threshold)],
      ),
      overIndex(
        kernels.pairs,
        segments * size,
        [from, firsts, rows, by],
        ...[...sizes, f32(threshold)],
      ),
      overIndex(kernels.choose, segments, [firsts, kept, counts, rows, by], ...sizes),
    ]
  })
  return {
    scratch: [4 * boxes, 4 * segments, 4 * segments * width * words],
    dispatches: [
      overIndex(kernels.begin, Math.max(boxes, segments), [counts, by], boxes, segments),
      ...(segments ? chunks : []),
    ],
  }
}

/** Where chunks begin and end in each segment. */
function chunksOf(longest: number, width: number): (readonly [number, number])[] {
  const chunks: (readonly [number, number])[] = []
  let size = Math.min(FIRST, width)
  for (let at = 0; at < longest; ) {
    chunks.push([at, Math.min(at + size, longest)])
    at += size
    size = Math.min(width, 2 * size)
  }
  return chunks
}

const params = 'start: u32, size: u32, words: u32, boxes: u32'

const NONE = '0xffffffffu'

const overlaps = /* wgsl */ `
fn overlaps(a: vec4f, b: vec4f) -> bool {
  let side = max(min(a.zw, b.zw) - max(a.xy, b.xy), vec2f());
  let both = side.x * side.y;
  let all = (a.z - a.x) * (a.w - a.y) + (b.z - b.x) * (b.w - b.y) - both;
  return both > 0.0 && both > p.threshold * all;
}`

/** Box `t` of the chunk of segment s is box e. */
const place = /* wgsl */ `
  let s = i / p.size;
  let t = i - s * p.size;
  let begin = min(firsts[s], p.boxes);
  let end = min(firsts[s + 1u], p.boxes);
  let e = begin + p.start + t;
  if (e >= end) { return; }`

function kernelsOf([boxesAccess, firstsAccess]: readonly Access[]) {
  const boxes: Binding = { name: 'boxes', access: boxesAccess, elem: 'f32', vec: true }
  const firsts: Binding = { name: 'firsts', access: firstsAccess, elem: 'u32' }
  const [kept, counts, rows, by] = ['kept', 'counts', 'rows', 'by'].map(
    (name): Binding => ({ name, access: 'read_write', elem: 'u32' }),
  )
  return {
    begin: perIndex({
      key: 'nms/begin',
      params: 'boxes: u32, segments: u32',
      bindings: [counts, by],
      body: /* wgsl */ `
  if (i < p.boxes) { by[i] = ${NONE}; }
  if (i < p.segments) { counts[i] = 0u; }`,
    }),
    against: perIndex({
      key: 'nms/against',
      params: `${params}, threshold: f32`,
      bindings: [boxes, firsts, kept, counts, by],
      functions: overlaps,
      body: /* wgsl */ `${place}
  let box = boxes[e];
  let count = counts[s];
  for (var k = 0u; k < count; k++) {
    let q = kept[begin + k];
    if (overlaps(boxes[q], box)) {
      by[e] = q;
      return;
    }
  }`,
    }),
    pairs: perIndex({
      key: 'nms/pairs',
      params: `${params}, threshold: f32`,
      bindings: [boxes, firsts, rows, by],
      functions: overlaps,
      body: /* wgsl */ `${place}
  if (by[e] != ${NONE}) { return; }
  let box = boxes[e];
  let size = min(p.size, end - begin - p.start);
  for (var w = t / 32u; w * 32u < size; w++) {
    var word = 0u;
    for (var u = max(t + 1u, w * 32u); u < min(size, (w + 1u) * 32u); u++) {
      let other = begin + p.start + u;
      if (by[other] == ${NONE} && overlaps(box, boxes[other])) { word |= 1u << (u & 31u); }
    }
    rows[i * p.words + w] = word;
  }`,
    }),
    choose: perIndex({
      key: 'nms/choose',
      params,
      bindings: [firsts, kept, counts, rows, by],
      body: /* wgsl */ `
  let begin = min(firsts[i], p.boxes);
  let end = min(firsts[i + 1u], p.boxes);
  if (begin + p.start >= end) { return; }
  let first = begin + p.start;
  let size = min(p.size, end - first);
  var count = counts[i];
  for (var t = 0u; t < size; t++) {
    let e = first + t;
    if (by[e] != ${NONE}) { continue; }
    by[e] = e;
    kept[begin + count] = e;
    count++;
    let row = (i * p.size + t) * p.words;
    for (var w = t / 32u; w * 32u < size; w++) {
      var word = rows[row + w];
      while (word != 0u) {
        let other = first + w * 32u + firstTrailingBit(word);
        word &= word - 1u;
        if (by[other] == ${NONE}) { by[other] = e; }
      }
    }
  }
  counts[i] = count;`,
    }),
  }
}

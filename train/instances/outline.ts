// The outline of a mask as a path between its pixels, to be drawn at any size.
//
// Each side of a pixel of the mask beyond which there is none of it is an edge, run through with the mask on its right: along the
// top of a pixel from left to right, and so on around it. Edges are joined to loops. Where two pixels touch in a corner alone there
// are two ways on, of which the right turn keeps them apart.

/** Which way edges leave a corner: a bit each, clockwise. */
const [RIGHT, DOWN, LEFT, UP] = [1, 2, 4, 8]

/** SVG's path data of the loops around a mask [height, width] and around its holes; '' for one without pixels. Corners are whole
 * numbers; filled, the path covers the mask's pixels and no others. */
export function maskOutline(mask: Uint8Array, height: number, width: number): string {
  const wide = width + 1
  const edges = edgesOf(mask, height, width)
  const step = (way: number) => ({ [RIGHT]: 1, [DOWN]: wide, [LEFT]: -1 })[way] ?? -wide
  let path = ''
  for (let start = 0; start < edges.length; start++) {
    if (!edges[start]) continue
    // In this order of corners the first of a loop is one where it turns, and no other loop is left there.
    let [at, way, run] = [start, edges[start], 0]
    path += `M${start % wide} ${Math.floor(start / wide)}`
    do {
      edges[at] &= ~way
      at += step(way)
      run++
      const right = way === UP ? RIGHT : way << 1
      const next = edges[at] & right || edges[at]
      if (next === way) continue
      path += way === RIGHT || way === LEFT ? 'h' : 'v'
      path += way === RIGHT || way === DOWN ? run : -run
      way = next
      run = 0
    } while (at !== start)
    path += 'z'
  }
  return path
}

/** For each corner of the pixels, [height + 1, width + 1], the edges that leave it. */
function edgesOf(mask: Uint8Array, height: number, width: number): Uint8Array {
  const wide = width + 1
  const edges = new Uint8Array((height + 1) * wide)
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const at = y * width + x
      if (!mask[at]) continue
      const corner = y * wide + x
      if (y === 0 || !mask[at - width]) edges[corner] |= RIGHT
      if (x + 1 === width || !mask[at + 1]) edges[corner + 1] |= DOWN
      if (y + 1 === height || !mask[at + width]) edges[corner + wide + 1] |= LEFT
      if (x === 0 || !mask[at - 1]) edges[corner + wide] |= UP
    }
  return edges
}

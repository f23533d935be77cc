// The look of a family: one hue for each, the same in the plot and in the table (bench.css).

const order = [
  'conv forward',
  'conv input gradient',
  'conv weight gradient',
  'matmul',
  'pointwise',
  'concat',
  'batch norm',
  'pooling',
  'repeat',
  'bilinear',
  'softmax',
  'reduction',
  'selection',
]

/** A class that sets the colour `--family`. */
export const familyClass = (family: string): string =>
  `bench-family f${Math.max(0, order.indexOf(family))}`

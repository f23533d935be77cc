// Where a command writes its chart.

import { writeChart } from '../../train/pictures/images.ts'
import type { Args } from './command.ts'
import { outFile } from './subject.ts'

/** What writes a chart to `--out`, whose folder is there when this resolves. Throws OptionError for another ending than .svg and
 * .png. */
export async function chartFile(args: Args): Promise<(svg: string) => Promise<void>> {
  const file = (await outFile(args, ['.svg', '.png']))!
  return (svg) => writeChart(file, svg)
}

// The figures of each kernel, under the headings of their families.

import { type Failed, isMeasured, type Measured } from '../../../bench/suite/measure.ts'
import { milliseconds, percent } from '../../../bench/suite/report.ts'
import { Button } from '../ui/parts.tsx'
import { familyClass } from './families.ts'

/** What has tiles to choose among. */
export const tunable = ({ family }: Measured): boolean => /^conv|^matmul/.test(family)

const head = ['', 'Kernel', 'ms', '±', 'GFLOP/s', 'GB/s', 'Of the ceiling', 'Schedule']

/** 10⁹ per second, two figures at least. */
export const rate = (count: number, ms: number): string => {
  const value = count / ms / 1e6
  return value >= 100 ? value.toFixed(0) : value === 0 ? '0' : String(+value.toPrecision(2))
}

interface Props {
  readonly results: readonly (Measured | Failed)[]
  readonly marked: string | undefined
  readonly onMark: (name: string | undefined) => void
  /** Left out while something runs. */
  readonly onTune: ((result: Measured) => void) | undefined
}

export function Results({ results, marked, onMark, onTune }: Props) {
  const families = [...new Set(results.map(({ family }) => family))]
  const measured = results.filter(isMeasured)
  return (
    <div class="scroll">
      <table class="bench-table">
        <thead>
          <tr>
            {head.map((text, i) => (
              <th key={i} scope="col">
                {text || <span class="unseen">Number</span>}
              </th>
            ))}
          </tr>
        </thead>
        {families.map((family) => (
          <tbody key={family}>
            <tr class={familyClass(family)}>
              <th colSpan={head.length} scope="rowgroup">
                {family}
              </th>
            </tr>
            {results
              .filter((r) => r.family === family)
              .map((r) =>
                isMeasured(r) ? (
                  <Row
                    key={r.name}
                    result={r}
                    number={measured.indexOf(r) + 1}
                    marked={r.name === marked}
                    onMark={onMark}
                    onTune={tunable(r) ? onTune : undefined}
                  />
                ) : (
                  <tr key={r.name} class="failed">
                    <td />
                    <td colSpan={head.length - 1}>
                      {r.name}: {r.problem}
                    </td>
                  </tr>
                ),
              )}
          </tbody>
        ))}
      </table>
    </div>
  )
}

interface RowProps extends Pick<Props, 'onMark' | 'onTune'> {
  readonly result: Measured
  readonly number: number
  readonly marked: boolean
}

function Row({ result, number, marked, onMark, onTune }: RowProps) {
  const { name, family, ms, variation, flops, bytes, share, clock, repeat, schedule } = result
  const short = name.startsWith(`${family}, `) ? name.slice(family.length + 2) : name
  return (
    <tr class={marked ? 'marked' : undefined} onPointerEnter={() => onMark(name)}>
      <td>{number}</td>
      <td>
        <button
          type="button"
          class="plain"
          onClick={() => onMark(name)}
          onFocus={() => onMark(name)}
        >
          {short}
        </button>
      </td>
      <td>
        {milliseconds(ms)}
        {clock === 'wall' && <small> wall, {repeat} runs</small>}
      </td>
      <td>{percent(variation)}</td>
      <td>{rate(flops, ms)}</td>
      <td>{rate(bytes, ms)}</td>
      <td>
        <span class="bench-share">
          <meter min={0} max={1} value={Math.min(1, share)} aria-hidden="true" />
          {percent(share)}
        </span>
      </td>
      <td class="schedule">
        <div>
          <span>{schedule}</span>
          {onTune && (
            <Button onPress={() => onTune(result)} label={`Tune ${name}`}>
              Tune
            </Button>
          )}
        </div>
      </td>
    </tr>
  )
}

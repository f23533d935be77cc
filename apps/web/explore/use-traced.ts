// The text taken through its stages in pieces, between which the page is free; what was planned for the same text is not planned twice.

import { useEffect, useRef, useState } from 'preact/hooks'
import type { Caps } from '../../../engine/index.ts'
import { type Problem, problemOf } from '../ui/problem.tsx'
import type { Written } from './editor.tsx'
import { type Explored, exploring, type Recompute } from './explored.ts'

/** What came of a text. */
export interface Traced {
  /** The last that came of one; of the text before while `working`. */
  readonly now?: Explored
  /** The same with everything kept. */
  readonly kept?: Explored
  readonly problem?: Problem
  /** The text that all of this is of. */
  readonly written?: Written
  readonly working: boolean
}

/** Milliseconds that pieces may take together before the page has its turn. */
const PIECE = 30

/** Undefined `caps` are waited for. */
export function useTraced(written: Written, caps: Caps | undefined, recompute: Recompute): Traced {
  const [result, setResult] = useState<Omit<Traced, 'working'> & { readonly of?: unknown }>({})
  const made = useRef<{ written?: Written; caps?: Caps; plans: Map<Recompute, Explored> }>({
    plans: new Map(),
  })
  // What was asked for is told by what it is, so that the very drawing that asks says that it is not there yet.
  const asked = useRef<{ of: readonly unknown[] }>({ of: [] })
  const wanted = [written, caps, recompute]
  if (wanted.some((value, i) => value !== asked.current.of[i])) asked.current = { of: wanted }
  const mine = asked.current
  useEffect(() => {
    if (!caps) return
    if (made.current.written !== written || made.current.caps !== caps)
      made.current = { written, caps, plans: new Map() }
    const { plans } = made.current
    let stale = false
    const planned = async (how: Recompute): Promise<Explored | undefined> => {
      const known =
        plans.get(how) ??
        (await inPieces(exploring(written.code, written.inputs, caps, how), () => stale))
      if (known) plans.set(how, known)
      return known
    }
    const all = async () => {
      try {
        const now = await planned(recompute)
        const kept = now && (await planned('none'))
        if (!stale && kept) setResult({ of: mine, written, now, kept })
      } catch (error) {
        if (!stale)
          setResult(({ now, kept }) => ({
            of: mine,
            written,
            now,
            kept,
            problem: problemOf(error),
          }))
      }
    }
    all()
    return () => {
      stale = true
    }
  }, [mine])
  const { of, ...last } = result
  return { ...last, working: of !== mine }
}

/** Undefined where it became `stale` between two pieces. */
async function inPieces<T>(
  work: Generator<undefined, T>,
  stale: () => boolean,
): Promise<T | undefined> {
  for (;;) {
    const began = performance.now()
    do {
      const { done, value } = work.next()
      if (done) return value
    } while (performance.now() - began < PIECE)
    await new Promise((resolve) => setTimeout(resolve))
    if (stale()) return undefined
  }
}

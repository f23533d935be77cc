// Source text, with its words in colours: enough for WGSL and JavaScript to be read, and no parser.

import { useMemo } from 'preact/hooks'

const words = {
  js: 'const|let|return|if|for|of|new|class|extends|this|true|false|undefined|function',
  wgsl: 'fn|let|var|const|return|if|else|for|while|loop|break|continue|struct|enable|override|true|false|uniform|storage|read|read_write|workgroup',
} as const

const pattern = (language: keyof typeof words) =>
  new RegExp(
    [
      String.raw`(?<remark>\/\/.*)`,
      String.raw`(?<mark>@\w+)`,
      String.raw`(?<word>\b(?:${words[language]})\b)`,
      String.raw`(?<type>\b(?:vec[234]\w*|mat\w+|array|ptr|atomic|f32|f16|u32|i32|bool)\b)`,
      String.raw`(?<number>\b0x[\da-f]+u?\b|\b\d[\d.]*(?:e[+-]?\d+)?[uif]?\b)`,
      String.raw`(?<call>\b[a-zA-Z_]\w*(?=\())`,
    ].join('|'),
    'g',
  )

const patterns = { js: pattern('js'), wgsl: pattern('wgsl') }

interface Piece {
  readonly text: string
  readonly kind?: string
}

/** The text in pieces, in order, those that are of a kind with its name. */
export function piecesOf(text: string, language: keyof typeof words): Piece[] {
  const pieces: Piece[] = []
  let at = 0
  for (const found of text.matchAll(patterns[language])) {
    if (found.index > at) pieces.push({ text: text.slice(at, found.index) })
    const [kind] = Object.entries(found.groups ?? {}).find(([, part]) => part !== undefined) ?? []
    pieces.push({ text: found[0], ...(kind && { kind }) })
    at = found.index + found[0].length
  }
  if (at < text.length) pieces.push({ text: text.slice(at) })
  return pieces
}

export function SourceText({ text, language }: { text: string; language: keyof typeof words }) {
  const pieces = useMemo(() => piecesOf(text, language), [text, language])
  return (
    <pre class="source-text">
      <code>
        {pieces.map(({ text, kind }, i) =>
          kind ? (
            <span key={i} class={kind}>
              {text}
            </span>
          ) : (
            text
          ),
        )}
      </code>
    </pre>
  )
}

// The pages behind one header. Each page is its own file, fetched when it is first opened; the address after `#` says
// which, so that the folder works from any path without a server's help.

import { type ComponentType, render } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { Button } from './ui/parts.tsx'
import { ProblemBox, problemOf } from './ui/problem.tsx'
import { store, stored } from './ui/stored.ts'

type Load = () => Promise<{ default: ComponentType }>

const home: Load = () => import('./home.tsx')
const pages: Record<string, { readonly name: string; readonly load: Load }> = {
  segment: { name: 'Segment', load: () => import('./segment/page.tsx') },
  instances: { name: 'Instances', load: () => import('./instances/page.tsx') },
  train: { name: 'Train', load: () => import('./train/page.tsx') },
  explore: { name: 'Explore', load: () => import('./explore/page.tsx') },
  bench: { name: 'Bench', load: () => import('./bench/page.tsx') },
}

function App() {
  const page = usePage()
  useEffect(() => {
    document.title = page in pages ? `${pages[page].name} · atrous` : 'atrous'
  }, [page])
  return (
    <>
      <button type="button" class="skip" onClick={() => document.getElementById('main')?.focus()}>
        Skip to the page
      </button>
      <header class="top">
        <a class="brand" href="#start" aria-label="atrous, start">
          <span class="holes" aria-hidden="true" />
          atrous
        </a>
        <nav aria-label="Pages">
          {Object.entries(pages).map(([key, { name }]) => (
            <a key={key} href={`#${key}`} aria-current={key === page ? 'page' : undefined}>
              {name}
            </a>
          ))}
        </nav>
        <Theme />
      </header>
      <main id="main" tabIndex={-1} data-page={page in pages ? page : 'start'}>
        <Page key={page} load={pages[page]?.load ?? home} />
      </main>
    </>
  )
}

/** A page that is fetched when it is first shown. */
function Page({ load }: { load: Load }) {
  const [Shown, setShown] = useState<ComponentType>()
  const [error, setError] = useState<unknown>()
  useEffect(() => {
    load().then((module) => setShown(() => module.default), setError)
  }, [load])
  if (error) return <ProblemBox problem={problemOf(error)} />
  return Shown ? <Shown /> : <p role="status">…</p>
}

/** What stands after `#`, up to the first `/` or `?`. */
function usePage(): string {
  const read = () => location.hash.slice(1).split(/[/?]/)[0]
  const [page, setPage] = useState(read)
  useEffect(() => {
    const changed = () => setPage(read())
    addEventListener('hashchange', changed)
    return () => removeEventListener('hashchange', changed)
  }, [])
  return page
}

const themes = ['auto', 'light', 'dark'] as const

/** Light, dark, or as the system has it; kept for the next visit. */
function Theme() {
  const [theme, setTheme] = useState(() => stored('theme') ?? 'auto')
  useEffect(() => {
    store('theme', theme)
    document.documentElement.dataset['theme'] = theme
  }, [theme])
  const next = themes[(themes.indexOf(theme as 'auto') + 1) % themes.length]
  return (
    <Button onPress={() => setTheme(next)} label={`Colours: ${theme}; change to ${next}`}>
      {{ auto: '◐', light: '☀', dark: '☾' }[theme] ?? '◐'}
    </Button>
  )
}

// A file dropped beside its place would be opened by the browser instead of the page, and what the page holds be gone.
for (const name of ['dragover', 'drop'] as const)
  addEventListener(name, (event) => {
    if (event.dataTransfer?.types.includes('Files')) event.preventDefault()
  })

render(<App />, document.getElementById('app')!)

// What a person does on the Train page, for its tests.

import * as assert from 'uvu/assert'
import type { App } from './app.ts'

export const long = 300_000

/** Chooses what is the least to train: 8 classes, 32×48, the narrowest network. */
export async function least(app: App, more: Record<string, string> = {}): Promise<void> {
  const { page } = app
  const choices = { Size: '32×48', Network: 'frrn-a', Channels: '4', Units: '0.3', Until: 'steps' }
  for (const [name, value] of Object.entries(choices))
    await page.getByRole('combobox', { name: new RegExp(`^${name}`) }).selectOption(value)
  await page.getByText('More', { exact: true }).click()
  const counts = {
    ...{ Steps: '999', 'Learning rate': '0.01', 'Images a step': '2' },
    ...{ 'Look every': '20', 'Snapshot every': '10', ...more },
  }
  for (const [name, value] of Object.entries(counts)) await typed(app, name, value)
}

/** Types a number, key by key, and holds the page to it. */
export async function typed({ page }: App, name: string, value: string): Promise<void> {
  const field = page.getByRole('spinbutton', { name: new RegExp(`^${name}`) })
  await field.fill('')
  await field.pressSequentially(value)
  await field.blur()
  assert.is(await field.inputValue(), value, name)
}

export const press = ({ page }: App, name: string | RegExp) =>
  page.getByRole('button', { name, exact: typeof name === 'string' }).click({ timeout: long })

/** Waits until the page's own words say so, and gives the numbers in them. */
export async function until({ page }: App, words: RegExp): Promise<number[]> {
  const found = page.getByText(words).first()
  await found.waitFor({ timeout: long })
  return ((await found.textContent()) ?? '').match(/\d+/g)?.map(Number) ?? []
}

/** Waits until a figure is below a limit, and gives it. */
export async function below({ page }: App, name: string, limit: number): Promise<number> {
  const value = await page.waitForFunction(
    ([name, limit]) => {
      const all = [...document.querySelectorAll('.figures div')]
      const found = all.find((div) => div.querySelector('dt')?.textContent === name)
      const value = Number.parseFloat(found?.querySelector('dd')?.textContent ?? '')
      return value < (limit as number) ? value : false
    },
    [name, limit] as const,
    { timeout: long },
  )
  return (await value.jsonValue()) as number
}

/** Waits until more than so many steps are done. */
export const stepsAfter = ({ page }: App, step: number) =>
  page.waitForFunction(
    (step) => {
      const text = document.querySelector('.progress')?.textContent ?? ''
      return Number(/Step (\d+)/.exec(text)?.[1] ?? -1) > step
    },
    step,
    { timeout: long },
  )

/** A task of the page's main thread, in milliseconds: by the clock, and of the processor (where that is not told, by the clock too). */
export interface Task {
  readonly wall: number
  readonly own: number
}

interface TraceEvent {
  readonly name: string
  readonly ph: string
  readonly pid: number
  readonly tid: number
  readonly dur: number
  readonly tdur?: number
  readonly args: { readonly name?: string }
}

/** Follows the main thread's tasks from now on; what it gives ends that, and tells the longest. */
export async function followTasks({ page }: App): Promise<() => Promise<Task[]>> {
  const browser = await page.context().browser()!.newBrowserCDPSession()
  const events: TraceEvent[] = []
  browser.on('Tracing.dataCollected', ({ value }) => {
    events.push(...(value as unknown as TraceEvent[]))
  })
  const includedCategories = ['toplevel', '__metadata']
  await browser.send('Tracing.start', {
    transferMode: 'ReportEvents',
    traceConfig: { includedCategories },
  })
  return async () => {
    const complete = new Promise((resolve) => browser.once('Tracing.tracingComplete', resolve))
    await browser.send('Tracing.end')
    await complete
    const key = ({ pid, tid }: TraceEvent) => `${pid} ${tid}`
    const main = new Set(
      events.filter(({ args }) => args?.name === 'CrRendererMain').map((event) => key(event)),
    )
    const told = events.some(({ tdur }) => tdur !== undefined)
    return events
      .filter((event) => event.ph === 'X' && /RunTask/.test(event.name) && main.has(key(event)))
      .map(({ dur, tdur = 0 }) => ({ wall: dur / 1000, own: (told ? tdur : dur) / 1000 }))
      .sort((a, b) => b.own - a.own)
  }
}

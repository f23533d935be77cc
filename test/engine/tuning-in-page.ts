// What tuning-browser.test.ts runs inside the page: no Node in here.

import { browserStore as store } from '../../engine/adapters/text-store-browser.ts'

export interface KeptInPage {
  readonly before: boolean
  readonly after: string
  readonly where: string
}

/** Eight changes of one text at once, each of what it was before. */
export async function keep(): Promise<KeptInPage> {
  const before = (await store.load('a text')) !== undefined
  const words = Array.from({ length: 8 }, (_, i) => `${i}`)
  await Promise.all(words.map((w) => store.update('a text', (old) => `${old ?? ''}${w}`)))
  return { before, after: (await store.load('a text')) ?? '', where: store.where('a text') }
}

// The attributes of a case, each read once by the operator that knows it. A setting that nobody reads, or with a value that
// nobody knows, fails its case. A rule in words that reads otherwise than the one followed here is remarked upon; whether
// it is another rule is for the numbers to say.

type Known = string | RegExp

export class Attributes {
  /** What a reader should know of a case that the numbers do not say. */
  readonly remarks: string[]
  readonly #values: Readonly<Record<string, unknown>>
  readonly #read = new Set<string>()
  readonly #parts: Attributes[] = []

  constructor(values: Readonly<Record<string, unknown>>, remarks: string[] = []) {
    this.#values = values
    this.remarks = remarks
  }

  /** Whether the attribute is there and not null. */
  has(name: string): boolean {
    const there = (this.#values[name] ?? null) !== null
    if (!there) this.#read.add(name)
    return there
  }

  number(name: string): number {
    return this.#take(name, 'a number', isNumber)
  }

  /** A number, or undefined where the attribute is null or absent. */
  maybe(name: string): number | undefined {
    return this.has(name) ? this.number(name) : undefined
  }

  flag(name: string): boolean {
    return this.#take(name, 'true or false', (v) => typeof v === 'boolean')
  }

  numbers(name: string): number[] {
    return this.#take(name, 'a list of numbers', isNumbers)
  }

  /** Two numbers: of the height and of the width. */
  pair(name: string): [number, number] {
    return this.#take(name, 'two numbers', (v) => isNumbers(v) && v.length === 2)
  }

  /** A number that must be one of those known. */
  among<const T extends number>(name: string, known: readonly T[]): T {
    return this.#take(name, known.join(' or '), (v) => known.some((k) => k === v))
  }

  /** Attributes within an attribute; one of these that nobody reads counts as one of its own. */
  part(name: string): Attributes {
    const isObject = (v: unknown) => typeof v === 'object' && v !== null && !Array.isArray(v)
    const part = new Attributes(this.#take(name, 'a record', isObject), this.remarks)
    this.#parts.push(part)
    return part
  }

  /** Amounts at the four sides, in the order that the attribute `padding_order` states. */
  sides(name: string): { top: number; bottom: number; left: number; right: number } {
    this.text('padding_order', ['top,bottom,left,right'])
    const isSides = (v: unknown) => isNumbers(v) && v.length === 4
    const [top, bottom, left, right] = this.#take<number[]>(name, 'four numbers', isSides)
    return { top, bottom, left, right }
  }

  rows(name: string): number[][] {
    const areRows = (v: unknown) => Array.isArray(v) && v.every(isNumbers)
    return this.#take(name, 'a list of lists of numbers', areRows)
  }

  /** A text that must be one of those known. Numbers in prose may differ from case to case: patterns allow for them. */
  text<T extends string = string>(name: string, known: readonly Known[]): T {
    const fits = (v: unknown) => typeof v === 'string' && known.some((k) => fitsText(k, v))
    const list = known.map((k) => (typeof k === 'string' ? `"${k}"` : `${k}`)).join(' or ')
    return this.#take(name, list, fits)
  }

  /** A statement of the rule that is followed here, in these words. */
  rule(name: string, ...known: readonly Known[]): void {
    const value = this.#values[name]
    if (value === undefined) return
    if (typeof value === 'string' && !known.some((k) => fitsText(k, value))) {
      this.#read.add(name)
      this.remarks.push(`its attribute ${name} is worded otherwise here: ${JSON.stringify(value)}`)
    } else this.text(name, known)
  }

  /** The same for a number. */
  fixed(name: string, value: number): void {
    if (name in this.#values) this.#take(name, `${value}`, (v) => v === value)
  }

  /** One that says nothing that the tensors do not say too. */
  passOver(name: string): void {
    this.#read.add(name)
  }

  /** Throws when an attribute is left that nobody has read. */
  finish(): void {
    for (const part of this.#parts) part.finish()
    for (const [name, value] of Object.entries(this.#values)) {
      if (this.#read.has(name)) continue
      const shown = `it has an attribute that is not known here: ${name} = ${JSON.stringify(value)}`
      if (typeof value !== 'string') throw new Error(shown)
      this.#read.add(name)
      this.remarks.push(shown)
    }
  }

  #take<T>(name: string, wanted: string, fits: (value: unknown) => boolean): T {
    this.#read.add(name)
    const value = this.#values[name]
    if (value === undefined) throw new Error(`it has no attribute ${name}`)
    if (!fits(value))
      throw new Error(`its attribute ${name} is ${JSON.stringify(value)}; known is ${wanted}`)
    return value as T
  }
}

const fitsText = (known: Known, text: string): boolean =>
  typeof known === 'string' ? known === text : known.test(text)
const isNumber = (v: unknown): v is number => typeof v === 'number' && Number.isFinite(v)
const isNumbers = (v: unknown): v is number[] => Array.isArray(v) && v.every(isNumber)

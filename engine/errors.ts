// Every error of the library is one of these classes: what happened, where, and what to do about it.

/** Base class: `message` is one sentence of what and where; `hint` says what to do. */
export class AtrousError extends Error {
  readonly hint: string | undefined
  constructor(message: string, hint?: string) {
    super(hint ? `${message}\n  hint: ${hint}` : message)
    // Those of the library have theirs in words: minifiers rename classes.
    this.name = new.target.name
    this.hint = hint
  }
}

/** A shape, dtype or attribute that an operator refuses. Thrown when the graph is built, before any GPU work. */
export class ShapeError extends AtrousError {
  override readonly name: string = 'ShapeError'
  readonly op: string
  readonly got: readonly string[]
  readonly path: string
  constructor(op: string, problem: string, got: readonly string[], path: string, hint?: string) {
    const where = path ? ` (in ${path})` : ''
    super(`${op}: ${problem}${got.length ? `; got ${got.join(', ')}` : ''}${where}`, hint)
    this.op = op
    this.got = got
    this.path = path
  }
}

/** The device could not be opened, refused a command, or was used with another device's data. */
export class DeviceError extends AtrousError {
  override readonly name: string = 'DeviceError'
}

/** The GPU went away (driver reset, watchdog, unplugged); whatever was running is lost. */
export class DeviceLostError extends DeviceError {
  override readonly name: string = 'DeviceLostError'
}

/** The plan needs more memory than the device gives. */
export class OutOfMemoryError extends DeviceError {
  override readonly name: string = 'OutOfMemoryError'
}

/** What came into a node. */
export interface SeenInput {
  /** As `f32[1,8,8,16]`. */
  readonly type: string
  /** Undefined where nobody looked: at integers, for one. */
  readonly finite?: boolean
  /** Smallest and largest element, where all are finite. */
  readonly least?: number
  readonly most?: number
}

/** The first node that made a value which is not finite, as the watch saw it. */
export interface SeenNode {
  readonly op: string
  /** Module path. */
  readonly path: string
  readonly type: string
  /** The node whose derivative it is a part of; undefined in the forward pass and in updates. */
  readonly derivativeOf: { readonly op: string; readonly path: string } | undefined
  /** In their order, plain numbers left out. */
  readonly inputs: readonly SeenInput[]
}

/** A value became NaN or infinite; with the watch on, names the first node that made one. */
export class NonFiniteError extends AtrousError {
  override readonly name: string = 'NonFiniteError'
  /** What the watch saw of it. */
  readonly seen: SeenNode | undefined
  constructor(message: string, hint?: string, seen?: SeenNode) {
    super(message, hint)
    this.seen = seen
  }
}

/** A lazy tensor reads a version of a variable that has been overwritten. */
export class StaleTensorError extends AtrousError {
  override readonly name: string = 'StaleTensorError'
}

/** An option that does not exist or has a value that is not allowed. */
export class OptionError extends AtrousError {
  override readonly name: string = 'OptionError'
}

/** A file or folder that is missing, truncated, unwritable or not what it should be. */
export class DataError extends AtrousError {
  override readonly name: string = 'DataError'
  readonly file: string
  constructor(file: string, problem: string, hint?: string) {
    super(`${file}: ${problem}`, hint)
    this.file = file
  }
}

/** A file that was asked for by its address and did not come, or not whole, or not as it should be, or could not be kept. */
export class FetchError extends DataError {
  override readonly name: string = 'FetchError'
  /** `network`: no answer, or one that the page may not read (CORS); `status`: an answer that is none; `truncated`: it ended
   * early; `damaged`: it has other bytes than it should; `quota`: there is no room to keep it. */
  readonly reason: 'network' | 'status' | 'truncated' | 'damaged' | 'quota'
  /** Of HTTP, as 404. */
  readonly status: number | undefined
  constructor(
    file: string,
    reason: FetchError['reason'],
    problem: string,
    hint?: string,
    status?: number,
  ) {
    super(file, problem, hint)
    this.reason = reason
    this.status = status
  }
}

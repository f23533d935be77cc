// Every error of the library is one of these classes: what happened, where, and what to do about it.

/** Base class: `message` is one sentence of what and where; `hint` says what to do. */
export class AtrousError extends Error {
  readonly hint: string | undefined
  constructor(message: string, hint?: string) {
    super(hint ? `${message}\n  hint: ${hint}` : message)
    this.name = new.target.name
    this.hint = hint
  }
}

/** A shape, dtype or attribute that an operator refuses. Thrown when the graph is built, before any GPU work. */
export class ShapeError extends AtrousError {
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
export class DeviceError extends AtrousError {}

/** The GPU went away (driver reset, watchdog, unplugged); whatever was running is lost. */
export class DeviceLostError extends DeviceError {}

/** The plan needs more memory than the device gives. */
export class OutOfMemoryError extends DeviceError {}

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
  /** What the watch saw of it. */
  readonly seen: SeenNode | undefined
  constructor(message: string, hint?: string, seen?: SeenNode) {
    super(message, hint)
    this.seen = seen
  }
}

/** A lazy tensor reads a version of a variable that has been overwritten. */
export class StaleTensorError extends AtrousError {}

/** An option that does not exist or has a value that is not allowed. */
export class OptionError extends AtrousError {}

/** A file or folder that is missing, truncated, unwritable or not what it should be. */
export class DataError extends AtrousError {
  readonly file: string
  constructor(file: string, problem: string, hint?: string) {
    super(`${file}: ${problem}`, hint)
    this.file = file
  }
}

// A device: memory, pipelines, the values of variables, and the door through which graphs come to run.

import type { Caps, Problem } from './adapters/adapter.ts'
import { platform } from './adapters/platform.ts'
import { type CompileOptions, compileProgram, type Program, refuseStale } from './compile.ts'
import { DeviceTensor } from './device-tensor.ts'
import { type HostArray, hostArray, sizeOf, type TensorType } from './dtype.ts'
import { DeviceError, DeviceLostError, OptionError, OutOfMemoryError } from './errors.ts'
import type { TensorLike } from './op.ts'
import type { Needs } from './plan/needs.ts'
import { showBytes } from './print.ts'
import { Arena } from './run/arena.ts'
import { checkData, checkReadable, type Parameter } from './run/arguments.ts'
import { type Buffer, Buffers, Pipelines, writePadded } from './run/buffers.ts'
import { inErrorScopes } from './run/error-scopes.ts'
import { ReadBack } from './run/read-back.ts'
import { Turns } from './run/turns.ts'
import { Uploads } from './run/uploads.ts'
import { type Move, Variables } from './run/variables.ts'
import { checkSingle, type Tensor, Variable } from './tensor.ts'
import type { OpenTuning } from './tuning/open.ts'
import type { TuneOptions, TuningReport } from './tuning/run.ts'
import { Tuning } from './tuning/table.ts'

/** Memory in use, by kind, in bytes. */
export interface DeviceStats {
  /** All that the engine has allocated, pools included. */
  readonly allocatedBytes: number
  readonly peakBytes: number
  readonly variableBytes: number
  /** Copies of host arguments that the queue keeps until their runs are over, beside all else; and the most so far. */
  readonly uploadBytes: number
  readonly peakUploadBytes: number
  /** The activation memory that all programs share. */
  readonly arenaBytes: number
  readonly pipelines: number
  /** Buffers made since the device was opened. */
  readonly buffersMade: number
}

export class Device {
  readonly gpu: GPUDevice
  /** What was opened, in one line. */
  readonly line: string
  /** What the person should know, such as a faster choice. */
  readonly warnings: readonly string[]
  readonly buffers: Buffers
  readonly pipelines: Pipelines
  readonly arena: Arena
  readonly uploads = new Uploads()
  readonly turns = new Turns()
  #caps: Caps
  #tuned: Pick<OpenTuning, 'tuning' | 'from'>
  readonly #problems: Problem[]
  readonly #say: (sentence: string) => void
  readonly #said = new Set<string>()
  readonly #variables = new Variables(this)
  readonly #readBack: ReadBack
  #loss: DeviceLostError | undefined
  #closed = false

  /** Resolves when the GPU goes away under the device (a driver's reset, a watchdog, the page's own `gpu.destroy()`), with the
   * error that whatever is asked of the device from then on throws. Never rejects, and never resolves after `close`. */
  readonly lost: Promise<DeviceLostError>

  constructor(
    gpu: GPUDevice,
    caps: Caps,
    line: string,
    warnings: readonly string[],
    problems: Problem[],
    say: (sentence: string) => void,
    tuned: Pick<OpenTuning, 'tuning' | 'from'> = {
      tuning: new Tuning(caps.name),
      from: 'shipped defaults',
    },
  ) {
    this.gpu = gpu
    this.#tuned = tuned
    this.#caps = tuned.tuning.size ? { ...caps, tuning: tuned.tuning } : caps
    this.line = line
    this.warnings = warnings
    this.#problems = problems
    this.#say = say
    this.buffers = new Buffers(gpu, caps)
    this.pipelines = new Pipelines(gpu)
    this.arena = new Arena(this.buffers)
    this.#readBack = new ReadBack(gpu, this.buffers)
    this.lost = new Promise((resolve) => {
      gpu.lost.then((info) => {
        if (this.#closed) return
        this.#loss = lossOf(info)
        resolve(this.#loss)
      })
    })
  }

  /** What the engine knows of the machine: a plan depends on this and the function alone. */
  get caps(): Caps {
    return this.#caps
  }

  /** The measured choices that programs are planned with. */
  get tuning(): Tuning {
    return this.#tuned.tuning
  }

  /** Where they come from, for people. */
  get tuningFrom(): string {
    return this.#tuned.from
  }

  /** Plans with these choices from now on; programs keep the plans that they have. */
  useTuning(tuning: Tuning, from = 'measured by this process'): void {
    this.#tuned = { tuning, from }
    this.#caps = { ...this.#caps, tuning }
  }

  /** Measures what configuration of each kernel is the fastest here, for the problems of a function with arguments of these
   * types, one of each class of problems, those with the most work first. Programs that are compiled or planned later use
   * what was found; the user's cache keeps it. No value of any variable changes. Throws OptionError. */
  async tune(
    fn: (...inputs: Tensor[]) => unknown,
    types: readonly TensorType[],
    options?: TuneOptions,
  ): Promise<TuningReport> {
    // Loaded by whoever tunes: programs without convolutions need not carry them.
    const { tune } = await import('./tuning/run.ts')
    return tune(this, fn, types, options)
  }

  /** Compiles a function of tensors. Shapes are taken from the arguments of each run; each new set of shapes is
   * traced and planned once. Strings and booleans among the arguments are static: the function gets them as they are,
   * and each value of them is traced by itself. (Write the types of all parameters then.) */
  compile<R>(fn: (...inputs: Tensor[]) => R, options?: CompileOptions): Program<R>
  compile<P extends Parameter[], R>(fn: (...args: P) => R, options?: CompileOptions): Program<R>
  compile<R>(fn: (...args: never[]) => R, options: CompileOptions = {}): Program<R> {
    return compileProgram(this, fn as (...args: Parameter[]) => R, options)
  }

  /** The elements of a tensor: whatever it needs is computed now. Throws StaleTensorError when it reads a value of a
   * variable that has been overwritten, OptionError for what is no tensor. */
  async read(t: TensorLike | DeviceTensor): Promise<HostArray> {
    checkReadable(t)
    if (t instanceof DeviceTensor) return t.read()
    if (t instanceof Variable) return this.#readVariable(t)
    refuseStale(t)
    const program = this.compile(() => t)
    try {
      const result = (await program.run()) as DeviceTensor
      return await result.read().finally(() => result.dispose())
    } finally {
      program.dispose()
    }
  }

  async #readVariable(variable: Variable): Promise<HostArray> {
    const read = () => this.readBuffer(this.place(variable), variable)
    if (!this.turns.busy) return read()
    // Those behind it need not wait until the bytes are on the host.
    const { bytes } = await this.turns.wait(async () => ({ bytes: read() }))
    return bytes
  }

  /** The only element of a tensor. Throws ShapeError where it has several, and else as `read` does. */
  async value(t: TensorLike | DeviceTensor): Promise<number> {
    checkReadable(t)
    checkSingle(t)
    return (await this.read(t))[0]
  }

  /** Overwrites a variable's value. The data may be used again at once. Throws ShapeError when the number of elements or their
   * dtype differs, OptionError for what is no variable. */
  write(variable: Variable, data: HostArray): void {
    this.check()
    if (!(variable instanceof Variable))
      throw new OptionError('only a variable can be written', 'as device.write(layer.weight, data)')
    const { dtype, shape, name } = variable
    checkData('write', name, { dtype, shape, data })
    // What it refuses is said here.
    this.place(variable)
    const own = this.turns.busy ? (data.slice() as HostArray) : data
    variable.version++
    this.turns.after(() => writePadded(this.gpu, this.place(variable), { dtype, shape, data: own }))
  }

  /** Gives the memory of a variable back; its value is lost, and its next use, on any device, starts from its initial
   * value. Variables that nobody holds any more are released by the garbage collector. */
  release(variable: Variable): void {
    this.turns.after(() => this.forget(variable))
  }

  /** The same, within a run. */
  forget(variable: Variable): void {
    this.#variables.release(variable)
  }

  /** Device memory of a variable, filled with its initial value at first use. */
  place(variable: Variable): Buffer {
    return this.#variables.place(variable)
  }

  /** Gives each list of variables one buffer together; those that have memory elsewhere move. */
  together(lists: readonly (readonly Variable[])[]): Move {
    return this.#variables.together(lists)
  }

  /** Whether variables share a buffer here. */
  areTogether(variables: readonly Variable[]): boolean {
    return this.#variables.areTogether(variables)
  }

  /** Another number after any variable got, changed or lost its memory here. */
  get placements(): number {
    return this.#variables.changes
  }

  /** Whether a variable has memory here. */
  holds(variable: Variable): boolean {
    return this.#variables.has(variable)
  }

  /** Copies a buffer to the host. */
  async readBuffer(from: Buffer, type: TensorType): Promise<HostArray> {
    this.check()
    const out = hostArray(type.dtype, sizeOf(type.shape))
    if (!out.byteLength) return out
    try {
      await this.#readBack.into(out, from, (mapped) => this.settle(mapped))
    } catch (error) {
      this.check()
      throw error
    }
    this.check()
    return out
  }

  /** Waits for everything submitted so far. */
  async idle(): Promise<void> {
    await this.settle(this.gpu.queue.onSubmittedWorkDone())
    this.check()
  }

  /** Waits for a promise of the GPU, in the way that leaves a software driver most of the processor. */
  settle<T>(promise: Promise<T>): Promise<T> {
    return this.caps.software ? platform().settle(promise) : promise
  }

  /** Throws what went wrong on the device since the last call, if anything did. */
  check(): void {
    if (this.#closed)
      throw new DeviceError('the device is closed', 'open another with openDevice()')
    if (this.#loss) throw this.#loss
    const problems = this.#problems.splice(0)
    // What follows from a buffer that could not be made says less than why it could not.
    const problem = problems.find((p) => p.outOfMemory) ?? problems[0]
    if (problem?.outOfMemory) throw this.#outOfMemory(problem.message)
    if (problem) throw new DeviceError(`WebGPU refused a command: ${problem.message}`)
  }

  /** Runs `work` and throws what WebGPU says about its commands, once they are through. `needs` says what was asked
   * of the device. */
  async guarded<T>(work: () => T, needs: () => Needs): Promise<T> {
    const settle = <P>(promise: Promise<P>) => this.settle(promise)
    const { result, outOfMemory, validation } = await inErrorScopes(this.gpu, work, settle)
    if (outOfMemory) throw this.#outOfMemory(outOfMemory.message, needs())
    if (validation) throw new DeviceError(`WebGPU refused a command: ${validation.message}`)
    return result
  }

  #outOfMemory(message: string, needs?: Needs): OutOfMemoryError {
    const asked = needs ? `${needs.figures}; ` : ''
    return new OutOfMemoryError(
      `${this.caps.name} has not enough memory: ${asked}${showBytes(this.buffers.bytes)} are allocated in all (${message})`,
      needs?.hint ?? 'use a smaller batch or crop',
    )
  }

  /** Tells the person a sentence, the first time that it is said. */
  warnOnce(sentence: string): void {
    if (this.#closed || this.#said.has(sentence)) return
    this.#said.add(sentence)
    this.#say(sentence)
  }

  stats(): DeviceStats {
    return {
      allocatedBytes: this.buffers.bytes,
      peakBytes: this.buffers.peak,
      variableBytes: this.#variables.bytes,
      uploadBytes: this.uploads.bytes,
      peakUploadBytes: this.uploads.peak,
      arenaBytes: this.arena.bytes,
      pipelines: this.pipelines.count,
      buffersMade: this.buffers.made,
    }
  }

  get closed(): boolean {
    return this.#closed
  }

  /** Whether nothing can be asked of it any more: it was closed or lost. */
  get gone(): boolean {
    return this.#closed || this.#loss !== undefined
  }

  /** Ends the device; whatever it held is gone. May be called twice. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.gpu.destroy()
  }

  [Symbol.dispose](): void {
    this.close()
  }
}

const lossOf = ({ message, reason }: GPUDeviceLostInfo): DeviceLostError =>
  new DeviceLostError(
    `the device was lost: ${(message || reason).replace(/\.$/, '')}`,
    'open it again and resume from the last checkpoint; smaller batches make shorter dispatches',
  )

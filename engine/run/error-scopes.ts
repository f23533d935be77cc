// What WebGPU says about some commands, which it never throws: asked for in scopes around them.

export interface Scoped<T> {
  readonly result: T
  readonly outOfMemory: GPUError | null
  readonly validation: GPUError | null
}

/** Runs `work` and resolves with its result and the first error of each kind, once its commands are checked. Throws what `work`
 * throws. */
export async function inErrorScopes<T>(
  gpu: GPUDevice,
  work: () => T,
  settle: <P>(promise: Promise<P>) => Promise<P>,
): Promise<Scoped<T>> {
  gpu.pushErrorScope('validation')
  gpu.pushErrorScope('out-of-memory')
  let popped: Promise<[GPUError | null, GPUError | null]>
  let result: T
  try {
    result = work()
  } finally {
    popped = Promise.all([gpu.popErrorScope(), gpu.popErrorScope()])
    popped.catch(() => undefined)
  }
  const [outOfMemory, validation] = await settle(popped)
  return { result, outOfMemory, validation }
}

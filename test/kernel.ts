// The smallest thing a device can do: double four numbers and hand them back. Runs anywhere.

const source = /* wgsl */ `
@group(0) @binding(0) var<storage, read_write> x: array<f32>;
@compute @workgroup_size(4) fn main(@builtin(global_invocation_id) id: vec3u) {
  x[id.x] = 2.0 * x[id.x];
}`

/** Doubles `[1, 2, 3, 4]` on the device; `beforeRead` is called once the work is submitted. */
export async function doubleOnDevice(
  device: GPUDevice,
  beforeRead: () => void = () => {},
): Promise<number[]> {
  const usage = { storage: 0x80, copySrc: 0x4, copyDst: 0x8, mapRead: 0x1 }
  const size = 16
  const x = device.createBuffer({ size, usage: usage.storage | usage.copySrc | usage.copyDst })
  const staging = device.createBuffer({ size, usage: usage.mapRead | usage.copyDst })
  device.queue.writeBuffer(x, 0, new Float32Array([1, 2, 3, 4]))
  const pipeline = await device.createComputePipelineAsync({
    layout: 'auto',
    compute: { module: device.createShaderModule({ code: source }) },
  })
  const layout = pipeline.getBindGroupLayout(0)
  const entries = [{ binding: 0, resource: { buffer: x } }]
  const encoder = device.createCommandEncoder()
  const pass = encoder.beginComputePass()
  pass.setPipeline(pipeline)
  pass.setBindGroup(0, device.createBindGroup({ layout, entries }))
  pass.dispatchWorkgroups(1)
  pass.end()
  encoder.copyBufferToBuffer(x, 0, staging, 0, size)
  device.queue.submit([encoder.finish()])
  beforeRead()
  await staging.mapAsync(1)
  return [...new Float32Array(staging.getMappedRange())]
}

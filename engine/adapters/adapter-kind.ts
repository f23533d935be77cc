// What sort of machine an adapter is. WebGPU hides the device type, so it is read from the vendor,
// the architecture and the name, and says 'unknown' where these do not tell.

export type AdapterKind = 'discrete' | 'integrated' | 'lavapipe' | 'swiftshader' | 'unknown'

type Info = Pick<GPUAdapterInfo, 'vendor' | 'architecture' | 'device' | 'description'> & {
  readonly isFallbackAdapter?: boolean
}

export function adapterKind(info: Info): { kind: AdapterKind; software: boolean } {
  const text = `${info.vendor} ${info.architecture} ${info.device} ${info.description}`
  if (/llvmpipe|lavapipe/i.test(text)) return { kind: 'lavapipe', software: true }
  if (/swiftshader/i.test(text)) return { kind: 'swiftshader', software: true }
  // Direct3D's WARP, and whatever else the implementation itself calls a fallback.
  if (info.isFallbackAdapter || /basic render/i.test(text)) {
    return { kind: 'unknown', software: true }
  }
  return { kind: hardwareKind(info.vendor.toLowerCase(), text), software: false }
}

const integratedVendors = ['apple', 'qualcomm', 'arm', 'img-tec', 'samsung', 'broadcom']

function hardwareKind(vendor: string, text: string): AdapterKind {
  if (integratedVendors.includes(vendor)) return 'integrated'
  if (vendor === 'nvidia') return /tegra|orin|xavier/i.test(text) ? 'integrated' : 'discrete'
  if (vendor === 'intel') return /\barc\b|hpg|battlemage/i.test(text) ? 'discrete' : 'integrated'
  if (vendor === 'amd') {
    if (/\b(RX|Pro|Instinct|MI|VII|Fury|R9)[ -]?\w*\d/i.test(text)) return 'discrete'
    if (/Graphics|Vega \d+\b|\b\d{3}M\b/i.test(text)) return 'integrated'
  }
  return 'unknown'
}

/** The most telling name that the adapter gives of itself. */
export function adapterName(info: Info): string {
  const words = [info.description, info.device, `${info.vendor} ${info.architecture}`]
  return words.map((w) => w.trim()).find((w) => w !== '') ?? 'unnamed adapter'
}

// How pictures are looked at: at which size, how often, and in how much memory.

import { Card, Choice } from '../ui/parts.tsx'
import type { LoadedNetwork, Look } from './types.ts'

const heights = [96, 192, 256, 384, 512, 768, 1024]
const scales = ['1', '0.75, 1, 1.25', '0.5, 0.75, 1, 1.25, 1.5']
const tiles = [64, 128, 256, 512, 1024]
const MiB = 2 ** 20
const memories = [256, 512, 1024, 2048, 4096, 8192]

export interface LookProps {
  readonly look: Look
  readonly network: LoadedNetwork | undefined
  readonly onChange: (look: Look) => void
}

export function LookCard({ look, network, onChange }: LookProps) {
  const set = (change: Partial<Look>) => onChange({ ...look, ...change })
  const trained = network?.size?.[0]
  const known = [...new Set([...heights, trained ?? 96, look.height ?? 96])].sort((a, b) => a - b)
  const own = scales.includes(look.scales.join(', ')) ? [] : [look.scales.join(', ')]
  return (
    <Card title="How it looks">
      <Choice
        name="Height"
        value={String(look.height ?? 'own')}
        options={[
          { value: 'own', text: "the picture's own" },
          ...known.map((h) => ({
            value: String(h),
            text: `${h} pixels${h === trained ? ', as in training' : ''}`,
          })),
        ]}
        onChange={(text) => set({ height: text === 'own' ? undefined : Number(text) })}
      />
      <Choice
        name="Sizes, relative to that"
        value={look.scales.join(', ')}
        options={[...scales, ...own]}
        onChange={(text) => set({ scales: text.split(', ').map(Number) })}
      />
      <label class="check">
        <input
          type="checkbox"
          checked={look.flip}
          onChange={({ currentTarget }) => set({ flip: currentTarget.checked })}
        />
        Mirrored too
      </label>
      <Choice
        name="Windows"
        value={String(look.tile ?? 'auto')}
        options={[
          { value: 'auto', text: 'as memory allows' },
          ...tiles.map((n) => ({ value: String(n), text: `${n} × ${n} pixels` })),
        ]}
        onChange={(text) => set({ tile: text === 'auto' ? undefined : Number(text) })}
      />
      <Choice
        name="Memory"
        value={String(look.memory / MiB)}
        options={memories.map((n) => ({
          value: String(n),
          text: n < 1024 ? `${n} MB` : `${n / 1024} GB`,
        }))}
        onChange={(text) => set({ memory: Number(text) * MiB })}
        note="A picture that takes more is looked at in windows that overlap"
      />
    </Card>
  )
}

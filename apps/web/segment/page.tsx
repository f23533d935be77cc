import { Card } from '../ui/parts.tsx'

export default function Segment() {
  return <Card title="Segment" />
}

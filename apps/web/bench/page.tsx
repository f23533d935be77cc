import { Card } from '../ui/parts.tsx'

export default function Bench() {
  return <Card title="Bench" />
}

import { Card } from '../ui/parts.tsx'

export default function Explore() {
  return <Card title="Explore" />
}

import { Card } from '../ui/parts.tsx'

export default function Instances() {
  return <Card title="Instances" />
}

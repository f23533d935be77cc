import { Card } from '../ui/parts.tsx'

export default function Train() {
  return <Card title="Train" />
}

import { Card } from '../ui/parts.tsx'
import Tour, { useTourShown } from './tour.tsx'

export default function Explore() {
  return useTourShown() ? <Tour /> : <Card title="Explore" />
}

// The frame that a drawing is scrolled in: how large the drawing is at first, and what wheels, drags and choices do to it.

import type { TargetedMouseEvent, TargetedPointerEvent } from 'preact'
import { useEffect, useLayoutEffect, useState } from 'preact/hooks'
import type { Node } from '../../../engine/tensor.ts'
import type { Drawn } from './graph-parts.ts'
import { BOX } from './layout.ts'

/** The scale at which a drawing is as wide as its frame; at first it is not so small that nothing can be read. */
export function useFit(frame: { current: HTMLDivElement | null }, { layout }: Drawn) {
  const [width, setWidth] = useState(800)
  useLayoutEffect(() => {
    const element = frame.current
    if (!element) return
    const observer = new ResizeObserver(() => setWidth(element.clientWidth))
    observer.observe(element)
    return () => observer.disconnect()
  }, [frame.current])
  const whole = Math.min(1, width / layout.width)
  return { whole, first: Math.max(0.5, whole) }
}

export function useCtrlWheel(
  frame: { current: HTMLDivElement | null },
  zoomBy: (factor: number) => void,
) {
  useEffect(() => {
    const element = frame.current
    const turn = (event: WheelEvent) => {
      if (!event.ctrlKey) return
      event.preventDefault()
      zoomBy(event.deltaY < 0 ? 1.1 : 1 / 1.1)
    }
    element?.addEventListener('wheel', turn, { passive: false })
    return () => element?.removeEventListener('wheel', turn)
  })
}

/** Scrolls the frame, and nothing around it, to the selected node where it is not seen. */
export function useIntoView(
  frame: { current: HTMLDivElement | null },
  { parts, layout }: Drawn,
  selected: Node | undefined,
  scale: number,
) {
  useEffect(() => {
    const element = frame.current
    const i = parts.findIndex((p) => p.node === selected)
    if (!element || i < 0) return
    const [x, y] = [layout.at[i].x * scale, layout.at[i].y * scale]
    const reach = { x: (parts[i].width / 2 + 12) * scale, y: BOX * scale }
    const { scrollLeft, scrollTop, clientWidth, clientHeight } = element
    if (x - reach.x < scrollLeft || x + reach.x > scrollLeft + clientWidth)
      element.scrollLeft = x - clientWidth / 2
    if (y - reach.y < scrollTop || y + reach.y > scrollTop + clientHeight)
      element.scrollTop = y - clientHeight / 2
  }, [selected, layout])
}

/** The frame's contents follow the pointer that is pressed beside the nodes. Fingers scroll it by themselves. */
export function dragging(frame: { current: HTMLDivElement | null }) {
  return {
    onPointerDown(event: TargetedPointerEvent<HTMLDivElement>) {
      if (event.pointerType !== 'mouse' || event.button) return
      if ((event.target as Element).closest('.node')) return
      event.currentTarget.setPointerCapture(event.pointerId)
    },
    onPointerMove(event: TargetedMouseEvent<HTMLDivElement>) {
      const { pointerId } = event as unknown as PointerEvent
      if (!frame.current?.hasPointerCapture(pointerId)) return
      frame.current.scrollBy(-event.movementX, -event.movementY)
    },
  }
}

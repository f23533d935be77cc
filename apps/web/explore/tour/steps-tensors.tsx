// Steps 6 to 8 of the tour: what waits in memory, products of matrices and convolutions, and a step down.

import { useMemo, useState } from 'preact/hooks'
import { titleOf } from '../../../../engine/print.ts'
import type { Node } from '../../../../engine/tensor.ts'
import { Slider } from '../../ui/parts.tsx'
import { reads, readsOf, termCount } from './claims-tensors.ts'
import { DescentTask } from './descent.tsx'
import { MemoryMap } from './memory-map.tsx'
import { Predict } from './predict.tsx'
import { stagesOf } from './program.ts'
import type { Step, StepProps } from './step.ts'
import { Terms } from './terms.tsx'

const because = {
  'what it gave': 'Its derivative can be told from its result, and so its input need not wait.',
  'what it was given': 'Its derivative cannot be told from its result alone, so its input waits.',
  neither: 'Its derivative is the same everywhere, and needs no value at all.',
}

const kept: Step = {
  title: 'What stays alive',
  example: 'kept',
  pages: ['3-grad'],
  graph: true,
  Text: () => (
    <>
      <p>
        The rule of <code>relu</code> must know where its result was positive; that of{' '}
        <code>sin</code> needs the cosine of what it was given. A rule says so by using that value
        as the input of a node that it appends. There is no other list of what to save.
      </p>
      <p>
        A value that a backward node reads waits in memory until then. Any other is free as soon as
        the forward part is done with it. So rules are written to read what waits anyway:{' '}
        <code>relu</code> could ask its input as well, but its output is what the next layer keeps.
      </p>
    </>
  ),
  Show: Waiting,
  Task: ({ scene, onSolved }) => {
    const what = readsOf(scene)
    return (
      <Predict
        key={scene.settings.op}
        question={
          <>
            What does the derivative of <code>{scene.settings.op}</code> read of the forward part?
            Follow the lines that cross over in the drawing.
          </>
        }
        choices={reads}
        answer={async () => what}
        because={because[what]}
        hint={
          <>
            Look for lines from <code>mul</code>, which makes h, or from{' '}
            <code>{scene.settings.op}</code>, which makes y, to a node on the right.
          </>
        }
        onSolved={onSolved}
      />
    )
  },
}

const products: Step = {
  title: 'Matrices and convolutions',
  example: 'products',
  pages: ['4-run'],
  graph: true,
  Text: () => (
    <>
      <p>
        An element of a matrix product is a sum of products. Each product has the two derivatives of
        step 3, and what an element is used for adds up as in step 5. Written down for all elements
        at once, these sums are products of matrices again: dx = dy·wᵀ and dw = xᵀ·dy.
      </p>
      <p>
        It is the same with a convolution. The derivative by the image is a convolution with the
        weight turned around; the derivative by the weight slides dy over the image, and has a sum
        for each of its nine places. Here dy is <code>g</code>, since the loss is the sum of y·g.
      </p>
    </>
  ),
  Show: Terms,
  Task: ({ scene, onSolved }) => (
    <Predict
      key={scene.settings.product}
      question={
        <>
          How many products are added up in the first element of <code>dw</code>, row 1, column 1?
        </>
      }
      answer={scene.runner && (() => termCount(scene, 0))}
      because={
        scene.settings.product.startsWith('matmul')
          ? 'One for each row of x: the element is the product of two columns. Computed just now with ones for all of x and g.'
          : 'The corner of the weight meets the border with one row and one column of g, so 3 · 3 places are left. Computed just now with ones for all of x and g.'
      }
      hint="Choose that element above, and count what is marked."
      onSolved={onSolved}
    />
  ),
}

const descent: Step = {
  title: 'A loss, and a step down',
  example: 'descent',
  pages: ['7-train'],
  graph: true,
  Text: () => (
    <>
      <p>
        A loss is one number that says how far a function is from what is wanted; here, how far a
        small network is from 24 points, on average and squared. Its gradient says for each of 48
        weights which way is up, and how steep. A step goes the other way:{' '}
        <code>w ← w − rate · dw</code>.
      </p>
      <p>
        <code>assign</code> is a node too. The forward part, the derivative and the update of all
        weights are one graph, one program, and one run. The gradient is right for a short step
        only: with a rate that is too large, the loss goes up.
      </p>
    </>
  ),
  Task: DescentTask,
}

/** The plan of step 6, one kernel an op, with its values by name. */
function Waiting({ scene }: StepProps) {
  const [at, setAt] = useState(0)
  const plan = useMemo(() => stagesOf(scene.program, { fuse: false }).plan, [scene.program])
  const names = { mul: 'h', [scene.settings.op]: 'y' }
  const nameOf = (node: Node) => {
    const title = titleOf(node)
    return title === 'fill' ? 'number' : (!node.source && names[title]) || title
  }
  const step = Math.min(at, plan.steps.length - 1)
  return (
    <div class="plan">
      <MemoryMap plan={plan} at={step} onMove={setAt} nameOf={nameOf} />
      <Slider
        name="Kernel"
        value={step}
        min={0}
        max={plan.steps.length - 1}
        step={1}
        text={`${step}: ${nameOf(plan.steps[step].node)}`}
        onChange={setAt}
      />
    </div>
  )
}

export const tensorSteps: readonly Step[] = [kept, products, descent]

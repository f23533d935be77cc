// Steps 1 to 5 of the tour: reverse mode over numbers.

import { useMemo, useState } from 'preact/hooks'
import { Slider } from '../../ui/parts.tsx'
import { growth, isRepaired } from './claims-scalars.ts'
import { examples } from './examples.ts'
import { useLive } from './live.ts'
import { show } from './measure.ts'
import { Predict } from './predict.tsx'
import { numberOf, programOf, type Settings, stagesOf } from './program.ts'
import { Rules } from './rules.tsx'
import type { Step, StepProps } from './step.ts'

const product: Step = {
  title: 'A value and a product',
  example: 'product',
  pages: ['1-values'],
  graph: true,
  Text: () => (
    <>
      <p>
        A program is written by calling functions on values that are not there yet. Here{' '}
        <code>x</code> and <code>w</code> stand for one number each, of type <code>f32[]</code>.{' '}
        <code>mul(x, w)</code> checks that the two go together and gives a handle on their product.
      </p>
      <p>
        Learning asks one thing of each operation: when <code>w</code> moves a little, how far does{' '}
        <code>y</code> move? For a product the answer is <code>x</code> times as far. This factor is
        the derivative of y by w. All that follows is made of such factors.
      </p>
    </>
  ),
  Task: ({ scene, onSolved }) => (
    <Predict
      key={scene.settings.op}
      question={
        <>
          Let x = 5 and w = 2, and y = <code>{scene.settings.op}(x, w)</code>. Now w grows by 1. By
          how much does y grow?
        </>
      }
      answer={scene.runner && (() => growth(scene, [5, 2]))}
      because={
        scene.settings.op === 'div'
          ? 'For a quotient −x/w² holds only near w: a step of 1 is not small.'
          : 'The same, wherever w began: y is a straight line in w, as steep as that.'
      }
      hint="Compute y for w = 2 and for w = 3, and take the difference."
      onSolved={onSolved}
    />
  ),
}

const recorded: Step = {
  title: 'A graph is recorded',
  example: 'recorded',
  pages: ['2-graph'],
  graph: true,
  Text: () => (
    <>
      <p>
        <code>f</code> is called once, with handles in the place of numbers. What it calls is
        written down: for each node its op, its inputs and the type of its result. Nothing is
        computed, and no device takes part.
      </p>
      <p>
        What comes of it is a graph: a list in which every node stands after its inputs. What leads
        to nothing that is returned is not in it. To run the program is to go through the list; the
        function itself is not called again.
      </p>
    </>
  ),
  Task: ({ scene, onSolved }) => (
    <Predict
      question={
        <>
          Let <code>f</code> return both y and z. How many nodes does the graph have then, arguments
          included?
        </>
      }
      answer={async () => {
        const settings = { ...scene.settings, out: 'y, z' }
        return stagesOf(programOf(examples.recorded, settings)).traced.nodes.length
      }}
      because="Three arguments and four calls. That y is used twice, by exp and by the caller, makes no second node."
      hint="Count the arguments, and each call that leads to y or to z."
      onSolved={onSolved}
    />
  ),
}

const byHand: Step = {
  title: 'The chain rule, by hand',
  example: 'byHand',
  pages: ['3-grad'],
  graph: true,
  Text: () => (
    <>
      <p>
        Let the loss be y², and y = x·w. When y moves, the loss moves 2y times as far. When x moves,
        y moves w times as far. One after the other, the factors multiply: when x moves, the loss
        moves 2y · w times as far.
      </p>
      <p>
        So the derivative is worked out from the back: first <code>dy</code>, how far the loss moves
        with y; from that, and from values that are there already, <code>dx</code> and{' '}
        <code>dw</code>. Each line needs nothing but the one before it. That is reverse mode.
      </p>
    </>
  ),
  Task: ({ scene, onSolved }) => {
    const { value: right } = useLive(
      scene.runner &&
        (async () => {
          const repaired = await isRepaired(scene)
          if (repaired) onSolved()
          return repaired
        }),
      [scene.program, scene.runner],
    )
    return (
      <div class="predict">
        <p>
          In the last line but one, the factor of <code>dw</code> is wrong. Choose the right one, in
          the code.
        </p>
        <p role="status" class={right ? 'right' : 'wrong'}>
          {right
            ? '✓ Right: y moves x times as far as w. Measured at three places, dw is the slope.'
            : right === undefined
              ? 'Whether it is right is measured, which takes a device.'
              : '✗ Not yet: measured, the slope of the loss along w is not dw.'}
        </p>
      </div>
    )
  },
}

const appended: Step = {
  title: 'Grad appends nodes',
  example: 'appended',
  pages: ['3-grad'],
  graph: true,
  Text: () => (
    <>
      <p>
        <code>grad(loss, [x, w])</code> does what you did by hand. It goes through the graph from
        the loss back to x and w. At each node it calls the rule of the node's op, and the rule
        appends nodes: for a product, <code>mul(dy, w)</code> and <code>mul(dy, x)</code>.
      </p>
      <p>
        Nothing is computed here either. The derivative is a graph of the same kind, and so it can
        be drawn, run, made into few kernels, and differentiated again. On the right of the drawing
        is what grad wrote, each node beside the one that it is a derivative of.
      </p>
    </>
  ),
  Show: Rules,
  Task: ({ scene, onSolved }) => (
    <Predict
      question={
        <>
          With <code>square</code>, x = 5 and w = −1: what is <code>dw</code>?
        </>
      }
      answer={
        scene.runner &&
        (async () => {
          const settings: Settings = { outer: 'square', x: '5', w: '-1' }
          return numberOf(await scene.runner!.run(programOf(examples.appended, settings)), 'dw')
        })
      }
      because="The walk began with 1 at the loss; square made 2·y·1 = −10 of it, and the product made x times that."
      hint="The loss is y² and y = x·w = −5. First dy, then dw = dy·x."
      onSolved={onSolved}
    />
  ),
}

const fanOut: Step = {
  title: 'Two ways to one value',
  example: 'fanOut',
  pages: ['3-grad'],
  graph: true,
  Text: () => (
    <>
      <p>
        In <code>mul(x, x)</code> both factors move when x does. Each use of x gives a part, as if
        it were an argument of its own, and the parts are added. In the graph these are nodes like
        any other, which grad writes where ways meet.
      </p>
      <p>
        When the walk reaches a node, all that use it have been visited, so its sum is complete, and
        its rule is called once. Therefore a gradient costs a small multiple of the function itself,
        however many arguments there are.
      </p>
    </>
  ),
  Show: Nudge,
  Task: ({ scene, onSolved }) => (
    <Predict
      question={
        <>
          Let y = <code>mul(mul(x, x), x)</code>, and x = 2. What is <code>dx</code>?
        </>
      }
      answer={
        scene.runner &&
        (async () => {
          const settings: Settings = { body: 'mul(mul(x, x), x)', x: '2' }
          return numberOf(await scene.runner!.run(programOf(examples.fanOut, settings)), 'dx')
        })
      }
      because="Three uses, each with the part x·x = 4."
      hint="There are three uses of x. How far does y move with each of them alone?"
      onSolved={onSolved}
    />
  ),
}

/** y near x, and the straight line that dx promises. */
function Nudge({ scene }: StepProps) {
  const [h, setH] = useState(0.5)
  const { runner, program, settings } = scene
  const x = Number(settings.x)
  const { value } = useLive(
    runner &&
      (async () => {
        const [here, there] = [await runner.run(program, [x]), await runner.run(program, [x + h])]
        return { y: numberOf(here, 'y'), dx: numberOf(here, 'dx'), moved: numberOf(there, 'y') }
      }),
    [program, runner, h],
  )
  const promised = useMemo(() => value && value.y + value.dx * h, [value])
  if (!runner) return null
  return (
    <div class="nudge">
      <Slider
        name="x moves by"
        value={h}
        min={-1}
        max={1}
        step={0.0625}
        text={show(h)}
        onChange={setH}
      />
      {value && (
        <p class="soft" role="status">
          By its slope y would come to <b>{show(promised!)}</b>; it comes to{' '}
          <b>{show(value.moved)}</b>. The difference, {show(value.moved - promised!)}, shrinks with
          the square of the move.
        </p>
      )}
    </div>
  )
}

export const scalarSteps: readonly Step[] = [product, recorded, byHand, appended, fanOut]

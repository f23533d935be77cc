import * as assert from 'uvu/assert'
import { inputsOf, valuesFor } from '../../apps/web/explore/arguments.ts'
import { CodeError, functionOf } from '../../apps/web/explore/evaluate.ts'
import { examples } from '../../apps/web/explore/examples.ts'
import { explored, exploring, recomputes, summaryOf } from '../../apps/web/explore/explored.ts'
import { type Drawn, drawn } from '../../apps/web/explore/graph-parts.ts'
import { BOX } from '../../apps/web/explore/layout.ts'
import { look, timesOf } from '../../apps/web/explore/look.ts'
import { ruleTexts } from '../../apps/web/explore/rule-texts.ts'
import { piecesOf } from '../../apps/web/explore/source-text.tsx'
import { figuresOf } from '../../apps/web/explore/value-figures.ts'
import { explain } from '../../engine/explain.ts'
import { defaultCaps, grad, mul, ops, type Tensor } from '../../engine/node.ts'
import { budgetChoices } from '../../engine/recompute/budget.ts'
import { deviceProfiles } from '../../engine/recompute/device-profile.ts'
import { interpret } from '../../engine/reference/index.ts'
import { testDevice } from '../device.ts'
import { test } from '../harness.ts'

const names = Object.keys(examples)
const example = (name: string, recompute: (typeof recomputes)[number] = 'none') =>
  explored(examples[name].code, examples[name].inputs, defaultCaps, recompute)

function overlaps({ parts, layout }: Drawn): string[] {
  const found: string[] = []
  parts.forEach((a, i) => {
    for (let k = 0; k < i; k++) {
      const b = parts[k]
      const dx = Math.abs(layout.at[i].x - layout.at[k].x)
      const dy = Math.abs(layout.at[i].y - layout.at[k].y)
      if (dx < (a.width + b.width) / 2 && dy < BOX) found.push(`${a.name} ${b.name}`)
    }
  })
  return found
}

test('explore: no box of any stage of any example lies on another, and all lie in the drawing', () => {
  for (const name of names)
    for (const step of example(name).steps) {
      const view = drawn(step.graph, example(name).explanation.stages.replaced)
      assert.equal(overlaps(view), [], `${name}, ${step.name}`)
      const { width, height, at } = view.layout
      view.parts.forEach((part, i) => {
        assert.ok(at[i].x - part.width / 2 >= 0 && at[i].x + part.width / 2 <= width)
        assert.ok(at[i].y - BOX / 2 >= 0 && at[i].y + BOX / 2 <= height)
      })
      assert.is(new Set(view.parts.map((p) => p.key)).size, view.parts.length)
    }
})

test('explore: derivatives stand to the right of what they differentiate, on its band, and flow up', () => {
  const { steps } = example('neuron')
  const { parts, layout, partOf } = drawn(steps[1].graph)
  const at = (node: Parameters<typeof partOf.get>[0]) => layout.at[parts.indexOf(partOf.get(node)!)]
  for (const { node } of parts) {
    if (!node.source) continue
    assert.ok(at(node).x > at(node.source).x)
    for (const { node: x } of node.inputs)
      if (x.source && x.source !== node.source) assert.ok(at(x).y > at(node).y)
  }
  const cube = (x: Tensor) => grad(grad(mul(mul(x, x), x), [x])[0], [x])
  const twice = drawn(explain(cube, [{ dtype: 'f32', shape: [] }]).stages.traced)
  assert.is(twice.orders, 2)
  assert.is(twice.layout.lanes.length, 3)
})

test('explore: every example goes through all stages in every way, with less memory where kernels run again', () => {
  for (const name of names) {
    const [none, cheap, least] = recomputes.map((how) => example(name, how))
    assert.ok(cheap.account.lowerBound <= none.account.lowerBound, name)
    assert.ok(least.account.peakBytes <= cheap.account.peakBytes, name)
    for (const step of least.steps) assert.match(summaryOf(step), /^\d+ nodes/)
  }
  const { steps } = example('residual', 'least')
  assert.match(summaryOf(steps[4]), /run again\.$/)
})

test('explore: looking at a node gives what the interpreter finds, and changes nothing', async () => {
  const device = await testDevice()
  for (const name of ['square', 'crossentropy', 'convnorm', 'frrn']) {
    const of = explored(examples[name].code, examples[name].inputs, device.caps, 'cheap')
    const { traced } = of.explanation.stages
    const given = valuesFor(of.inputs).map(({ data }) => Float64Array.from(data))
    const { nodes } = of.explanation.stages.plan.graph
    const kernel = nodes.findLast((n) => n.op.kind === 'fused')!
    for (const node of [traced.nodes.findLast((n) => n.source)!, kernel]) {
      const first = await look(device, of, node)
      assert.equal(await look(device, of, node), first, 'the second look is another')
      assert.ok(first.length > 0, name)
      for (const { name: title, what, type, data } of first) {
        if (what === 'cotangent') continue
        const from = traced.nodes[Number(title.slice(1))]
        const t = from.types.findIndex(({ shape }) => `${shape}` === `${type.shape}`)
        const graph = { ...traced, outputs: [from.output(t)], assigns: [] }
        const [expected] = interpret(graph, given)
        const scale = Math.max(...[...expected].map(Math.abs))
        data.forEach((x, i) => {
          assert.ok(Math.abs(x - expected[i]) <= 1e-4 * scale, `${name} ${title} at ${i}`)
        })
      }
    }
  }
})

test('explore: each dispatch of the plan has a time, and running them apart counts as runs', async () => {
  const device = await testDevice()
  const of = explored(examples['neuron'].code, examples['neuron'].inputs, device.caps, 'none')
  const said: string[] = []
  const { ms, how } = await timesOf(device, of, (text) => said.push(text))
  const dispatches = of.explanation.stages.plan.steps.flatMap((s) => s.dispatches)
  assert.is(ms.length, dispatches.length)
  assert.ok(ms.every((t) => t > 0 && Number.isFinite(t)))
  assert.match(how, /^Each was run by itself|clock/)
  assert.match(said.at(-1)!, 'pipelines are made')
})

test('explore: arguments are types as the printer writes them; anything else is told', () => {
  const [x, labels, s] = inputsOf('f32[4, 3]  i32[8]<5, u8[]')
  assert.equal(x, { dtype: 'f32', shape: [4, 3], below: 10 })
  assert.equal(labels, { dtype: 'i32', shape: [8], below: 5 })
  assert.equal(s.shape, [])
  assert.equal(inputsOf(''), [])
  const drawn = valuesFor([labels])[0].data
  assert.ok(drawn.every((v) => v >= 0 && v < 5))
  assert.equal(valuesFor([x]), valuesFor([x]))
  for (const wrong of ['f32', 'f31[2]', 'f32[2', 'f32[a]', 'f32[-1]'])
    assert.throws(() => inputsOf(wrong), /is no type of an argument/)
  assert.throws(() => valuesFor(inputsOf('f32[4096,4096]')), /16777216 elements/)
})

test('explore: mistakes name their line where the engine of the page tells it', () => {
  const mistake = (code: string) => {
    try {
      explored(code, 'f32[2,3]', defaultCaps)
    } catch (error) {
      assert.instance(error, CodeError)
      return (error as CodeError).message
    }
    return 'none'
  }
  assert.match(mistake('const a = 1\nconst b = sqare(a)\nreturn b'), 'line 2: sqare is not defined')
  assert.match(mistake('return (x) => {\n  return matmul(x, x)\n}'), /^line 2: matmul: /)
  assert.is(mistake('1 + 1'), 'the text returns nothing')
  assert.is(mistake('return 3'), 'the text returns number')
  assert.match(mistake('return (x) => 3'), 'a compiled function returned number')
  assert.type(functionOf('return (x) => relu(x)'), 'function')
})

test('explore: rules are the text of the functions in force, and no text is lost in colours', () => {
  for (const { name, vjp } of ops)
    assert.is(ruleTexts[name], typeof vjp === 'function' ? String(vjp) : vjp.reason)
  for (const text of [...Object.values(ruleTexts), example('convnorm').explanation.text('wgsl')])
    for (const language of ['js', 'wgsl'] as const)
      assert.is(
        piecesOf(text, language)
          .map((p) => p.text)
          .join(''),
        text,
      )
})

test('explore: the way through the stages comes in pieces, no two plans in one, and to the same end', () => {
  const { code, inputs } = examples.residual
  for (const how of recomputes) {
    const whole = example('residual', how)
    let pieces = 0
    const way = exploring(code, inputs, defaultCaps, how)
    let next = way.next()
    for (; !next.done; next = way.next()) pieces++
    const { account, steps, options } = next.value
    assert.equal(options, whole.options)
    assert.is(account.peakBytes, whole.account.peakBytes)
    assert.equal(
      steps.map(({ graph }) => graph.nodes.length),
      whole.steps.map(({ graph }) => graph.nodes.length),
    )
    const { fused } = whole.explanation.stages
    const plans = [...budgetChoices(fused, deviceProfiles[defaultCaps.kind])].length
    assert.is(pieces, how === 'least' ? 3 + plans : 2)
  }
})

test('explore: figures leave out what is not finite, and count it', () => {
  const data = Float32Array.of(1, 2, 3, Number.NaN, Number.POSITIVE_INFINITY, 2)
  const { min, max, mean, strange, counts, deviation } = figuresOf(data)
  assert.equal([min, max, mean, strange], [1, 3, 2, 2])
  assert.is(
    counts.reduce((a, b) => a + b),
    4,
  )
  assert.ok(Math.abs(deviation - Math.sqrt(0.5)) < 1e-12)
})

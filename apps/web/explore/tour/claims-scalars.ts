// What steps 1 to 5 of the tour say of numbers, checked against the graph and the device.

import { ops } from '../../../../engine/index.ts'
import { agrees, type Claim, isSlope, type Scene, same, show, slope } from './measure.ts'
import { numberOf, program, stagesOf } from './program.ts'

const numbersOf = (scene: Scene): number[] => scene.program.args.map(Number)

const quotients: Record<string, (x: number, w: number) => number> = {
  mul: (x, w) => x * w,
  add: (x, w) => x + w,
  sub: (x, w) => x - w,
  div: (x, w) => x / w,
}
const slopes: Record<string, [words: string, slope: (x: number, w: number) => number]> = {
  mul: ['x', (x) => x],
  add: ['1', () => 1],
  sub: ['−1', () => -1],
  div: ['−x/w²', (x, w) => -x / (w * w)],
}

/** 1: the value is what arithmetic says, and so is how fast it moves. */
export async function productClaims(scene: Scene): Promise<Claim[]> {
  const { program, settings, runner } = scene
  const [x, w] = numbersOf(scene)
  const [words, rule] = slopes[settings.op]
  const value = `${settings.op}(${show(x)}, ${show(w)})`
  const moves = `when w moves, y moves ${words} times as far`
  // A quotient is measured at four values of w, none of which may be near 0.
  if (settings.op === 'div' && Math.abs(w) < 0.5)
    return [{ text: 'w is too near to 0 to divide by', holds: true }]
  if (!runner)
    return [
      { text: value, holds: undefined },
      { text: moves, holds: undefined },
    ]
  const y = numberOf(await runner.run(program), 'y')
  const measured = await slope(runner, program, [x, w], 'y', 1)
  return [
    {
      text: `${value} is ${show(y)}, computed on ${runner.device.caps.name}`,
      holds: same(y, quotients[settings.op](x, w)),
    },
    {
      text: `${moves}: by this rule ${show(rule(x, w))}, measured ${show(measured.value)}`,
      holds: agrees(rule(x, w), measured),
    },
  ]
}

/** By how much y grows when w grows by 1. */
export async function growth(scene: Scene, [x, w]: readonly number[]): Promise<number> {
  const at = async (w: number) => numberOf(await scene.runner!.run(scene.program, [x, w]), 'y')
  return (await at(w + 1)) - (await at(w))
}

/** 2: the graph is a list in which every node stands after its inputs, and the function runs once. */
export async function recordedClaims(scene: Scene): Promise<Claim[]> {
  const { traced } = stagesOf(scene.program)
  const place = new Map(traced.nodes.map((node, i) => [node, i]))
  const names = traced.nodes.map((n) => n.op.name)
  const left = ['mul', 'add', 'relu', 'exp'].filter((name) => !names.includes(name))
  return [
    {
      text: `the graph is a list of ${names.length} nodes, each after its inputs`,
      holds: traced.nodes.every((n, i) => n.inputs.every((x) => place.get(x.node)! < i)),
    },
    {
      text: left.length
        ? `${left.join(' and ')} led to nothing that is returned, and so is not in it`
        : 'all that was called led to something that is returned',
      holds: traced.nodes.every(
        (node) =>
          traced.outputs.some((t) => t.node === node) ||
          traced.nodes.some((n) => n.inputs.some((x) => x.node === node)),
      ),
    },
    await calledOnce(scene),
  ]
}

async function calledOnce({ program, runner }: Scene): Promise<Claim> {
  const text = 'f is called once, however often the program runs'
  if (!runner) return { text, holds: undefined }
  let calls = 0
  const counted = runner.device.compile((...inputs) => {
    calls++
    return Object.values(program.fn(...inputs)).flat()
  })
  for (const shift of [0, 1, 2]) {
    const tensors = await counted.run(...program.args.map((v) => Number(v) + shift))
    for (const t of tensors) t.dispose()
  }
  counted.dispose()
  return { text: `${text}: 3 runs just now, ${calls} call`, holds: calls === 1 }
}

/** 3: the derivative by hand is the slope. */
export async function byHandClaims(scene: Scene): Promise<Claim[]> {
  const args = numbersOf(scene)
  return [
    await isSlope(scene.runner, scene.program, args, 'dx', 'loss', 0, 'x'),
    await isSlope(scene.runner, scene.program, args, 'dw', 'loss', 1, 'w'),
  ]
}

/** Whether dw is right, at more than one place: a wrong factor may have the right value at one. */
export async function isRepaired(scene: Scene): Promise<boolean> {
  const [x, w] = numbersOf(scene)
  for (const args of [
    [x, w],
    [x + 1, w],
    [x + 0.5, w + 2],
  ]) {
    const { holds } = await isSlope(scene.runner, scene.program, args, 'dw', 'loss', 1, 'w')
    if (!holds) return false
  }
  return true
}

/** 4: what grad makes are nodes of the same kind, and right; also when it is asked for twice. */
export async function appendedClaims(scene: Scene): Promise<Claim[]> {
  const { nodes } = stagesOf(scene.program).traced
  const derived = nodes.filter((n) => n.source)
  const args = numbersOf(scene)
  const { outer } = scene.settings
  const twice = program(
    `const f = (x, w) => {
      const [dw] = grad(${outer}(mul(x, w)), [w])
      const [again] = grad(dw, [w])
      return { dw, 'grad of dw': again }
    }`,
    scene.program.args,
  )
  return [
    {
      text: `grad appended ${derived.length} nodes; each knows the forward node that it is a derivative of`,
      holds: derived.length > 0 && derived.every((n) => nodes.includes(n.source!)),
    },
    {
      text: `they are ops like any other: ${[...new Set(derived.map((n) => n.op.name))].join(', ')}`,
      holds: derived.every((n) => ops.some((op) => op.name === n.op.name)),
    },
    await isSlope(scene.runner, scene.program, args, 'dx', 'loss', 0, 'x'),
    await isSlope(scene.runner, scene.program, args, 'dw', 'loss', 1, 'w'),
    await isSlope(scene.runner, twice, args, 'grad of dw', 'dw', 1, 'w'),
  ]
}

/** 5: a gradient is the sum over all uses, and grad writes the additions. */
export async function fanOutClaims(scene: Scene): Promise<Claim[]> {
  const { nodes } = stagesOf(scene.program).traced
  const additions = nodes.filter((n) => n.source && n.op.name === 'add').length
  const uses = usesOf(scene.settings.body)
  const slopeClaim = await isSlope(scene.runner, scene.program, numbersOf(scene), 'dx', 'y', 0, 'x')
  return [
    {
      text: `x is used ${uses} times, so grad wrote ${uses - 1} addition${uses === 2 ? '' : 's'}`,
      holds: additions === uses - 1,
    },
    await addsUp(scene, uses),
    slopeClaim,
  ]
}

const usesOf = (body: string): number => body.match(/\bx\b/g)!.length

/** The body with its n-th x under a name of its own, differentiated by each. */
async function addsUp({ settings, program: whole, runner }: Scene, uses: number): Promise<Claim> {
  const text = 'each use as an argument of its own: the parts add up to dx'
  if (!runner) return { text, holds: undefined }
  let n = 0
  const apart = settings.body.replace(/\bx\b/g, () => `x${n++}`)
  const names = Array.from({ length: uses }, (_, i) => `x${i}`).join(', ')
  const [x] = whole.args
  const separate = program(
    `const f = (${names}) => ({ parts: grad(${apart}, [${names}]) })`,
    Array(uses).fill(x),
  )
  const { parts } = (await runner.run(separate)).results
  const each = (parts as readonly ArrayLike<number>[]).map((part) => part[0])
  const dx = numberOf(await runner.run(whole), 'dx')
  const sum = each.reduce((a, b) => a + b, 0)
  return {
    text: `${text}: ${each.map(show).join(' + ')} = ${show(sum)}`,
    holds: same(sum, dx, Math.max(1e-3, ...each.map(Math.abs))),
  }
}

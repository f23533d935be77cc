import * as assert from 'uvu/assert'
import { trainingStep } from '../../apps/cli/step.ts'
import type { Caps } from '../../engine/adapters/adapter.ts'
import {
  add,
  assign,
  conv2d,
  defaultCaps,
  explain,
  grad,
  mean,
  mul,
  relu,
  type StageName,
  scope,
  sizeOf,
  square,
  sub,
  Variable,
} from '../../engine/index.ts'
import { resNet } from '../../models/index.ts'
import { test } from '../harness.ts'

const variable = (name: string, ...shape: number[]) =>
  new Variable({ dtype: 'f32', shape }, () => new Float32Array(sizeOf(shape)), name)

/** One step of gradient descent on a small convolution, for a device with default limits: no GPU is needed. */
function explained(stage: StageName): string {
  const w = variable('conv.weight', 3, 3, 4, 8)
  const b = variable('conv.bias', 8)
  const types = [
    { dtype: 'f32', shape: [1, 6, 8, 4] },
    { dtype: 'f32', shape: [] },
  ] as const
  return explain((x, lr) => {
    const y = scope('conv', () => relu(add(conv2d(x, w, { padding: 2, dilation: 2 }), b)))
    const loss = scope('loss', () => mean(square(y)))
    const [dw] = grad(loss, [w])
    assign(w, sub(w, mul(lr, dw)))
    return loss
  }, types).text(stage)
}

const lines = (text: string) => text.trim().split('\n')

test('explain: the graph as traced, backward nodes with the forward node they belong to', () => {
  assert.equal(
    lines(explained('traced')),
    lines(`
%0   input             f32[1,6,8,4]                                                768 B
%1   input             f32[]                                                         4 B
%2   variable          f32[3,3,4,8]  variable=conv.weight                         1.2 KB  conv
%3   conv2d            f32[1,6,8,8]  %0 %2 stride=1 dilation=2 padding=2   28 KF  1.5 KB  conv
%4   variable          f32[8]        variable=conv.bias                             32 B  conv
%5   add               f32[1,6,8,8]  %3 %4                                 384 F  1.5 KB  conv
%6   relu              f32[1,6,8,8]  %5                                    384 F  1.5 KB  conv
%7   square            f32[1,6,8,8]  %6                                    384 F  1.5 KB  loss
%8   mean              f32[]         %7 first=0 count=4                    384 F     4 B  loss
%9   scalar            f32[]         value=1 dtype=f32                       0 F     4 B
%10  scalar            f32[]         value=0.002604 dtype=f32                0 F     4 B  ∂%8 loss
%11  mul               f32[]         %9 %10                                  1 F     4 B  ∂%8 loss
%12  broadcastTo       f32[1,6,8,8]  %11                                   384 F  1.5 KB  ∂%8 loss
%13  scalar            f32[]         value=2 dtype=f32                       0 F     4 B  ∂%7 loss
%14  mul               f32[1,6,8,8]  %12 %13                               384 F  1.5 KB  ∂%7 loss
%15  mul               f32[1,6,8,8]  %14 %6                                384 F  1.5 KB  ∂%7 loss
%16  scalar            f32[]         value=0 dtype=f32                       0 F     4 B  ∂%6 conv
%17  greater           u8[1,6,8,8]   %6 %16                                384 F   384 B  ∂%6 conv
%18  scalar            f32[]         value=0 dtype=f32                       0 F     4 B  ∂%6 conv
%19  where             f32[1,6,8,8]  %17 %15 %18                           384 F  1.5 KB  ∂%6 conv
%20  conv2dWeightGrad  f32[3,3,4,8]  %0 %19 stride=1 dilation=2 padding=2  28 KF  1.2 KB  ∂%3 conv
%21  mul               f32[3,3,4,8]  %1 %20                                288 F  1.2 KB
%22  sub               f32[3,3,4,8]  %2 %21                                288 F  1.2 KB
%23  assign            f32[3,3,4,8]  %22 variable=conv.weight                0 F  1.2 KB
return %8`),
  )
})

test('explain: the fused graph, one line per kernel', () => {
  assert.equal(
    lines(explained('fused')),
    lines(`
%0  input                  f32[1,6,8,4]                                                768 B
%1  input                  f32[]                                                         4 B
%2  variable               f32[3,3,4,8]  variable=conv.weight                         1.2 KB  conv
%3  variable               f32[8]        variable=conv.bias                             32 B  conv
%4  conv2d+add+relu        f32[1,6,8,8]  %0 %2 %3                              28 KF  1.5 KB  conv
%5  square+mean            f32[]         %4                                    768 F     4 B  loss
%6  greater+mul+mul+where  f32[1,6,8,8]  %4                                   1.9 KF  1.5 KB  ∂relu conv
%7  conv2dWeightGrad       f32[3,3,4,8]  %0 %6 stride=1 dilation=2 padding=2   28 KF  1.2 KB  ∂conv2d conv
%8  mul+sub+assign         f32[3,3,4,8]  %2 %1 %7 →conv.weight                 576 F  1.2 KB
return %5`),
  )
})

test('explain: the plan as a timeline of live bytes, with its totals', () => {
  assert.equal(
    lines(explained('plan')),
    lines(`
step  kernel                 result        dispatches  workgroups    live                        module
   0  conv2d+add+relu        f32[1,6,8,8]           1  1·1·1       1.5 KB  ▇▇▇▇▇▇▇▇▇▇            conv
   1  square+mean            f32[]                  1  1·1·1       1.5 KB  ▇▇▇▇▇▇▇▇▇▇            loss
   2  greater+mul+mul+where  f32[1,6,8,8]           1  2·1·1       3.1 KB  ▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇  ∂relu conv
   3  conv2dWeightGrad       f32[3,3,4,8]           1  1·1·1       2.8 KB  ▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇    ∂conv2d conv
   4  mul+sub+assign         f32[3,3,4,8]           1  2·1·1       1.3 KB  ▇▇▇▇▇▇▇▇

5 kernels, 5 dispatches, 5 pipelines; 59 KF, 28 K multiply-adds
variables 1.2 KB, inputs 784 B, results 16 B, constants 0 B
activations 3.1 KB, 0.0 % above the least that is alive at once; peak at step 2, greater+mul+mul+where`),
  )
})

test('explain: every kernel is there as WGSL', () => {
  const text = explained('wgsl')
  assert.is(text.match(/@compute/g)?.length, 5)
  assert.match(text, /struct Params/)
})

test('explain: dispatches and pipelines by kind, which add up to those of the plan', () => {
  assert.equal(
    lines(explained('kinds')).map((line) => line.trim().split(/\s+/)),
    [
      ['dispatches', 'pipelines', 'kernel'],
      ['2', '2', 'pointwise'],
      ['1', '1', 'conv'],
      ['1', '1', 'reduce'],
      ['1', '1', 'convWeightGrad'],
      ['5', '5', 'in', 'all'],
    ],
  )
})

test('explain: a training step of ResNet-18 is 200 dispatches and 60 pipelines at most, none of them new at another size', () => {
  // What lavapipe has, or says that it has.
  const caps: Caps = {
    ...defaultCaps,
    ...{ kind: 'lavapipe', software: true, subgroupSize: 8, alignment: 16 },
    ...{ maxStorageBuffers: 16, maxBufferBytes: 2 ** 31 },
  }
  const model = resNet(18)
  const planned = (height: number, width: number) => {
    const { fn, types } = trainingStep(model, [4, height, width], 'sgd')
    return explain(fn, types, caps)
  }
  const small = planned(64, 64)
  const { dispatches, pipelines, kinds } = small.summary
  assert.ok(dispatches <= 200, `${dispatches} dispatches`)
  assert.ok(pipelines <= 60, `${pipelines} pipelines`)
  assert.is(
    kinds.reduce((n, k) => n + k.dispatches, 0),
    dispatches,
  )
  assert.is(
    kinds.reduce((n, k) => n + k.pipelines, 0),
    pipelines,
  )
  const { kernels } = small.stages.plan
  // Of one side less is alive, of another so much that updates wait for others in another way, or not at all.
  for (const [height, width] of [
    [96, 96],
    [57, 73],
    [128, 160],
    [224, 224],
  ])
    assert.equal(
      [...planned(height, width).stages.plan.kernels].filter((key) => !kernels.has(key)),
      [],
      `${height}×${width}`,
    )
  // Updates of dozens of variables are one line too.
  for (const line of small.text('plan').split('\n')) assert.ok(line.length <= 190, line)
})

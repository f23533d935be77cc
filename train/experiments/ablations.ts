// What the papers claim of one choice against another, asked again in small: networks that two cores train in a minute or two,
// on whatever data there is, the other choices being equal. The claims are in the titles; what comes out is reported as it is.

import type { Experiment, ExperimentRow } from './row.ts'

/** All at one size and for as many steps: what is compared is the rest. */
const common = ['--size', '96x128', '--steps', '600', '--batch', '2', '--eval-every', '600']

const row = (key: string, label: string, ...train: string[]): ExperimentRow => ({
  key,
  label,
  train: ['folder', ...train, ...common],
})

/** A dilated ResNet-18, a quarter as wide as it is; the receptive field of a classifier of dilation 12 at 504 pixels is about
 * that of dilation 2 here. */
const fcrn = (kernel: number, dilation: number, stride = 8): string[] => [
  ...['--model', 'fcrn-18', '--width', '16'],
  ...['--option', `kernel=${kernel}`, '--option', `dilation=${dilation}`],
  ...['--option', `outputStride=${stride}`, '--option', 'dropout=0'],
]
const plain = ['--keep', '1']

const gcn = (...options: string[]): string[] => [
  ...['--model', 'gcn-18', '--width', '16'],
  ...options.flatMap((option) => ['--option', option]),
]

const dilated = (model: string, width: number): string[] => [
  ...['--model', model, '--width', `${width}`],
  ...['--option', 'kernel=3', '--option', 'dilation=2', '--option', 'dropout=0'],
]
const wide = [
  ...['--model', 'model-16', '--width', '16', '--option', 'head=1conv'],
  ...['--option', 'dilation=2', '--option', 'dropout=[0,0]'],
  // That of the networks beside it; a head of one convolution learns at it.
  ...['--lr', '6e-3'],
]

export const ablations: readonly Experiment[] = [
  {
    id: 'ablation-bootstrap',
    title:
      'Bootstrapping is better than the plain loss (Wu et al. 2016a, table 4; Pohlen et al. 2017)',
    rows: [
      row('fcrn-plain', 'FCRN, all cells', ...fcrn(3, 2), ...plain),
      row('fcrn-13', 'FCRN, the hardest 13 % (512 of 63²)', ...fcrn(3, 2), '--keep', '0.13'),
      row('frrn-plain', 'FRRN A, all pixels', ...plain),
      row('frrn-25', 'FRRN A, the hardest 25 %', '--keep', '0.25'),
    ],
  },
  {
    id: 'ablation-stride',
    title: 'A grid of 1/8 is better than one of 1/16 (Wu et al. 2016a, tables 1 and 2)',
    rows: [
      row('s16', 'FCRN at 1/16', ...fcrn(3, 1, 16), ...plain),
      row('s8', 'FCRN at 1/8', ...fcrn(3, 2, 8), ...plain),
    ],
  },
  {
    id: 'ablation-shifted',
    title:
      'Shifted passes make a finer grid, best where they were trained too (Wu et al. 2016a, table 3)',
    rows: [
      row('once', 'one pass, tested at 1/8', ...fcrn(3, 2), ...plain),
      {
        ...row('once-4', 'one pass, tested at 1/4', ...fcrn(3, 2), ...plain),
        test: { shifted: 'features' },
      },
      {
        ...row(
          'four',
          'four passes, tested at 1/4',
          ...fcrn(3, 2),
          ...plain,
          '--set',
          'loss.shifted=true',
        ),
        test: { shifted: 'features' },
      },
    ],
  },
  {
    id: 'ablation-field',
    title:
      'A larger field of view of the classifier helps, up to the image (Wu et al. 2016a, tables 1 and 2)',
    rows: [
      row('k3-d1', '3×3, dilation 1 (24 pixels)', ...fcrn(3, 1), ...plain),
      row('k3-d2', '3×3, dilation 2 (40 pixels)', ...fcrn(3, 2), ...plain),
      row('k3-d4', '3×3, dilation 4 (72 pixels)', ...fcrn(3, 4), ...plain),
      row('k5-d2', '5×5, dilation 2 (72 pixels)', ...fcrn(5, 2), ...plain),
      row('k7-d2', '7×7, dilation 2 (104 pixels)', ...fcrn(7, 2), ...plain),
    ],
  },
  {
    id: 'ablation-frrn',
    title: 'FRRN A is better than its ResNet with long skips (Pohlen et al. 2017, section 5.1)',
    rows: [
      row('frrn-a', 'FRRN A'),
      row('baseline', 'ResNet with long skips', '--model', 'frrn-baseline'),
    ],
  },
  {
    id: 'ablation-gcn',
    title:
      'Larger kernels are better, and boundary refinement more so (Peng et al. 2017, tables 1 and 5)',
    rows: [
      row('1x1', '1×1, no BR', ...gcn('block=1x1', 'boundaryRefinement=false'), ...plain),
      row('k3', 'GCN 3, no BR', ...gcn('kernel=3', 'boundaryRefinement=false'), ...plain),
      row('k7', 'GCN 7, no BR', ...gcn('kernel=7', 'boundaryRefinement=false'), ...plain),
      row('k15', 'GCN 15, no BR', ...gcn('kernel=15', 'boundaryRefinement=false'), ...plain),
      row('k15-br', 'GCN 15, BR', ...gcn('kernel=15'), ...plain),
    ],
  },
  {
    id: 'ablation-wider',
    title: 'At equal memory, wider is better than deeper (Wu et al. 2019, table 2)',
    // Activations of 49 to 52 MB each, as `atrous plan` has them for a batch of 2.
    rows: [
      row('101', 'ResNet-101, width 16', ...dilated('fcrn-101', 16), ...plain),
      row('50', 'ResNet-50, width 28', ...dilated('fcrn-50', 28), ...plain),
      row('18', 'ResNet-18, width 48', ...dilated('fcrn-18', 48), ...plain),
      row('model-16', 'Model (16), width 16', ...wide, ...plain),
    ],
  },
]

// What Pohlen, Hermans, Mathias, Leibe 2017 prints: FRRN.
// Rows as `published` in table.ts reads them.

export const p2: string = `
= p2-table1 | Table 1 | - -
: network=frrn
> variant           >   params
  A                 > 17700000
  B                 > 24800000
  A-resnet-baseline > 16700000
= p2-table2 | Table 2 | cityscapes test
: by=cited
> method subsample > meanIoU
  SegNet 4         >      57
  / 96.4 73.2 84 28.5 29 35.7 39.8 45.2 87 63.8
  / 91.8 62.8 42.8 89.3 38.1 43.1 44.2 35.8 51.9
: network=frrn
> variant subsample pretrained input   > meanIoU
  A       4         false      256x512 >      63
  / 97.6 79.1 88.3 32 36.4 51.7 57.1 62.5 90.9 69.5
  / 93.3 75.2 51.3 91.6 30.2 43.1 39.2 46 62.6
: by=cited
> method subsample pretrained > meanIoU
  ENet   2         false      >    58.3
  / 96.3 74.2 85 32.2 33.2 43.5 34.1 44 88.6 61.4
  / 90.6 65.5 38.4 90.6 36.9 50.5 48.1 38.8 55.4
: by=cited
> method  subsample > meanIoU
  DeepLab 2         >    64.8
  / 97.4 78.3 88.1 47.5 44.2 29.5 44.4 55.4 89.4 67.3
  / 92.8 71 49.3 91.4 55.9 66.6 56.7 48.1 58.1
: network=frrn
> variant subsample pretrained input    > meanIoU
  B       2         false      512x1024 >    71.8
  / 98.2 83.3 91.6 45.8 51.1 62.2 69.4 72.4 92.6 70
  / 94.9 81.6 62.7 94.6 49.1 67.1 55.3 53.5 69.5
: by=cited subsample=1
> method   > meanIoU
  Dilation >    67.1
  / 97.6 79.2 89.9 37.3 47.6 53.2 58.6 65.2 91.8 69.4
  / 93.7 78.9 55 93.3 45.5 53.4 47.7 52.2 66
  Adelaide >    71.6
  / 98 82.6 90.6 44 50.7 51.1 65 71.7 92 72
  / 94.1 81.5 61.1 94.3 61.1 65.1 53.8 61.6 70.6
: by=cited method=LRR subsample=1
> entry > meanIoU
  1     >    69.7
  / 97.7 79.9 90.7 44.4 48.6 58.6 68.2 72 92.5 69.3
  / 94.7 81.6 60 94 43.6 56.8 47.2 54.8 69.7
  2     >    71.8
  / 97.9 81.5 91.4 50.5 52.7 59.4 66.8 72.7 92.5 70.1
  / 95 81.3 60.1 94.3 51.2 67.7 54.6 55.6 69.6
= p2-text-val | text, section 5.1 | cityscapes val
: network=frrn subsample=4
> variant           > meanIoU
  A                 >    65.7
  A-resnet-baseline >    62.8
= p2-text-crf | text, section 5.3 | cityscapes val
: network=frrn
> crf  > meanIoUGain
  true >         0.5
= p2-text-runtime | text, section 5.4 | - -
: network=frrn gpu=NVIDIA~Titan~X~Pascal
> variant           input    > seconds
  A                 256x512  >   0.166
  B                 512x1024 >   0.469
  A-resnet-baseline 256x512  >   0.081
`

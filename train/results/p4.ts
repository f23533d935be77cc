// What Wu, Shen, van den Hengel 2019 prints: wider or deeper.
// Rows as `published` in table.ts reads them.

export const p4: string = `
= p4-table1 | Table 1 | imagenet val
: by=cited
> method depth trainCrop crops > top1Err top5Err imagesPerSecond
  VGG16  16    224       10    >    28.1     9.3            9.21
: network=resnet trainCrop=224 testCrop=320
> depth > top1Err top5Err imagesPerSecond
  50    >    23.5     6.8              89
  101   >    22.1     6.1            73.2
  152   >    21.8     5.8            53.8
: by=cited network=resnet trainCrop=224
> depth preActivation > top1Err top5Err
  152   false         >    21.3     5.5
  152   true          >    21.1     5.5
  200   true          >    20.7     5.3
: by=cited trainCrop=299 testCrop=299
> method              depth > top1Err top5Err imagesPerSecond
  Inception-v4        76    >      20       5              80
  Inception-ResNet-v2 96    >    19.9     4.9              56
: network=wider
> variant printedName    depth trainCrop testCrop > top1Err top5Err imagesPerSecond
  F       56-1-1-1-9-1-1 34    56        80       >    25.2     7.8            83.5
: network=wider
> variant printedName depth trainCrop testCrop units > top1Err top5Err imagesPerSecond
  E 112-1-1-1-1-5-1-1 26 112 160 [1,1,1,1,5,1,1] > 22.3 6.2 92.3
: network=wider trainCrop=112 testCrop=160
> variant printedName      depth > top1Err top5Err imagesPerSecond
  D       112-1-1-1-9-1-1  34    >    22.1       6            70.6
  C       112-1-1-1-13-1-1 42    >    21.8     5.9            57.1
: network=wider trainCrop=224 testCrop=320
> variant printedName       depth units           > top1Err top5Err imagesPerSecond
  "16"    224-0-1-1-1-1-1-1 16    [0,1,1,1,1,1,1] >      22     5.8            73.4
  B       224-0-1-1-1-3-1-1 20    [0,1,1,1,3,1,1] >      21     5.5            62.1
  A       224-0-3-3-6-3-1-1 38    [0,3,3,6,3,1,1] >    19.2     4.7            21.7
= p4-table2 | Table 2 | voc2012 val
: classifierConvs=1
> network depth > pixelAcc meanAcc meanIoU memoryGB
  vgg     16    >    92.84   77.52   68.33     3.41
  resnet  101   >    94.52   82.17   75.35     12.3
  resnet  152   >    94.56   82.12   75.37     16.7
: network=wider
> variant classifierConvs > pixelAcc meanAcc meanIoU memoryGB
  F       1               >    92.91   76.26   68.36     11.7
  E       1               >    94.13   80.84   73.64     10.1
  D       1               >    94.59    82.5   75.66     11.7
  C       1               >    94.56   82.01   75.45     13.4
  B       1               >    93.94   80.96   73.37      7.6
  A       1               >    95.28   85.23   78.76       11
  A2      1               >    95.16   85.72   78.14       11
  A       2               >     95.7   86.26   80.84     11.8
= p4-table3 | Table 3 | voc2012 test
: by=cited trainingData=voc
> method      > meanIoU
  FCN-8s      >    62.2
  CRFasRNN    >      72
  / 87.5 39 79.7 64.2 68.3 87.6 80.8 84.4 30.4 78.2
  / 60.4 80.5 77.8 83.1 80.6 59.5 82.8 47.8 78.3 67.1
  DeconvNet   >    72.5
  / 89.9 39.3 79.7 63.9 68.2 87.4 81.2 86.1 28.5 77
  / 62 79 80.3 83.6 80.2 58.8 83.4 54.3 80.7 65
  DPN         >    74.1
  / 87.7 59.4 78.4 64.9 70.3 89.3 - - 31.7 79.9
  / 62.6 81.9 80 83.5 82.3 60.5 - 53.4 77.9 65
  UoA-Context >    75.3
  / 90.6 37.6 80 67.8 74.4 92 85.2 86.2 39.1 81.2
  / 58.9 83.8 83.9 84.3 84.8 62.1 83.2 58.2 80.8 72.3
: by=cited
> method   trainingData features  > meanIoU
  VeryDeep voc          resnet101 >    79.1
  / 91.9 48.1 93.4 69.3 75.5 94.2 87.5 92.8 36.7 86.9
  / 65.2 89.1 90.2 86.5 87.2 64.6 90.1 59.7 85.5 72.7
: network=wider
> trainingData > meanIoU
  voc          >    82.5
  / 94.4 72.9 94.9 - 78.4 90.6 90 92.1 40.1 90.4
  / 71.7 89.9 93.7 91 89.1 71.3 90.7 61.3 87.7 78.1
: by=cited
> method      trainingData > meanIoU
  UoA-Context voc+coco     >    77.8
  / 94.1 40.4 83.6 67.3 75.6 93.4 84.4 88.7 41.6 86.4
  / 63.3 85.5 89.3 85.6 86 67.4 90.1 62.6 80.9 72.5
: by=cited trainingData=voc+coco features=resnet101
> method     > meanIoU
  DeepLab-v2 >    79.7
  / 92.6 60.4 91.6 63.4 76.3 95 88.4 92.6 32.7 88.5
  / 67.6 89.6 92.1 87 87.4 63.3 88.3 60 86.8 74.5
  PSPNet     >    85.4
  / 95.8 72.7 95 78.9 84.4 94.7 92 95.7 43.1 91
  / 80.3 91.3 96.3 92.3 90.1 71.5 94.4 66.9 88.8 82
  DeepLab-v3 >    85.7
  / 96.4 76.6 92.7 77.8 87.6 96.7 90.2 95.4 47.5 93.4
  / 76.3 91.4 97.2 91 92.1 71.3 90.9 68.9 90.8 79.3
: network=wider
> trainingData > meanIoU
  voc+coco     >    84.9
  / 96.2 75.2 95.4 74.4 81.7 93.7 89.9 92.5 48.2 92
  / 79.9 90.1 95.5 91.8 91.2 73 90.5 65.4 88.7 80.6
= p4-table4 | Table 4 | - val
: dataset=cityscapes split=val network=resnet classifierConvs=1
> depth > pixelAcc meanAcc meanIoU
  101   >    95.49   81.76   73.63
  152   >    95.53   81.61    73.5
: dataset=cityscapes split=val network=wider
> variant classifierConvs > pixelAcc meanAcc meanIoU
  A       1               >     95.8   83.81   76.57
  A2      1               >    95.91   84.48   77.18
  A2      2               >    96.05   84.96   77.86
: dataset=ade20k split=val network=resnet classifierConvs=2
> depth > pixelAcc meanAcc meanIoU
  101   >    79.07   48.73    39.4
  152   >    79.33   49.55   39.77
: dataset=ade20k split=val network=wider classifierConvs=2
> variant > pixelAcc meanAcc meanIoU
  E       >    79.61   50.46      41
  D       >    79.87   51.34   41.91
  C       >    80.53   52.32   43.06
  A       >    80.41   52.86   42.71
  A2      >    81.17   53.84   43.73
= p4-table5 | Table 5 | cityscapes test
: by=cited features=vgg16
> method      > meanIoU categoryIoU
  DPN         >    66.8          86
  Dilation10  >    67.1        86.5
  UoA-Context >    71.6        87.3
: by=cited features=resnet101
> method     > meanIoU
  LRR        >    76.8
  DeepLab-v2 >    79.7
: by=cited features=resnet101
> method     > meanIoU categoryIoU
  PSPNet     >    81.2        91.2
  DeepLab-v3 >    81.3        91.6
: network=wider
> . > meanIoU categoryIoU
  . >    81.3        91.5
= p4-table6 | Table 6 | ade20k test
: by=cited
> method              > adeScore
  SegModel            >    53.23
  CASIA_IVA           >    54.33
  360+MCG-ICT-CAS_SP  >    54.68
  SenseCUSceneParsing >    55.38
: network=wider
> variant models > adeScore
  A2      1      >    56.41
= p4-table7 | Table 7 | pascal-context val
: by=cited
> method features > pixelAcc meanAcc meanIoU
  FCN-8s vgg16    >     65.9    46.5    35.1
: by=cited
> method features > meanIoU
  BoxSup vgg16    >    40.5
: by=cited
> method      features  > pixelAcc meanAcc meanIoU
  UoA-Context vgg16     >     71.5    53.9    43.3
  VeryDeep    resnet101 >     72.9    54.8    44.5
: by=cited
> method     features  > meanIoU
  DeepLab-v2 resnet101 >    45.7
: network=wider
> . > pixelAcc meanAcc meanIoU
  . >       75    58.1    48.1
= p4-text-downsampling | text, section 5 | ade20k val
: network=wider variant=A
> downsampling > meanIoU
  conv         >   43.09
  pool         >   41.24
`

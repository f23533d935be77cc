// What Wu, Shen, van den Hengel 2016b prints: FCRN and instances.
// Rows as `published` in table.ts reads them.

export const p1: string = `
= p1-table1 | Table 1 | voc2012 val
: network=fcrn
> depth outputStride kernel dilation fov > pixelAcc meanAcc meanIoU
  50    16           3      6        208 >    92.74   78.68   69.09
  50    8            3      6        104 >     92.5    77.6   67.61
  50    8            3      12       200 >    93.03   79.51   69.94
  50    8            3      18       296 >    93.02   79.28   70.01
  50    8            5      6        200 >    92.98   79.34   69.81
  50    8            5      12       392 >    93.25   79.84    71.1
  50    8            7      6        296 >    93.14   79.54   70.67
  101   16           3      6        208 >    93.22   80.16   70.93
  101   8            3      6        104 >     93.2   79.87    70.2
  101   8            3      12       200 >    93.68   81.29   72.34
  101   8            3      18       296 >    93.67   81.15   72.37
  101   8            5      6        200 >    93.52      81   71.97
  101   8            5      12       392 >    93.87   81.87   73.41
  101   8            7      6        296 >    93.61   81.34   72.56
= p1-table2 | Table 2 | voc2012 -
: split=val network=fcrn depth=101 outputStride=8 kernel=5 dilation=12
> bootstrap > meanIoU
  null      >    73.4
  / 86.7 39.5 85.5 66.9 79.3 90.7 84.7 90.6 34 79.1
  / 51.6 83.9 80.6 80 83 55.7 80.6 40.3 82.7 72.9
  512       >    74.8
  / 88.3 40.4 86.5 66.6 80.1 91.6 84.3 90.1 36.6 83.7
  / 53.6 84.5 85.1 79.9 83.9 59 83.3 44.6 81.1 74.5
: by=cited split=test trainingData=voc
> method      > meanIoU
  FCN-8s      >    62.2
  / 76.8 34.2 68.9 49.4 60.3 75.3 74.7 77.6 21.4 62.5
  / 46.8 71.8 63.9 76.5 73.9 45.2 72.4 37.4 70.9 55.1
  DeepLab     >    71.6
  / 84.4 54.5 81.5 63.6 65.9 85.1 79.1 83.4 30.7 74.1
  / 59.8 79 76.1 83.2 80.8 59.7 82.2 50.4 73.1 63.7
  CRFasRNN    >      72
  / 87.5 39 79.7 64.2 68.3 87.6 80.8 84.4 30.4 78.2
  / 60.4 80.5 77.8 83.1 80.6 59.5 82.8 47.8 78.3 67.1
  DeconvNet   >    72.5
  / 89.9 39.3 79.7 63.9 68.2 87.4 81.2 86.1 28.5 77
  / 62 79 80.3 83.6 80.2 58.8 83.4 54.3 80.7 65
  DPN         >    74.1
  / 87.7 59.4 78.4 64.9 70.3 89.3 83.5 86.1 31.7 79.9
  / 62.6 81.9 80 83.5 82.3 60.5 83.2 53.4 77.9 65
  UoA-Context >    75.3
  / 90.6 37.6 80 67.8 74.4 92 85.2 86.2 39.1 81.2
  / 58.9 83.8 83.9 84.3 84.8 62.1 83.2 58.2 80.8 72.3
: split=test network=fcrn
> trainingData > meanIoU
  voc          >    79.1
  / 91.9 48.1 93.4 69.3 75.5 94.2 87.5 92.8 36.7 86.9
  / 65.2 89.1 90.2 86.5 87.2 64.6 90.1 59.7 85.5 72.7
= p1-table3 | Table 3 | cityscapes val
: network=fcrn
> depth outputStride kernel dilation fov > pixelAcc meanAcc meanIoU
  50    16           3      6        208 >    93.83   74.67   66.41
  50    8            3      6        104 >    94.38   74.89   66.58
  50    8            3      12       200 >    94.47   75.91   67.68
  50    8            3      18       296 >    94.53   76.52   68.38
  50    8            5      6        200 >    94.48   76.17   68.04
  50    8            5      12       392 >    94.61   76.68   68.71
  50    8            5      18       584 >    94.64   76.34   68.53
  50    8            7      6        296 >    94.58   76.88   68.79
  50    8            7      12       584 >    94.64   76.57   68.79
  101   16           3      6        208 >    94.11   76.26   67.62
  101   8            3      6        104 >    94.68   77.15   68.58
  101   8            3      12       200 >    94.78    78.3   69.99
  101   8            3      18       296 >    94.82   78.21      70
  101   8            5      6        200 >    94.75   78.11   69.89
  101   8            5      12       392 >    94.87   79.17   71.16
  101   8            7      6        296 >    94.75   78.43    70.4
  152   16           3      6        208 >    94.26   76.89    68.3
  152   8            3      6        104 >    94.82    78.3   69.69
  152   8            3      12       200 >    94.94   78.79   70.66
  152   8            3      18       296 >    94.93   79.19   70.92
  152   8            5      6        200 >    94.88   78.77   70.61
  152   8            5      12       392 >       95   79.38   71.51
  152   8            7      6        296 >    94.91   79.08   70.87
= p1-table4 | Table 4 | cityscapes val
: network=fcrn depth=152 outputStride=8 kernel=5 dilation=12
> bootstrap > meanIoU
  null      >    71.5
  / 97.4 80.3 90.8 47.6 53.8 53.1 58.1 70.2 91.2 59.6
  / 93.2 77.1 54.4 93 67.1 79.4 62.2 57.3 72.7
  512       >    74.6
  / 97.6 82 91.7 52.3 56.2 57 65.7 74.4 91.7 62.5
  / 93.8 79.8 59.6 94 66.2 83.7 70.3 64.2 75.5
= p1-table5 | Table 5 | pascal-context val
: by=cited
> method > pixelAcc meanAcc meanIoU
  FCN-8s >     65.9    46.5    35.1
: by=cited
> method > meanIoU
  BoxSup >    40.5
: by=cited
> method      > pixelAcc meanAcc meanIoU
  UoA-Context >     71.5    53.9    43.3
: network=fcrn
> . > pixelAcc meanAcc meanIoU
  . >     72.9    54.8    44.5
= p1-table6 | Table 6 | voc2012-instances val
: by=cited
> method > mAPr50 mAPr70 mAPrVol
  SDS    >   49.7   25.3    41.4
: by=cited
> method      > mAPr50 mAPr70
  Hypercolumn >     60   40.4
  MNC         >   63.5   41.5
: network=fcrn-localization
> depth bootstrap weightedLoss coco  > mAPr50 mAPr70 mAPrVol
  50    false     false        false >   57.2   40.5    52.5
  50    true      false        false >   58.7     42    53.8
  50    true      true         false >   59.8   43.5    54.7
  101   true      true         false >   60.9   44.6    55.5
  101   true      true         true  >   61.5   46.6    56.4
= p1-text-oracle | text, section 3.2 | voc2012-instances val
: network=fcrn-localization
> oracle         > mAPr50 mAPr70
  category~masks >     73   60.6
= p1-table7 | Table 7 | - val
: dataset=voc2012 split=val network=fcrn depth=101 outputStride=8 kernel=5 dilation=12
: dropout=false
> bootstrap > pixelAcc meanAcc meanIoU
  null      >    93.87   81.87   73.41
  256       >    94.11   81.44   74.41
  512       >    94.23   82.09    74.8
  1024      >    94.08   81.84   74.17
: dataset=cityscapes split=val network=fcrn depth=152 outputStride=8 kernel=5 dilation=12
: dropout=false
> bootstrap > pixelAcc meanAcc meanIoU
  null      >       95   79.38   71.51
  256       >    95.41   81.37   73.97
  512       >    95.46   82.04   74.64
  1024      >    95.38      81   73.45
= p1-text-cityscapes | text, section 3.1 | cityscapes val
: network=fcrn
> depth outputStride kernel dilation bootstrap > meanIoU
  152   8            5      12       512       >    74.6
: by=cited
> method      > meanIoU
  UoA-Context >    68.6
`

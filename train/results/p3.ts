// What Peng, Zhang, Yu, Luo, Sun 2017 prints: GCN.
// Rows as `published` in table.ts reads them.

export const p3: string = `
= p3-table1 | Table 1 | voc2012 val
: network=gcn
> backbone  head boundaryRefinement > meanIoU
  resnet152 1x1  false              >      69
: network=gcn backbone=resnet152 head=gcn boundaryRefinement=false
> kernel > meanIoU
  3      >    70.1
  5      >    71.1
  7      >    72.8
  9      >    73.4
  11     >    73.7
  13     >      74
  15     >    74.5
= p3-table2 | Table 2 | voc2012 val
: network=gcn backbone=resnet152 boundaryRefinement=false
> head kernel > meanIoU  params
  gcn  3      >    70.1  260000
  gcn  5      >    71.1  434000
  gcn  7      >    72.8  608000
  gcn  9      >    73.4  782000
  conv 3      >    69.8  387000
  conv 5      >    70.4 1075000
  conv 7      >    69.6 2107000
  conv 9      >    68.8 3484000
= p3-table3 | Table 3 | voc2012 val
: network=gcn backbone=resnet152 boundaryRefinement=false
> head  kernel > meanIoU
  gcn   3      >    70.1
  gcn   5      >    71.1
  gcn   7      >    72.8
  gcn   9      >    73.4
  gcn   11     >    73.7
  stack 3      >    69.8
  stack 5      >    71.8
  stack 7      >    71.3
  stack 9      >    69.5
  stack 11     >    67.5
= p3-table4 | Table 4 | voc2012 val
: network=gcn backbone=resnet152 head=stack kernel=7 boundaryRefinement=false
> width > meanIoU   params
  2048  >    71.3 75885000
  1024  >    70.4 28505000
  210   >    68.8  4307000
: network=gcn
> backbone  head kernel boundaryRefinement inputWidth > meanIoU params
  resnet152 gcn  7      false              2048       >    72.8 608000
= p3-table5 | Table 5 | voc2012 val
: network=gcn
> backbone  head boundaryRefinement > boundaryAcc internalAcc meanIoU
  resnet152 1x1  false              >        71.3        93.9      69
: network=gcn backbone=resnet152 head=gcn kernel=15
> boundaryRefinement > boundaryAcc internalAcc meanIoU
  false              >        71.5          95    74.5
  true               >        73.4        95.1    74.7
= p3-table6 | Table 6 | - val
: dataset=imagenet split=val network=resnet50
> . > top5Err
  . >     7.7
: dataset=voc2012 split=val network=gcn backbone=resnet50
> head boundaryRefinement > meanIoU
  1x1  false              >    65.7
  gcn  true               >    72.3
: dataset=imagenet split=val network=resnet50-gcn
> . > top5Err
  . >     7.9
: dataset=voc2012 split=val network=gcn backbone=resnet50-gcn
> head boundaryRefinement > meanIoU
  1x1  false              >    71.2
  gcn  true               >    72.5
= p3-table7 | Table 7 | voc2012 val
: network=gcn
> backbone  head boundaryRefinement stage > meanIoU
  resnet152 1x1  false              1     >    69.6
: network=gcn backbone=resnet152 head=gcn kernel=15 stage=1
> boundaryRefinement > meanIoU
  false              >    74.1
  true               >      75
: network=gcn
> backbone  head boundaryRefinement stage > meanIoU
  resnet152 1x1  false              2     >    72.4
: network=gcn backbone=resnet152 head=gcn kernel=15 stage=2
> boundaryRefinement > meanIoU
  false              >    77.6
  true               >    78.6
: network=gcn
> backbone  head boundaryRefinement stage > meanIoU
  resnet152 1x1  false              3     >      74
: network=gcn backbone=resnet152 head=gcn kernel=15 stage=3
> boundaryRefinement > meanIoU
  false              >    78.7
  true               >    80.3
: network=gcn
> backbone  head kernel boundaryRefinement stage multiScale > meanIoU
  resnet152 gcn  15     true               3     true       >    80.4
: network=gcn
> backbone  head kernel boundaryRefinement stage multiScale crf  > meanIoU
  resnet152 gcn  15     true               3     true       true >      81
= p3-table8 | Table 8 | voc2012 test
: by=cited
> method                     > meanIoU
  FCN-8s-heavy               >    67.2
  TTI_zoomout_v2             >    69.6
  MSRA_BoxSup                >      71
  DeepLab-MSc-CRF-LargeFOV   >    71.6
  Oxford_TVG-CRF-RNN-COCO    >    74.7
  CUHK_DPN-COCO              >    77.5
  Oxford_TVG_HO-CRF          >    77.9
  CASIA_IVA_OASeg            >    78.3
  Adelaide_VeryDeep-FCN-VOC  >    79.1
  LRR_4x_ResNet-COCO         >    79.3
  Deeplabv2-CRF              >    79.7
  CentraleSupelec~Deep~G-CRF >    80.2
: network=gcn
> backbone  head kernel boundaryRefinement > meanIoU
  resnet152 gcn  15     true               >    82.2
= p3-table9 | Table 9 | cityscapes val
: network=gcn backbone=resnet152 head=gcn kernel=25 boundaryRefinement=true
> stage > meanIoU
  1     >      73
  2     >    76.9
: network=gcn
> backbone  head kernel boundaryRefinement stage multiScale > meanIoU
  resnet152 gcn  25     true               2     true       >    77.2
: network=gcn
> backbone  head kernel boundaryRefinement stage multiScale crf  > meanIoU
  resnet152 gcn  25     true               2     true       true >    77.4
= p3-table10 | Table 10 | cityscapes test
: by=cited
> method                    > meanIoU
  FCN~8s                    >    65.3
  DPN                       >    59.1
  CRFasRNN                  >    62.5
  Scale~invariant~CNN~+~CRF >    66.3
  Dilation10                >    67.1
  DeepLabv2-CRF             >    70.4
  Adelaide_context          >    71.6
  LRR-4x                    >    71.8
: network=gcn
> backbone  head kernel boundaryRefinement > meanIoU
  resnet152 gcn  25     true               >    76.9
`

# The convolutions of a bench run, in PyTorch on the same GPU: float32 without TF32, with it, and float16.
#
#   python3 bench/suite/torch.py bench.json

import json
import statistics
import sys

import torch
import torch.nn.functional as F


def milliseconds(run):
    """Median of 20 runs, each between two events."""
    for _ in range(3):
        run()
    times = []
    for _ in range(20):
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        run()
        end.record()
        torch.cuda.synchronize()
        times.append(begin.elapsed_time(end))
    return statistics.median(times)


def runner(conv, dtype):
    """A function that computes one part of a convolution; maps are channels_last, as they are here."""
    n, h, w, cin = conv["x"]
    kh, kw, _, cout = conv["w"]
    stride, dilation = [conv["stride"]] * 2, [conv["dilation"]] * 2
    padding = [dilation[0] * (kh - 1) // 2, dilation[1] * (kw - 1) // 2]
    place = dict(device="cuda", dtype=dtype)
    x = torch.randn(n, cin, h, w, **place).to(memory_format=torch.channels_last)
    weight = torch.randn(cout, cin, kh, kw, **place).to(memory_format=torch.channels_last)
    forward = lambda: F.conv2d(x, weight, None, stride, padding, dilation)
    if conv["part"] == "forward":
        return forward
    dy = torch.randn_like(forward())
    wanted = [conv["part"] == "input gradient", conv["part"] == "weight gradient", False]
    return lambda: torch.ops.aten.convolution_backward(
        dy, x, weight, None, stride, padding, dilation, False, [0, 0], 1, wanted
    )


def timed(conv, dtype, tf32):
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = tf32
    return milliseconds(runner(conv, dtype))


results = json.load(open(sys.argv[1]))["results"]
torch.backends.cudnn.benchmark = True
print(f"{torch.__version__} on {torch.cuda.get_device_name()}")
print(f"{'ms':66} {'ours':>9} {'f32':>9} {'TF32':>9} {'f16':>9}   ours / f32")
with torch.no_grad():
    for r in results:
        if "conv" not in r:
            continue
        f32 = timed(r["conv"], torch.float32, False)
        others = timed(r["conv"], torch.float32, True), timed(r["conv"], torch.float16, False)
        cells = " ".join(f"{ms:9.4f}" for ms in (r["ms"], f32, *others))
        print(f"{r['name']:66} {cells}   {r['ms'] / f32:.2f}")

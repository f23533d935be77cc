#!/bin/bash
# Everything worth knowing of a machine with a GPU: is every kernel right, how fast is each beside what the adapter can do and beside
# PyTorch on it, what does a training step cost, and does a network learn. Works on the built files (npm run build) and prints
# one table last. Results go to $OUT. Each of these calls takes less than ten minutes:
#
#   bench/visit.sh            checks, the whole bench, PyTorch's times of the same convolutions, and a short training
#   bench/visit.sh peers      other engines over WebGPU on the same shapes (they are installed from npm)
#   bench/visit.sh networks   every network at full width and its paper's size, once
#   bench/visit.sh camvid 16  FRRN A at full width on CamVid at 360×480, sixteen minutes in all: call it again until it has had them
#                             (the data in .gpu/camvid, or packed in .gpu/camvid-small.tar)
set -u
cd "$(dirname "$0")/.." || exit 1
out=${OUT:-visit}
mkdir -p "$out"

part() {
  local name=$1
  shift
  echo "== $name"
  if timeout "${limit:-60}" "$@" >"$out/$name.txt" 2>&1; then tail -n "${lines:-8}" "$out/$name.txt"; else
    echo "FAILED ($?): $*"
    tail -n 15 "$out/$name.txt"
  fi
}

case ${1:-} in
networks)
  limit=580 lines=40 part networks node dist/test/run.js paper-size --slow
  exit
  ;;
camvid)
  data=.gpu/camvid run=runs/visit-camvid minutes=${2:-16}
  [ -d "$data" ] || tar xf .gpu/camvid-small.tar -C .gpu || exit 1
  if [ -f "$run/checkpoint.safetensors" ]; then
    set -- --resume "$run" --minutes "$minutes"
  else
    rm -rf "$run"
    set -- frrn-a --data "$data" --size 360x480 --minutes "$minutes" --out "$run"
  fi
  # Stopped in time it writes a checkpoint, which stays on the machine.
  timeout -s INT 560 node dist/apps/cli/main.js train "$@" 2>&1 | tail -n 40
  for file in config.json metrics.jsonl scores.json report.html overlays.png; do
    [ -f "$run/$file" ] && cp "$run/$file" "$out/"
  done
  exit
  ;;
peers)
  limit=580 lines=60 part peers node dist/bench/peers.js --json "$out/peers.json"
  exit
  ;;
esac

limit=20 part doctor node dist/apps/cli/main.js doctor
part conv-check node dist/bench/conv-kernels.js check
part small-kernels node dist/bench/small-kernels.js
limit=100 part ops node dist/test/run.js ops.test fuse.test
part step node dist/bench/step.js --base 48 --lanes 32 --size 256x512 --batch 3 --runs 10
part learn node dist/apps/cli/main.js start --minutes 0.7 --out "$out/street"
limit=150 lines=60 part bench node dist/bench/main.js --seconds 0.3 --json "$out/bench.json" --html "$out/bench.html"
if python3 -c 'import torch; assert torch.cuda.is_available()' 2>/dev/null; then
  lines=40 part torch python3 bench/suite/torch.py "$out/bench.json"
fi

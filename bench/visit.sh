#!/bin/bash
# Everything worth knowing of a machine with a GPU, in one go: is every kernel right, how fast is each, what does a
# training step cost, and does a network learn. Works on the built files (npm run build). Results go to $OUT.
#
#   bench/visit.sh            about ten minutes on a discrete GPU
#   bench/visit.sh networks   every network at full width and its paper's size, once; as long again
set -u
cd "$(dirname "$0")/.." || exit 1
out=${OUT:-visit}
mkdir -p "$out"

part() {
  local name=$1
  shift
  echo "== $name"
  if timeout "${limit:-200}" "$@" >"$out/$name.txt" 2>&1; then tail -n 25 "$out/$name.txt"; else
    echo "FAILED ($?): $*"
    tail -n 15 "$out/$name.txt"
  fi
}

if [ "${1:-}" = networks ]; then
  limit=580 part networks node dist/test/run.js paper-size --slow
  exit
fi

part doctor node dist/apps/cli/main.js doctor
part conv-check node dist/bench/conv-kernels.js check
part small-kernels node dist/bench/small-kernels.js
part ops node dist/test/ops.test.js
part fuse node dist/test/fuse.test.js
part conv-time node dist/bench/conv-kernels.js time
part step-narrow node dist/bench/step.js
part step-a node dist/bench/step.js --base 48 --lanes 32 --size 256x512 --batch 1 --runs 20
part step-a3 node dist/bench/step.js --base 48 --lanes 32 --size 256x512 --batch 3 --runs 10
part learn node dist/apps/cli/main.js start --minutes 1 --out "$out/street"

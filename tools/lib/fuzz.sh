# shellcheck shell=bash
# For tools/fuzz, which sources it behind tools/lib/steps.sh. Two steps: "build fuzz", "fuzz".

# fuzz_targets: prints their names, without "_fuzz".
fuzz_targets() { basename -a -s _fuzz.cc tests/fuzz/*_fuzz.cc; }

# fuzz_one SECONDS NAME: says what it found; what is to be seen of it lies in its log.
fuzz_one() {
  local seconds=$1 name=$2
  local binary=build/fuzz/bin/${name}_fuzz corpus=tests/fuzz/corpus/$name work=build/fuzz/work/$name
  rm -rf "$work"
  mkdir -p "$work/corpus"
  if ! "$binary" -runs=0 "$corpus" > "$work/log" 2>&1; then
    echo "$binary -runs=0 $corpus" > "$work/failed"
    return 0
  fi
  if ! "$binary" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
    -artifact_prefix="$work/" "$work/corpus" "$corpus" > "$work/log" 2>&1; then
    echo "$binary $work/crash-..." > "$work/failed"
    return 0
  fi
  printf '  %s: %d files of corpus, then %d random inputs\n' "$name" "$(find "$corpus" -type f | wc -l)" \
    "$(sed -n 's/^stat::number_of_executed_units: *//p' "$work/log")"
}

# fuzz SECONDS NAME...: runs each corpus, then looks on for so long, as many targets at a time as there are processors;
# what is found stays in build/fuzz/work.
fuzz() {
  local seconds=$1 name
  shift
  build fuzz "${@/%/_fuzz}"
  begin_step "fuzz"
  for name in "$@"; do
    while [ "$(jobs -rp | wc -l)" -ge "$(nproc)" ]; do wait -n || true; done
    fuzz_one "$seconds" "$name" &
  done
  wait
  for name in "$@"; do
    if [ -f "build/fuzz/work/$name/failed" ]; then
      tail -n 60 "build/fuzz/work/$name/log" >&2
      fail_step "fuzz: $name; what it found is in build/fuzz/work/$name" "$(cat "build/fuzz/work/$name/failed")"
    fi
  done
}

# shellcheck shell=bash
# Shared by tools/check and tools/fuzz, which source it behind tools/lib/steps.sh. Two steps: "build fuzz", "fuzz".

# fuzz_targets: prints their names, without "_fuzz".
fuzz_targets() { basename -a -s _fuzz.cc tests/fuzz/*_fuzz.cc; }

# fuzz SECONDS NAME...: runs each corpus, then looks on for so long; what is found stays in build/fuzz/work.
fuzz() {
  local seconds=$1 name binary corpus work log
  shift
  build fuzz "${@/%/_fuzz}"
  begin_step "fuzz"
  for name in "$@"; do
    binary=build/fuzz/bin/${name}_fuzz
    corpus=tests/fuzz/corpus/$name
    work=build/fuzz/work/$name
    log=$work/log
    rm -rf "$work"
    mkdir -p "$work/corpus"
    if ! "$binary" -runs=0 "$corpus" > "$log" 2>&1; then
      tail -n 60 "$log" >&2
      fail_step "fuzz: the corpus of $name" "$binary -runs=0 $corpus"
    fi
    if ! "$binary" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
      -artifact_prefix="$work/" "$work/corpus" "$corpus" > "$log" 2>&1; then
      tail -n 60 "$log" >&2
      fail_step "fuzz: $name; the input it found is in $work" "$binary $work/crash-..."
    fi
    printf '  %s: %d files of corpus, then %d random inputs\n' "$name" "$(find "$corpus" -type f | wc -l)" \
      "$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")"
  done
}

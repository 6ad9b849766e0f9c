# shellcheck shell=bash
# Sourced by tools/check: how fast this machine compiles, and what makes a slow one faster.

# Where the file below takes 1.53 s, the build of `dev` took 49 minutes of processors, two of them, and its tests 28 beside
# other work; the other two builds are taken to be as large. So all of tools/check is about two hours there. Where it takes 11 s,
# the build of `dev` alone was a tenth done after an hour and a half.
pace_file=server/plan/cycle_check.cc
minutes_where_fast=120
hundredths_where_fast=153

# expected_minutes: prints how long tools/check --all would take here, from an empty compiler cache.
expected_minutes() {
  local best=0 now TIMEFORMAT=%U
  for _ in 1 2; do
    now=$({ time g++ -std=c++20 -fsyntax-only -I. "$pace_file"; } 2>&1 | tail -n 1)
    now=$((10#${now//[.,]/} / 10))
    if [ "$best" -eq 0 ] || [ "$now" -lt "$best" ]; then best=$now; fi
  done
  echo $((best * minutes_where_fast / hundredths_where_fast))
}

# with_large_pages COMMAND...: where memory is virtual twice, a page of 4 KB that the processor has forgotten costs
# microseconds, and a compiler asks for many: with pages of 2 MB it needs two thirds of the time. The machine's setting is
# changed, where it may be, while COMMAND runs.
with_large_pages() {
  local setting=/sys/kernel/mm/transparent_hugepage/enabled was="" result=0
  if [ -w "$setting" ]; then
    was=$(sed 's/.*\[\(.*\)\].*/\1/' "$setting")
    # shellcheck disable=SC2064 # What it was is known now. COMMAND may end the script.
    trap "echo '$was' > '$setting'" EXIT
    echo always > "$setting"
  fi
  GLIBC_TUNABLES=glibc.malloc.hugetlb=1 "$@" || result=$?
  if [ -n "$was" ]; then echo "$was" > "$setting"; fi
  trap - EXIT
  return "$result"
}

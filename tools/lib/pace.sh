# shellcheck shell=bash
# Sourced by tools/check: how fast this machine compiles, and what makes a slow one faster.

# Where the file below takes 0.95 s, the build of `dev` took 33 minutes and its tests 16, on two processors; the thread
# sanitizer's and the release's builds and tests are taken to be two thirds of that each. So all of tools/check is about
# 115 minutes there. Where it takes 11 s, the build of `dev` alone was a tenth done after an hour and a half.
pace_file=server/plan/cycle_check.cc
minutes_where_fast=115
hundredths_where_fast=95

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

#!/usr/bin/env bash
# What is promised of a mirror, on a real Citus cluster: the contract of all stores, populations, and servers and
# agents that are killed at each fault point, with mirror and source compared row by row after each.
#
#   tests/citus.sh postgresql://ROLE@COORDINATOR/DATABASE [BUILD]
#
# DATABASE is one that has no mirrors, and no other program's schemas named like theirs: what this makes there it
# takes away. ROLE is a superuser (tests change what only a superuser may, and look into indexes) that logs in
# without being asked: by trust, peer, a certificate, or `?passfile=FILE` in the URL. BUILD is a build folder with
# tests, by default build/release, which is built first. Exit code: 0 all is well, 1 something is not, 2 wrong
# usage, 77 nothing was done, since no cluster was named.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if [ "$#" -eq 0 ]; then
  echo "tests/citus.sh did nothing: no cluster was named. Type: tests/citus.sh postgresql://ROLE@COORDINATOR/DATABASE"
  exit 77
fi
if [ "$#" -gt 2 ] || [[ $1 != postgres*://* ]]; then
  sed -n '2,12s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
  exit 2
fi
url=$1

ask() { psql -X -q -A -t -v ON_ERROR_STOP=1 -d "$url" -c "$1"; }
ours="nspname LIKE 'Mirror\\_%' OR nspname = 'mirror_control' OR nspname ~ '^mirror_(import|aside)_[0-9a-f]+$'"

if ! version=$(ask "SELECT extversion FROM pg_extension WHERE extname = 'citus'"); then exit 2; fi
if [ -z "$version" ]; then
  echo "tests/citus.sh: that database has no Citus. Nothing was done: type CREATE EXTENSION citus there and at each worker" >&2
  exit 2
fi
if [ "$(ask "SELECT count(*) FROM pg_namespace WHERE $ours")" != 0 ]; then
  echo "tests/citus.sh: that database has mirrors. Nothing was done: name one without" >&2
  exit 2
fi
workers=$(ask "SELECT count(*) FROM pg_dist_node WHERE noderole = 'primary' AND isactive AND groupid > 0")
echo "Citus $version, $workers workers, PostgreSQL $(ask 'SHOW server_version')"

build=${2:-build/release}
if [ "$#" -eq 1 ]; then
  . tools/lib/steps.sh
  steps_all=1
  build release contract_test mirror-server mirror-agent mirrorctl
fi

failed=0
summary=()
# step NAME COMMAND...
step() {
  local name=$1 begun=$SECONDS
  shift
  printf '\n--- %s\n' "$name"
  if "$@"; then
    summary+=("passed  $name ($((SECONDS - begun)) s)")
  else
    summary+=("FAILED  $name ($((SECONDS - begun)) s)")
    failed=1
  fi
}

# One after the other: all of them have their mirror in the one schema, so those that need two are left out.
step "contract of all stores, populations among them" \
  env MIRROR_TEST_CITUS="$url" "$build/bin/contract_test" --gtest_brief=1 \
  --gtest_filter='*/Postgres:-*StoreContents*:*StoreValues.EveryTypeComesBackWithItsKindAndEveryBit*'
step "servers and agents killed at each fault point" \
  /usr/bin/python3 -B tests/torture/main.py --store postgres --citus "$url" --build "$build" --only crashes
step "lines that are cut" \
  /usr/bin/python3 -B tests/torture/main.py --store postgres --citus "$url" --build "$build" --only network

left=$(ask "SELECT string_agg(format('%I', nspname), ', ') FROM pg_namespace WHERE $ours")
printf '\n'
printf '%s\n' "${summary[@]}"
[ -z "$left" ] || echo "left there, for whoever looks into a failure: $left"
echo "not tried: a copy of one mirror beside the other, a worker that is killed, a coordinator that is killed, shards that are moved meanwhile"
exit "$failed"

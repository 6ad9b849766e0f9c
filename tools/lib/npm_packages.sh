#!/usr/bin/env bash
# Installs the npm packages of tests, into build/npm. See its --help.
set -euo pipefail

usage() {
  cat <<'TEXT'
Usage: tools/lib/npm_packages.sh FOLDER [--help]

Installs what FOLDER/package-lock.json names into build/npm/<name of FOLDER>/node_modules, unless it is there. The
packages' own scripts are not run, and nothing of them is shipped. If npm is missing and you are root, it is installed
(tools/setup).

Example: tools/lib/npm_packages.sh tests/openapi
Exit code: 0 the packages are there, 1 they are not (it says why), 2 wrong usage.
TEXT
}

case "${1:-}" in
  -h | --help) usage; exit 0 ;;
esac
if [ "$#" -ne 1 ]; then usage >&2; exit 2; fi

CDPATH="" cd "$(dirname "${BASH_SOURCE[0]}")/../.."
folder=${1%/}
if [ ! -r "$folder/package-lock.json" ]; then
  echo "tools/lib/npm_packages.sh: there is no $folder/package-lock.json" >&2
  exit 2
fi
into=build/npm/${folder##*/}
# The lock stands beside them from when they are all there.
if cmp -s "$folder/package-lock.json" "$into/package-lock.json"; then exit 0; fi

# A list by itself: an npm that came with another Node.js is no Debian package.
if ! command -v npm > /dev/null; then tools/setup --also npm; fi

mkdir -p build/npm
new=$(mktemp -d "$into.XXXXXX")
log=$(mktemp)
trap 'rm -rf "$new" "$log"' EXIT
cp "$folder/package.json" "$folder/package-lock.json" "$new"
for attempt in 1 2 3; do
  if npm ci --prefix "$new" --ignore-scripts --no-audit --no-fund > "$log" 2>&1 < /dev/null; then
    rm -rf "$into"
    mv "$new" "$into"
    exit 0
  fi
  if [ "$attempt" -lt 3 ]; then
    echo "tools/lib/npm_packages.sh: attempt $attempt of 3 failed ($(grep -m 1 '^npm ' "$log" || tail -n 1 "$log")); again in 10 s" >&2
    sleep 10
  fi
done
tail -n 20 "$log" >&2
echo "tools/lib/npm_packages.sh: the packages of $folder are not installed. The lines above are npm's last ones. Run the same command again." >&2
exit 1

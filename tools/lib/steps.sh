# shellcheck shell=bash
# Shared by tools/demo and others, which source it from the repository's root.
# Steps are named and counted; one that fails says which, and how to repeat it alone.

# Everything that is started here listens on loopback; gRPC would ask a proxy for it.
export no_proxy="127.0.0.1,localhost${no_proxy:+,$no_proxy}"

steps_all=0 # Set by the caller.
configure=()
steps_done=0

# begin_step NAME: prints "[2/4] build dev   (1:05 so far)".
begin_step() {
  steps_done=$((steps_done + 1))
  printf '\n[%d/%d] %s   (%d:%02d so far)\n' "$steps_done" "$steps_all" "$1" $((SECONDS / 60)) $((SECONDS % 60))
}

# fail_step NAME [COMMAND...]: ends the script; COMMAND is what repeats the step alone.
fail_step() {
  local name=$1
  shift
  {
    printf '\n%s: step %d of %d failed: %s\n' "$0" "$steps_done" "$steps_all" "$name"
    if [ "$#" -gt 0 ]; then printf 'To repeat it alone, in %s:\n  %s\n' "$PWD" "$*"; fi
  } >&2
  exit 1
}

# Of Ninja's lines, one for each tenth with the time left at the pace so far; everything else as it is.
tenths() {
  local line last=0 now ready of begin=$SECONDS took left
  while IFS= read -r line || [ -n "$line" ]; do
    if [[ $line =~ ^\[([0-9]+)/([0-9]+)\]\  ]]; then
      ready=${BASH_REMATCH[1]} of=${BASH_REMATCH[2]}
      now=$((10 * ready / of))
      if [ "$now" -gt "$last" ]; then
        took=$((SECONDS - begin)) left=""
        if [ "$ready" -lt "$of" ]; then
          left=$((took * (of - ready) / ready))
          left=$(printf ', about %d:%02d left' $((left / 60)) $((left % 60)))
        fi
        printf '  %3d %% (%d of %d), %d:%02d%s\n' $((10 * now)) "$ready" "$of" $((took / 60)) $((took % 60)) "$left"
        last=$now
      fi
    elif [[ $line != "ninja: "* || $line == *error* || $line == *stopped* ]]; then
      printf '%s\n' "$line"
    fi
  done
}

# Gigabytes that a build of a few programs needs.
build_gb=3

# need_build_folder PRESET: ends the script where build/PRESET cannot be written, or the disk has no room for a first build.
need_build_folder() {
  local folder=build/$1 free
  if ! { mkdir -p "$folder" && [ -w "$folder" ]; } 2> /dev/null; then
    echo "$0: $PWD/$folder cannot be written by $(id -un). Nothing was built. Make it yours, or use another clone." >&2
    exit 1
  fi
  free=$(($(df --output=avail -k . | tail -n 1) / 1000000))
  if [ "$free" -lt "$build_gb" ] && ! compgen -G "$folder/bin/*" > /dev/null; then
    echo "$0: $free GB are free on the disk of $PWD, and the build needs about $build_gb GB. Nothing was built. Make room, or clone to another disk." >&2
    exit 1
  fi
}

# build PRESET [TARGET...]: configures and builds into build/PRESET. `configure` in the caller has more words for CMake.
build() {
  local preset=$1 log compilers target_words=()
  shift
  if [ "$#" -gt 0 ]; then target_words=(--target "$@"); fi
  begin_step "build $preset"
  need_build_folder "$preset"
  log=$(mktemp)
  for _ in 1 2; do
    if ! cmake --preset "$preset" "${configure[@]}" > "$log" 2>&1; then
      cat "$log" >&2
      rm -f "$log"
      fail_step "build $preset: configure" "cmake --preset $preset ${configure[*]}"
    fi
    # A folder of another compiler: CMake began anew, and has lost the preset's flags.
    grep -q '^The following variables have changed' "$log" || break
  done
  rm -f "$log"
  compilers=$(/usr/bin/python3 -B tools/lib/check/machine.py)
  NINJA_STATUS='[%f/%t] ' cmake --build --preset "$preset" -j "$compilers" "${target_words[@]}" 2>&1 | tenths || fail_step "build $preset" "cmake --preset $preset ${configure[*]} && cmake --build --preset $preset ${target_words[*]}"
}

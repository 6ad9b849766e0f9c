# shellcheck shell=bash
# Shared by tools/check and tools/demo, which source it from the repository's root.
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

# Ninja prints a line for each file when nobody looks; here one for each tenth, and everything else as it is.
tenths() {
  local line last=0 now
  while IFS= read -r line || [ -n "$line" ]; do
    if [[ $line =~ ^\[([0-9]+)/([0-9]+)\]\  ]]; then
      now=$((10 * BASH_REMATCH[1] / BASH_REMATCH[2]))
      if [ "$now" -gt "$last" ]; then
        printf '  %3d %% (%d of %d)\n' $((10 * now)) "${BASH_REMATCH[1]}" "${BASH_REMATCH[2]}"
        last=$now
      fi
    elif [[ $line != "ninja: "* || $line == *error* || $line == *stopped* ]]; then
      printf '%s\n' "$line"
    fi
  done
}

# build PRESET [TARGET...]: configures and builds into build/PRESET. `configure` in the caller has more words for CMake.
build() {
  local preset=$1 log target_words=()
  shift
  if [ "$#" -gt 0 ]; then target_words=(--target "$@"); fi
  begin_step "build $preset"
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
  if [ -t 1 ]; then
    NINJA_STATUS='[%f/%t] ' cmake --build --preset "$preset" "${target_words[@]}"
  else
    NINJA_STATUS='[%f/%t] ' cmake --build --preset "$preset" "${target_words[@]}" 2>&1 | tenths
  fi || fail_step "build $preset" "cmake --preset $preset ${configure[*]} && cmake --build --preset $preset ${target_words[*]}"
}

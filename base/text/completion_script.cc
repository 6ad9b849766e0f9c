// What a shell reads to complete a program. All that is known of commands and options is in the program.
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "base/text/completion.h"

namespace mirror::cli {
namespace {

// Readline takes ':' and '=' for ends of words; the program gets words as a shell would run it with them, and
// of a candidate only what stands behind the last of these is put in. A word is quoted: names come from
// others.
constexpr char kBash[] = R"(# bash completion of PROGRAM: source <(PROGRAM completion bash)
_FUNCTION() {
  local rest=${COMP_LINE:0:COMP_POINT} words=() word line prefix i
  for ((i = 0; i <= COMP_CWORD; i++)); do
    if ((i > 0)) && [[ $rest != [[:space:]]* ]]; then
      words[-1]+=${COMP_WORDS[i]}
    else
      words+=("${COMP_WORDS[i]}")
    fi
    rest=${rest#"${rest%%[![:space:]]*}"}
    ((i < COMP_CWORD)) || words[-1]=${words[-1]%"${COMP_WORDS[i]}"}$rest
    rest=${rest#"${COMP_WORDS[i]}"}
  done
  word=${words[-1]#[\"\']}
  prefix=${word%"${word##*[=:]}"}
  local program
  program=$(type -P -- "${words[0]/#\~\//$HOME/}") || program=PROGRAM
  COMPREPLY=()
  while IFS= read -r line; do
    case $line in
      :files) compopt -o default ;;
      :folders) compopt -o dirnames ;;
      :none) ;;
      *)
        line=${line%%$'\t'*}
        printf -v line %q "${line#"$prefix"}"
        COMPREPLY+=("$line")
        ;;
    esac
  done < <("$program" complete -- "${words[@]:1:${#words[@]}-2}" "$word" 2>/dev/null)
}
complete -F _FUNCTION PROGRAM
)";

constexpr char kZsh[] = R"(#compdef PROGRAM
# zsh completion of PROGRAM: as the file _PROGRAM in a folder of fpath, or source <(PROGRAM completion zsh)
_FUNCTION() {
  local -a candidates
  local line name besides=:none program=${(Q)words[1]/#\~\//$HOME/}
  local before=("${(@Q)words[2,CURRENT-1]}")
  for line in "${(@f)$("$program" complete -- "${before[@]}" "${(Q)PREFIX}" 2>/dev/null)}"; do
    name=${line%%$'\t'*}
    name=${name//\\/\\\\}
    case $line in
      :files|:folders|:none) besides=$line ;;
      *$'\t'*) candidates+=("${name//:/\\:}:${line#*$'\t'}") ;;
      ?*) candidates+=("${name//:/\\:}") ;;
    esac
  done
  (( $#candidates )) && _describe PROGRAM candidates
  [[ $besides == :none ]] && return
  compset -P '--*='
  if [[ $besides == :folders ]]; then _files -/; else _files; fi
}
if [[ $funcstack[1] == _PROGRAM ]]; then _FUNCTION "$@"; else compdef _FUNCTION PROGRAM; fi
)";

constexpr char kFish[] = R"(# fish completion of PROGRAM: PROGRAM completion fish | source
function _FUNCTION
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l program (string replace -r '^~/' "$HOME/" -- $words[1])
    set -e words[1]
    for line in ($program complete -- $words "$current" 2>/dev/null)
        set -l value (string replace -r '^--[^=]*=' '' -- $current)
        set -l option (string replace -r '^(--[^=]*=)?.*' '$1' -- $current)
        switch $line
            case :files
                string replace -r '^' -- "$option" (__fish_complete_path "$value")
            case :folders
                string replace -r '^' -- "$option" (__fish_complete_directories "$value" '')
            case :none
            case '*'
                echo $line
        end
    end
end
complete -c PROGRAM -f -a '(_FUNCTION)'
)";

}  // namespace

const std::vector<std::string>& ShellsToComplete() {
  static const auto* const shells = new std::vector<std::string>{"bash", "zsh", "fish"};
  return *shells;
}

std::string CompletionScript(const std::string& shell, const std::string& program) {
  const char* const script = shell == "bash" ? kBash : shell == "zsh" ? kZsh : kFish;
  // Some shells take no dashes in the names of functions.
  const std::string function = absl::StrCat(absl::StrReplaceAll(program, {{"-", "_"}}), "_completion");
  return absl::StrReplaceAll(script, {{"FUNCTION", function}, {"PROGRAM", program}});
}

}  // namespace mirror::cli

// The scripts for shells. They know no commands and options: they ask the program.
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "base/text/completion.h"

namespace mirror::cli {
namespace {

// The script parses the line as a shell does, because bash's own list of words still has the quotes and
// backslashes. Readline inserts a candidate after the last character that it treats as the end of a word
// (except an @, which it replaces, too), or after an open quote. Therefore the script removes the part of the
// word before that place. Inserted text is quoted, because names may contain any character. Readline closes a
// quote, except if a candidate ends with one. Words after < and > are files, not words of the program.
constexpr char kBash[] = R"sh(# bash completion of PROGRAM: source <(PROGRAM completion bash)
_FUNCTION() {
  local line=${COMP_LINE:0:COMP_POINT} words=() word= begun= open= kept= before= file= sign i
  for ((i = 0; i < ${#line}; i++)); do
    sign=${line:i:1}
    case ${open:-.}$sign in
      "''" | '""') open= ;;
      '"\') sign=${line:$((++i)):1}; [[ $sign == [\"\\\$\`] ]] || word+=\\; word+=$sign ;;
      \'? | \"?) word+=$sign ;;
      .\' | .\") open=$sign before=$word begun=1 ;;
      .\\) word+=${line:$((++i)):1} begun=1 ;;
      .[[:space:]])
        [[ $begun && ! $file ]] && words+=("$word")
        [[ $word == *[!\<\>\|\&] ]] && file=
        word= kept= begun=
        ;;
      .\< | .\>) file=1 word+=$sign begun=1 ;;
      *) [[ $COMP_WORDBREAKS == *"$sign"* ]] && kept=$word${sign#@}; word+=$sign begun=1 ;;
    esac
  done
  [[ $open ]] && kept=$before
  COMPREPLY=()
  if [[ $file ]]; then compopt -o default; return; fi
  local program
  program=$(type -P -- "${words[0]/#\~\//$HOME/}") || program=PROGRAM
  while IFS= read -r line; do
    case $line in
      :files) compopt -o default ;;
      :folders) compopt -o dirnames ;;
      :none) ;;
      *)
        line=${line%%$'\t'*}
        line=${line#"$kept"}
        case $open in
          \') line=${line//\'/\'\\\'\'} ;;
          \")
            line=${line//\\/\\\\} line=${line//\"/\\\"}
            line=${line//\$/\\\$} line=${line//\`/\\\`}
            ;;
          *) printf -v line %q "$line" ;;
        esac
        [[ $open && $line == *"$open" ]] && line+=$open
        COMPREPLY+=("$line")
        ;;
    esac
  done < <("$program" complete -- "${words[@]:1}" "$word" 2>/dev/null)
}
complete -F _FUNCTION PROGRAM
)sh";

constexpr char kZsh[] = R"(#compdef PROGRAM
# zsh completion of PROGRAM: as the file _PROGRAM in a folder of fpath, or source <(PROGRAM completion zsh),
# in ~/.zshrc behind 'compinit' where there is one
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
if [[ $funcstack[1] == _PROGRAM ]]; then
  _FUNCTION "$@"
else
  (( $+functions[compdef] )) || { autoload -Uz compinit && compinit -i }
  compdef _FUNCTION PROGRAM
fi
)";

constexpr char kFish[] = R"(# fish completion of PROGRAM: PROGRAM completion fish | source
function _FUNCTION
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    if string match -qr '[\\\\\'"]' -- $current
        for quote in '' '"' "'"
            set -l plain (string unescape -- $current$quote)
            and set current $plain
            and break
        end
    end
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
  // Some shells allow no dashes in names of functions.
  const std::string function = absl::StrCat(absl::StrReplaceAll(program, {{"-", "_"}}), "_completion");
  return absl::StrReplaceAll(script, {{"FUNCTION", function}, {"PROGRAM", program}});
}

}  // namespace mirror::cli

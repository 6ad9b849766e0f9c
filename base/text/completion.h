#ifndef MIRROR_BASE_TEXT_COMPLETION_H_
#define MIRROR_BASE_TEXT_COMPLETION_H_

#include <string>
#include <vector>

#include "base/text/command_tree.h"

namespace mirror::cli {

struct Candidate {
  std::string word;
  std::string help = {};
};

struct Completion {
  std::vector<Candidate> candidates = {};
  Besides besides = Besides::kNothing;
};

/// Returns the possible words in the place of `current`, which is the beginning of a word, or empty. `words`:
/// the complete words before it, without the program's name.
Completion Complete(const CommandTree& program, const std::vector<std::string>& words,
                    const std::string& current);

/// Formats completions for the scripts: a line for each candidate, "word" or "word<TAB>help", and as the last
/// line ":files", ":folders" or ":none".
std::string CompletionLines(const Completion& completion);

/// Returns the shells that have a script.
const std::vector<std::string>& ShellsToComplete();

/// Returns the script with which a user's shell completes a program; the script has no list of options, but
/// calls the program for each completion. `shell` is one of ShellsToComplete().
std::string CompletionScript(const std::string& shell, const std::string& program);

}  // namespace mirror::cli

#endif  // MIRROR_BASE_TEXT_COMPLETION_H_

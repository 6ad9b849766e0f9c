#ifndef MIRROR_BASE_TEXT_COMMAND_TREE_H_
#define MIRROR_BASE_TEXT_COMMAND_TREE_H_

#include <functional>
#include <map>
#include <string>
#include <vector>

// A program's commands and options as plain values: source of its manual page and its completion.
namespace mirror::cli {

/// The line before the word that is completed.
struct TypedLine {
  /// Keyed by an option's last name ("--config") or an argument's name ("context_id"). A flag has no values.
  std::map<std::string, std::vector<std::string>> values;

  /// Returns the last value of an option or argument; empty: there is none.
  std::string Value(const std::string& name) const {
    const auto found = values.find(name);
    return found == values.end() || found->second.empty() ? std::string() : found->second.back();
  }
};

/// Completions of a shell besides the given words.
enum class Besides { kNothing, kFiles, kFolders };

/// Returns possible next words; the caller removes words that do not begin like the typed one.
using Completer = std::function<std::vector<std::string>(const TypedLine&)>;

/// An option, or an argument.
struct OptionTree {
  std::vector<std::string> names;  ///< "-h", "--help"; for an argument its only name, without dashes.
  std::string form = {};           ///< Text after the names in the help: " FILE".
  std::string help = {};           ///< Including range, default, variable and the like.
  std::string brief = {};          ///< Without these.
  std::string variable = {};       ///< Environment variable that is used instead; empty: none.
  bool required = false;
  int least = 1, most = 1;  ///< Number of values after it; `most` 0: it is a flag.
  bool repeats = false;     ///< May be given several times.
  std::vector<std::string> choices = {};
  Besides besides = Besides::kNothing;
  Completer asks = {};

  const std::string& name() const { return names.back(); }
};

/// A command, or the program itself.
struct CommandTree {
  std::string name;
  std::string help = {};
  std::string usage = {};  ///< "mirrorctl hold list [OPTIONS] [context_id]"
  std::string footer = {};
  bool options_behind = false;  ///< Its options are also allowed after its commands.
  std::vector<OptionTree> options = {};
  std::vector<OptionTree> arguments = {};
  std::vector<CommandTree> commands = {};
};

}  // namespace mirror::cli

#endif  // MIRROR_BASE_TEXT_COMMAND_TREE_H_

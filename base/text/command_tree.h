#ifndef MIRROR_BASE_TEXT_COMMAND_TREE_H_
#define MIRROR_BASE_TEXT_COMMAND_TREE_H_

#include <functional>
#include <map>
#include <string>
#include <vector>

// A program's commands and options as plain values: its manual page and its completion are made of them.
namespace mirror::cli {

/// What stands on a line before the word that is completed.
struct TypedLine {
  /// By the last name of an option ("--config") or the name of an argument ("context_id"). A flag has none.
  std::map<std::string, std::vector<std::string>> values;

  /// The last value of an option or argument; empty: there is none.
  std::string Value(const std::string& name) const {
    const auto found = values.find(name);
    return found == values.end() || found->second.empty() ? std::string() : found->second.back();
  }
};

/// What a shell may complete besides the words that it is given.
enum class Besides { kNothing, kFiles, kFolders };

/// Gives words that may follow; those that do not begin as the typed one are left out by whoever asks.
using Completer = std::function<std::vector<std::string>(const TypedLine&)>;

/// An option, or an argument.
struct OptionTree {
  std::vector<std::string> names;  ///< "-h", "--help"; of an argument its only one, without dashes.
  std::string form = {};           ///< What the help shows behind the names: " FILE".
  std::string help = {};           ///< With range, default, variable and the like.
  std::string brief = {};          ///< Without.
  std::string variable = {};       ///< Of the environment; empty: none stands in for it.
  bool required = false;
  int least = 1, most = 1;  ///< How many values stand behind it; `most` 0: it is a flag.
  bool repeats = false;     ///< May be given again.
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
  bool options_behind = false;  ///< Its options may also stand behind its commands.
  std::vector<OptionTree> options = {};
  std::vector<OptionTree> arguments = {};
  std::vector<CommandTree> commands = {};
};

}  // namespace mirror::cli

#endif  // MIRROR_BASE_TEXT_COMMAND_TREE_H_

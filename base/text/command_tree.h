#ifndef MIRROR_BASE_TEXT_COMMAND_TREE_H_
#define MIRROR_BASE_TEXT_COMMAND_TREE_H_

#include <functional>
#include <map>
#include <string>
#include <vector>

// A program's commands and options as plain values. Its manual page and its completion are made from them.
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

/// Words that a shell offers in addition to those of the program.
enum class Besides { kNothing, kFiles, kFolders };

/// Returns the possible words. The caller removes those that do not begin as the typed word does.
using Completer = std::function<std::vector<std::string>(const TypedLine&)>;

/// An option, or an argument.
struct OptionTree {
  /// Names such as "-h" and "--help"; an argument has one name, without dashes.
  std::vector<std::string> names;
  std::string form = {};   ///< Text after the names in the help, such as " FILE".
  std::string help = {};   ///< Help with range, default value, variable and the like.
  std::string brief = {};  ///< Help without these.
  /// Environment variable that is used if the option is absent; empty: none.
  std::string variable = {};
  bool required = false;
  int least = 1, most = 1;  ///< Number of values that follow the option; `most` 0: it is a flag.
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
  std::string usage = {};  ///< Such as "mirrorctl hold list [OPTIONS] [context_id]".
  std::string footer = {};
  bool options_behind = false;  ///< Its options are also allowed after its commands.
  std::vector<OptionTree> options = {};
  std::vector<OptionTree> arguments = {};
  std::vector<CommandTree> commands = {};
};

}  // namespace mirror::cli

#endif  // MIRROR_BASE_TEXT_COMMAND_TREE_H_

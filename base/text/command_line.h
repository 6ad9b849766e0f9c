#ifndef MIRROR_BASE_TEXT_COMMAND_LINE_H_
#define MIRROR_BASE_TEXT_COMMAND_LINE_H_

#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "base/text/command_tree.h"
#include "base/text/manual_page.h"

namespace CLI {
class App;
class Option;
}  // namespace CLI

// Programs, their commands and options. Only command_line.cc includes CLI11, because compiling its header
// takes long.
namespace mirror::cli {

struct CommandNotes;

/// An option or argument of a command. A handle: a copy is the same option. Valid as long as its Program.
class Option {
 public:
  Option(CLI::Option* option, CommandNotes* notes) : option_(option), notes_(notes) {}

  Option Required(bool required = true) const;
  /// Makes the help show the option's default value.
  Option ShowDefault() const;
  /// Allows values from one limit to another, and shows both in the help. `advice` is added to the error for
  /// another value. Instantiated for int, std::int64_t, std::uint32_t and double.
  template <typename Number>
  Option Within(Number least, Number most, const std::string& advice = "") const;
  Option OneOf(const std::vector<std::string>& words) const;
  Option ExistingFile() const;
  Option ExistingFolder() const;
  /// Sets the number of values that follow the option; `most` -1: any number.
  Option Values(int least, int most) const;
  /// Allows the option several times, and takes all values.
  Option TakeAll() const;
  /// Takes each value unchanged, as many as Values() says: otherwise "[a,b]" would become two values.
  Option AsItStands() const;
  Option Delimiter(char delimiter) const;
  /// Sets the name of the value in the help.
  Option ValueName(const std::string& name) const;
  /// Sets the environment variable that is used if the option is absent.
  Option Variable(const std::string& name) const;
  Option Needs(const Option& other) const;
  Option Excludes(const Option& other) const;
  /// Sets how a shell completes the value, if neither OneOf(), ExistingFile() nor ExistingFolder() applies.
  Option Completes(Besides besides) const;
  Option Completes(Completer asks) const;

  bool given() const;

 private:
  CLI::Option* option_;
  CommandNotes* notes_;
};

/// A command of a program, or the program itself. A handle: a copy is the same command. Valid as long as its
/// Program. Settings of a command (footer, RequireCommand) are inherited by commands that are added to it
/// later.
class Command {
 public:
  Command(CLI::App* app, CommandNotes* notes) : app_(app), notes_(notes) {}

  Command AddCommand(const std::string& name, const std::string& help) const;
  /// Adds an option that sets `value`, which must outlive the program's Parse(). A name without dashes makes
  /// an argument. Instantiated for std::string, a vector of them, int, std::uint32_t, std::uint64_t and
  /// double.
  template <typename Value>
  Option Add(const std::string& name, Value& value, const std::string& help) const;
  Option AddFlag(const std::string& name, bool& value, const std::string& help) const;
  /// Returns an option that was added to this command.
  Option Find(const std::string& name) const;
  Command FindCommand(const std::string& name) const;

  /// Sets the last lines of the help.
  void Footer(const std::string& text) const;
  void RequireCommand() const;
  /// Adds a check that runs when all words of the command are read. Checks run in the order in which they
  /// were added, until one fails. `check` returns the text of the error; empty: no error.
  void Check(std::function<std::string()> check) const;
  /// Sets the command's action, which Parse() calls.
  void Run(std::function<void()> run) const;

  bool given() const;
  /// Returns true if one of the commands of this command was given.
  bool command_given() const;

 protected:
  CLI::App* app_;
  CommandNotes* notes_;
};

/// Result of parsing a command line.
struct Outcome {
  /// The program printed the answer to --help, --version or a shell's request; there is nothing else to do.
  bool answered = false;
  /// Text of the error in the command line. For an unknown command or option it has the most similar known
  /// one. Empty: there is no error, and the command has run.
  std::string wrong = {};
};

/// A program's command line. Lines of its help fit the width of the terminal.
class Program : public Command {
 public:
  /// Empty `name`: the name of the program's file is used.
  Program(const std::string& help, const std::string& name, const std::string& version);
  ~Program();
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  /// Allows the program's options after a command, too. Call it before commands are added.
  void OptionsBehindCommands() const;
  /// Adds the commands for help and shells; call it after all other commands are added. These are 'help
  /// COMMAND' and 'completion SHELL' and two that the help does not list: 'manual' prints the page for man,
  /// and the shells' scripts call 'complete -- WORD... CURRENT'. In a program without commands, the first
  /// word may be one of these four.
  void SpeakToShells(AboutProgram about) const;
  /// Returns its commands and options as plain values.
  CommandTree Describe() const;
  /// Parses the command line and runs the command. `out` receives the output of --help, --version and the
  /// commands of SpeakToShells().
  Outcome Parse(int argc, const char* const* argv, std::ostream& out) const;

 private:
  Program(std::unique_ptr<CLI::App> app, std::unique_ptr<CommandNotes> notes);
  Outcome Speak(const std::string& word, const std::vector<std::string>& words, const std::string& called,
                std::ostream& out) const;

  std::unique_ptr<CLI::App> program_;
  std::unique_ptr<CommandNotes> kept_notes_;
};

}  // namespace mirror::cli

#endif  // MIRROR_BASE_TEXT_COMMAND_LINE_H_

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

// Programs, their commands and options. CLI11 is behind it, and in no other file of a program: its header is
// most of the time that such a file takes to compile.
namespace mirror::cli {

struct CommandNotes;

/// An option or argument of a command. A handle: a copy is the same option. Lives as long as its Program.
class Option {
 public:
  Option(CLI::Option* option, CommandNotes* notes) : option_(option), notes_(notes) {}

  Option Required(bool required = true) const;
  /// The help says what the value is without the option.
  Option ShowDefault() const;
  /// Instantiated for int, std::int64_t, std::uint32_t and double: the help says both. `advice` stands behind
  /// the refusal of another value.
  template <typename Number>
  Option Within(Number least, Number most, const std::string& advice = "") const;
  Option OneOf(const std::vector<std::string>& words) const;
  Option ExistingFile() const;
  Option ExistingFolder() const;
  /// How many values stand behind it; `most` -1: any number.
  Option Values(int least, int most) const;
  /// Given several times it is all of the values.
  Option TakeAll() const;
  /// One value, as it stands, each time that the option is given (or so many as Values() says): "[a,b]" would
  /// be two otherwise.
  Option AsItStands() const;
  Option Delimiter(char delimiter) const;
  /// What the help calls the value.
  Option ValueName(const std::string& name) const;
  /// The variable of the environment that stands in for the option.
  Option Variable(const std::string& name) const;
  Option Needs(const Option& other) const;
  Option Excludes(const Option& other) const;
  /// What a shell completes its value with, besides OneOf(), ExistingFile() and ExistingFolder().
  Option Completes(Besides besides) const;
  Option Completes(Completer asks) const;

  bool given() const;

 private:
  CLI::Option* option_;
  CommandNotes* notes_;
};

/// A command of a program, or the program itself. A handle: a copy is the same command. Lives as long as its
/// Program. What is set for a command (footer, RequireCommand) is also set for those that are added to it
/// later.
class Command {
 public:
  Command(CLI::App* app, CommandNotes* notes) : app_(app), notes_(notes) {}

  Command AddCommand(const std::string& name, const std::string& help) const;
  /// `value` is set by the option, and outlives the program's Parse(). Instantiated for std::string, a vector
  /// of them, int, std::uint32_t, std::uint64_t and double. A name without dashes is an argument's.
  template <typename Value>
  Option Add(const std::string& name, Value& value, const std::string& help) const;
  Option AddFlag(const std::string& name, bool& value, const std::string& help) const;
  /// One that was added to this command.
  Option Find(const std::string& name) const;
  Command FindCommand(const std::string& name) const;

  /// The last lines of the help.
  void Footer(const std::string& text) const;
  void RequireCommand() const;
  /// Asked when all words of the command are read, each of those that were added in its turn, until one finds
  /// something. The text says what is wrong with the words; empty: nothing.
  void Check(std::function<std::string()> check) const;
  /// What the command does, within Parse().
  void Run(std::function<void()> run) const;

  bool given() const;
  /// One of its own commands was given.
  bool command_given() const;

 protected:
  CLI::App* app_;
  CommandNotes* notes_;
};

/// What the words of a command line were.
struct Outcome {
  bool answered = false;  ///< --help, --version or what a shell asked for: was printed.
  /// What is wrong with the words; of a command or an option that there is not, with the one that was meant.
  /// Empty: nothing, and the command has run.
  std::string wrong = {};
};

/// A program's command line. Its help is in lines that fit a terminal.
class Program : public Command {
 public:
  /// Without a name it is called as its file is.
  Program(const std::string& help, const std::string& name, const std::string& version);
  ~Program();
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  /// The program's options may also stand behind a command. To be called before commands are added.
  void OptionsBehindCommands() const;
  /// To be called when all commands are added. The program then also has 'help COMMAND' and 'completion
  /// SHELL', and, not in its help, 'manual', which prints its page for man, and 'complete -- WORD...
  /// CURRENT', which the shells' scripts call. Where a program has no commands, its first word may be one of
  /// these four.
  void SpeakToShells(AboutProgram about) const;
  /// Its commands and options as plain values.
  CommandTree Describe() const;
  /// `out`: for --help, --version and what SpeakToShells() added.
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

#include "base/text/command_line.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/printable.h"
#include "base/text/nearest_word.h"
#include "base/text/text_stream.h"
#include "base/text/wrapped_text.h"

namespace mirror::cli {
namespace {

/// Help in lines that fit a terminal.
class HelpFormat : public CLI::Formatter {
 public:
  std::size_t width = kTextWidth;

  std::string make_help(const CLI::App* app, std::string name, CLI::AppFormatMode mode) const override {
    return WrappedText(CLI::Formatter::make_help(app, std::move(name), mode), /*indent=*/0, width);
  }
};

/// The program, or the innermost command that was given.
const CLI::App& Asked(const CLI::App& app) {
  const std::vector<CLI::App*> given = app.get_subcommands();
  return given.empty() ? app : Asked(*given.front());
}

std::vector<std::string> CommandsOf(const CLI::App& asked) {
  std::vector<std::string> names;
  for (const CLI::App* command : asked.get_subcommands([](const CLI::App*) { return true; })) {
    names.push_back(command->get_name());
  }
  return names;
}

/// With those of the commands around it, which may stand behind it, too.
std::vector<std::string> OptionsOf(const CLI::App& asked) {
  std::vector<std::string> names;
  for (const CLI::App* command = &asked; command != nullptr; command = command->get_parent()) {
    for (const CLI::Option* option : command->get_options([](const CLI::Option*) { return true; })) {
      for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
    }
  }
  return names;
}

std::string Unknown(const char* what, const std::string& word, const std::vector<std::string>& known) {
  return absl::StrCat("there is no ", what, " '", word, "'. Nothing was done.", DidYouMean(word, known));
}

/// What is wrong with the words of a command line; of a command or an option that there is not, with the one
/// that was meant.
std::string WrongUsageWords(const CLI::App& app, const CLI::ParseError& error) {
  const std::vector<std::string> unknown = app.remaining(true);
  const CLI::App& asked = Asked(app);
  const std::vector<std::string> commands = CommandsOf(asked);
  // They are what is wrong: that something else is missing comes of it.
  const auto option = std::find_if(unknown.begin(), unknown.end(),
                                   [](const std::string& word) { return word.starts_with("--"); });
  std::string words = error.what();
  if (!unknown.empty() && !commands.empty() && unknown.begin() != option) {
    words = Unknown("command", unknown.front(), commands);
  } else if (option != unknown.end()) {
    const std::string name = option->substr(0, option->find('='));
    const std::vector<std::string> known = OptionsOf(asked);
    const bool too_early = std::find(known.begin(), known.end(), name) != known.end();
    words = too_early ? absl::StrCat("'", name, "' belongs to the command '", asked.get_name(),
                                     "' and must follow it. Nothing was done.")
                      : Unknown("option", name, known);
  }
  return Printable(words);
}

}  // namespace

Option Option::Required(bool required) const {
  option_->required(required);
  return *this;
}

Option Option::ShowDefault() const {
  option_->capture_default_str();
  return *this;
}

template <typename Number>
Option Option::Within(Number least, Number most) const {
  option_->check(CLI::Range(least, most));
  return *this;
}

Option Option::OneOf(const std::vector<std::string>& words) const {
  option_->check(CLI::IsMember(words));
  return *this;
}

Option Option::ExistingFile() const {
  option_->check(CLI::ExistingFile);
  return *this;
}

Option Option::ExistingFolder() const {
  option_->check(CLI::ExistingDirectory);
  return *this;
}

Option Option::Values(int least, int most) const {
  option_->expected(least, most);
  return *this;
}

Option Option::TakeAll() const {
  option_->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  return *this;
}

Option Option::AsItStands() const {
  option_->allow_extra_args(false);
  return *this;
}

Option Option::Delimiter(char delimiter) const {
  option_->delimiter(delimiter);
  return *this;
}

Option Option::ValueName(const std::string& name) const {
  option_->type_name(name);
  return *this;
}

Option Option::Variable(const std::string& name) const {
  option_->envname(name);
  return *this;
}

Option Option::Needs(const Option& other) const {
  option_->needs(other.option_);
  return *this;
}

Option Option::Excludes(const Option& other) const {
  option_->excludes(other.option_);
  return *this;
}

bool Option::given() const { return option_->count() > 0; }

template Option Option::Within(int least, int most) const;
template Option Option::Within(std::int64_t least, std::int64_t most) const;
template Option Option::Within(std::uint32_t least, std::uint32_t most) const;
template Option Option::Within(double least, double most) const;

Command Command::AddCommand(const std::string& name, const std::string& help) const {
  return Command(app_->add_subcommand(name, help));
}

template <typename Value>
Option Command::Add(const std::string& name, Value& value, const std::string& help) const {
  return Option(app_->add_option(name, value, help));
}

template Option Command::Add(const std::string&, std::string&, const std::string&) const;
template Option Command::Add(const std::string&, std::vector<std::string>&, const std::string&) const;
template Option Command::Add(const std::string&, int&, const std::string&) const;
template Option Command::Add(const std::string&, std::uint32_t&, const std::string&) const;
template Option Command::Add(const std::string&, std::uint64_t&, const std::string&) const;
template Option Command::Add(const std::string&, double&, const std::string&) const;

Option Command::AddFlag(const std::string& name, bool& value, const std::string& help) const {
  return Option(app_->add_flag(name, value, help));
}

Option Command::Find(const std::string& name) const { return Option(app_->get_option(name)); }

void Command::Footer(const std::string& text) const { app_->footer(text); }

void Command::RequireCommand() const { app_->require_subcommand(1); }

void Command::Check(std::function<std::string()> check) const {
  app_->parse_complete_callback([check = std::move(check)] {
    if (const std::string wrong = check(); !wrong.empty()) throw CLI::ValidationError(wrong);
  });
}

void Command::Run(std::function<void()> run) const { app_->callback(std::move(run)); }

bool Command::given() const { return app_->parsed(); }

Program::Program(const std::string& help, const std::string& name, const std::string& version)
    : Program(std::make_unique<CLI::App>(help, name)) {
  program_->formatter(std::make_shared<HelpFormat>());
  program_->set_version_flag("--version", version);
}

Program::Program(std::unique_ptr<CLI::App> app) : Command(app.get()), program_(std::move(app)) {}

Program::~Program() = default;

void Program::OptionsBehindCommands() const { program_->fallthrough(); }

Outcome Program::Parse(int argc, const char* const* argv, std::ostream& out) const {
  try {
    program_->parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() != 0) return {.wrong = WrongUsageWords(*program_, error)};
    static_cast<HelpFormat&>(*program_->get_formatter()).width = TerminalOf(out).width;
    program_->exit(error, AsItIs(out));  // --help or --version.
    return {.answered = true};
  }
  return {};
}

}  // namespace mirror::cli

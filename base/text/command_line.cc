#include "base/text/command_line.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/printable.h"
#include "base/text/completion.h"
#include "base/text/nearest_word.h"
#include "base/text/text_stream.h"
#include "base/text/wrapped_text.h"

namespace mirror::cli {

/// Data that CLI11 cannot store.
struct CommandNotes {
  struct OfOption {
    std::vector<std::string> choices = {};
    std::string range = {};  ///< Range of the option's value, such as "1 to 60".
    Besides besides = Besides::kNothing;
    Completer asks = {};
  };

  std::string version = {};
  std::map<const CLI::Option*, OfOption> options = {};
  std::map<const CLI::App*, std::vector<std::function<std::string()>>> checks = {};
  std::optional<AboutProgram> about = {};  ///< Absent: the program has no manual page or completion.
  const CLI::App *help = nullptr, *completion = nullptr;
  std::vector<std::string> words = {};  ///< The words after 'help' or 'complete'.
};

namespace {

constexpr char kHelp[] = "help", kManual[] = "manual", kCompletion[] = "completion", kComplete[] = "complete";

/// Returns the names of options, such as "--config and --wide", in a fixed order: CLI11's order differs in
/// each run.
std::string NamesOf(const std::set<CLI::Option*>& options) {
  std::set<std::string> names;
  for (const CLI::Option* option : options) names.insert(option->get_name());
  return absl::StrJoin(names, " and ");
}

/// Makes the help as sentences, in lines that fit a terminal. CLI11's own help would show how it stores a
/// value.
class HelpFormat : public CLI::Formatter {
 public:
  explicit HelpFormat(const CommandNotes& notes) : notes_(notes) {}

  std::size_t width = kTextWidth;

  /// Returns the text after an option's names: the name of its value.
  std::string make_option_opts(const CLI::Option* option) const override {
    if (option->get_positional() || option->get_type_size() == 0) return "";
    std::string name = option->get_type_name();
    if (name == "TEXT") {
      const CommandNotes::OfOption& notes = NotesOf(option);
      if (notes.besides == Besides::kFiles) name = "FILE";
      if (notes.besides == Besides::kFolders) name = "FOLDER";
      if (!notes.choices.empty()) name = "WORD";
    }
    const bool many = option->get_items_expected_max() > 1 && name.find("...") == std::string::npos;
    return absl::StrCat(" ", name, many ? "..." : "");
  }

  /// Returns the help, followed by further facts in brackets.
  std::string make_option_desc(const CLI::Option* option) const override {
    const CommandNotes::OfOption& notes = NotesOf(option);
    std::vector<std::string> facts;
    if (option->get_required() && !option->get_positional()) facts.emplace_back("required");
    if (!notes.choices.empty()) facts.push_back("one of " + absl::StrJoin(notes.choices, ", "));
    if (!notes.range.empty()) facts.push_back(notes.range);
    const std::string without = option->get_default_str();
    if (!without.empty()) facts.push_back("default: " + without);
    if (!option->get_envname().empty()) facts.push_back("or the variable " + option->get_envname());
    if (!option->get_needs().empty()) facts.push_back("only with " + NamesOf(option->get_needs()));
    if (!option->get_excludes().empty()) facts.push_back("not with " + NamesOf(option->get_excludes()));
    std::string text = option->get_description();
    if (facts.empty()) return text;
    const bool goes_on = text.ends_with(')');
    if (goes_on) text.pop_back();
    return absl::StrCat(text, goes_on ? "; " : " (", absl::StrJoin(facts, "; "), ")");
  }

  /// Returns the text for an argument after 'Usage:'.
  std::string make_option_usage(const CLI::Option* option) const override {
    const bool many = option->get_items_expected_max() > 1;
    const std::string name = absl::StrCat(option->get_name(true, false), many ? "..." : "");
    return option->get_required() ? name : absl::StrCat("[", name, "]");
  }

  std::string make_help(const CLI::App* app, std::string name, CLI::AppFormatMode mode) const override {
    return WrappedText(CLI::Formatter::make_help(app, std::move(name), mode), /*indent=*/0, width);
  }

 private:
  const CommandNotes::OfOption& NotesOf(const CLI::Option* option) const {
    static const auto* const none = new CommandNotes::OfOption;
    const auto found = notes_.options.find(option);
    return found == notes_.options.end() ? *none : found->second;
  }

  const CommandNotes& notes_;
};

/// Returns the program, or the innermost command that was given.
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

/// Returns the options of a command, and those of the outer commands, which are also allowed after it.
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

/// Returns the error for a word where only options are allowed.
std::string NoSuchWord(const std::string& word, const AboutProgram& about) {
  if (word == kHelp || word == kCompletion) {
    return absl::StrCat("'", word, "' must be the first word, as in '", about.name, " ", word,
                        word == kHelp ? "" : " bash", "'. Nothing was done.");
  }
  const std::string words = Unknown("command", word, {kHelp, kCompletion});
  if (words.ends_with('?')) return words;
  return absl::StrCat(words, " Leave it out: ", about.name, " takes only options.");
}

/// Returns the error for a word that is no command of this program. If it is a command of a program that is
/// installed with this one, the error says so.
std::string NoSuchCommand(const std::string& word, const CLI::App& asked, const CommandNotes& notes) {
  if (notes.about && asked.get_parent() == nullptr) {
    for (const auto& [program, commands] : notes.about->sisters) {
      if (std::find(commands.begin(), commands.end(), word) == commands.end()) continue;
      return absl::StrCat(Unknown("command", word, {}), " Did you mean '", program, " ", word, "'?");
    }
  }
  return Unknown("command", word, CommandsOf(asked));
}

/// Returns the text of the error in a command line. For an unknown command or option it has the most similar
/// known one.
std::string WrongUsageWords(const CLI::App& app, const CommandNotes& notes, const CLI::ParseError& error) {
  const std::vector<std::string> unknown = app.remaining(true);
  const CLI::App& asked = Asked(app);
  const std::vector<std::string> commands = CommandsOf(asked);
  // Reports unknown words and options first, because they can be the reason why another word is missing.
  const auto option = std::find_if(unknown.begin(), unknown.end(),
                                   [](const std::string& word) { return word.starts_with("--"); });
  std::string words = error.what();
  if (!unknown.empty() && !commands.empty() && unknown.begin() != option) {
    words = NoSuchCommand(unknown.front(), asked, notes);
  } else if (!unknown.empty() && unknown.begin() != option && notes.about && CommandsOf(app).empty()) {
    words = NoSuchWord(unknown.front(), *notes.about);
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

std::vector<const CLI::App*> CommandsBelow(const CLI::App& app) {
  return app.get_subcommands([](const CLI::App*) { return true; });
}

/// Returns the command of this name; null: there is none.
const CLI::App* CommandBelow(const CLI::App& app, const std::string& name) {
  for (const CLI::App* command : CommandsBelow(app)) {
    if (command->get_name() == name) return command;
  }
  return nullptr;
}

/// Returns a command's name after the names of the outer commands. `program`: the program's name.
std::string FullName(const CLI::App& app, const std::string& program) {
  if (app.get_parent() == nullptr) return program;
  return absl::StrCat(FullName(*app.get_parent(), program), " ", app.get_name());
}

/// Returns the output of '--help'.
std::string HelpOf(const CLI::App& app, const std::string& program) {
  return app.get_formatter()->make_help(&app, FullName(app, program), CLI::AppFormatMode::Normal);
}

OptionTree DescribeOption(const CLI::Option& option, const CommandNotes& notes) {
  // CLI11's "any number" is far larger than the number of words in a line.
  constexpr int kManyValues = 1 << 20;
  OptionTree tree;
  if (option.get_positional()) {
    tree.names = {option.get_name(true, false)};
  } else {
    for (const std::string& name : option.get_snames()) tree.names.push_back("-" + name);
    for (const std::string& name : option.get_lnames()) tree.names.push_back("--" + name);
  }
  const HelpFormat format(notes);
  tree.form = format.make_option_opts(&option);
  tree.help = format.make_option_desc(&option);
  tree.brief = option.get_description();
  tree.variable = option.get_envname();
  tree.required = option.get_required();
  tree.least = option.get_items_expected_min();
  tree.most = std::min(option.get_items_expected_max(), kManyValues);
  tree.repeats = tree.most > 1 || option.get_multi_option_policy() == CLI::MultiOptionPolicy::TakeAll;
  // The option takes one value each time that it is given, see Option::AsItStands().
  if (!option.get_positional() && !option.get_allow_extra_args() && tree.most == kManyValues) {
    tree.most = std::max(1, tree.least);
  }
  if (const auto found = notes.options.find(&option); found != notes.options.end()) {
    tree.choices = found->second.choices;
    tree.besides = found->second.besides;
    tree.asks = found->second.asks;
  }
  return tree;
}

CommandTree DescribeCommand(const CLI::App& app, const CommandNotes& notes, const std::string& program) {
  CommandTree tree{.name = app.get_parent() == nullptr ? program : app.get_name()};
  tree.help = app.get_description();
  const std::string usage = HelpFormat(notes).make_usage(&app, FullName(app, program));
  tree.usage = std::string(absl::StripAsciiWhitespace(usage.substr(usage.find(' '))));
  tree.footer = app.get_footer();
  tree.options_behind = app.get_fallthrough();
  for (const CLI::Option* option : app.get_options([](const CLI::Option*) { return true; })) {
    std::vector<OptionTree>& kind = option->get_positional() ? tree.arguments : tree.options;
    kind.push_back(DescribeOption(*option, notes));
  }
  for (const CLI::App* command : CommandsBelow(app)) {
    tree.commands.push_back(DescribeCommand(*command, notes, program));
  }
  return tree;
}

/// Runs 'help COMMAND...' for the words after 'help'.
Outcome PrintHelp(const CLI::App& program, const std::vector<std::string>& words, const std::string& called,
                  std::ostream& out) {
  const CLI::App* asked = &program;
  for (const std::string& word : words) {
    const CLI::App* const command = CommandBelow(*asked, word);
    if (command == nullptr) return {.wrong = Printable(Unknown("command", word, CommandsOf(*asked)))};
    asked = command;
  }
  out << HelpOf(*asked, called);
  return {.answered = true};
}

Outcome PrintScript(const std::vector<std::string>& words, const std::string& program, std::ostream& out) {
  const std::vector<std::string>& shells = ShellsToComplete();
  const std::string choices = absl::StrJoin(shells, ", ");
  if (words.size() != 1) return {.wrong = absl::StrCat("name one shell: ", choices)};
  if (std::find(shells.begin(), shells.end(), words.front()) == shells.end()) {
    return {.wrong = Printable(absl::StrCat("there is no completion for the shell '", words.front(),
                                            "', only for these: ", choices, ". Nothing was printed."))};
  }
  out << CompletionScript(words.front(), program);
  return {.answered = true};
}

constexpr char kCompletionHelp[] = "Print the script with which a shell completes commands and options";

/// Returns true if the line asks for help. It is enough that --help is anywhere in the line where an option
/// may be: the help shows the user what else is missing or wrong.
bool AsksForHelp(int argc, const char* const* argv) {
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--") return false;
    if (word == "--help" || word == "-h") return true;
  }
  return false;
}

/// Returns the names of shells, if the line has none yet.
std::vector<std::string> ShellToComplete(const TypedLine& line) {
  return line.Value("shell").empty() ? ShellsToComplete() : std::vector<std::string>();
}

/// Adds the argument of 'completion'.
void AddShell(const Command& completion, const std::string& program, std::vector<std::string>& words) {
  completion.Footer(
      absl::StrCat("Examples:\n  source <(", program, " completion bash)\n  ", program,
                   " completion fish | source\n"
                   "For bash, zsh and fish. The first lines of the output say where to put it."));
  completion.Add("shell", words, "bash, zsh or fish").Completes(ShellToComplete);
}

/// Adds the possible first words of a program without commands. `words`: the line, as for PrintCandidates().
void AddWords(const std::vector<std::string>& words, CommandTree& program) {
  const bool first = words.size() <= 2;
  if (!first && words[1] != kCompletion) return;
  program.commands = {{.name = kHelp, .help = "Show the help"},
                      {.name = kCompletion, .help = kCompletionHelp}};
  program.commands.back().arguments = {{.names = {"shell"}, .asks = ShellToComplete}};
}

/// Runs 'complete -- WORD... CURRENT' for the words after 'complete'.
Outcome PrintCandidates(const CommandTree& program, std::vector<std::string> words, std::ostream& out) {
  if (!words.empty() && words.front() == "--") words.erase(words.begin());
  std::string current;
  if (!words.empty()) {
    current = words.back();
    words.pop_back();
  }
  out << CompletionLines(Complete(program, words, current));
  return {.answered = true};
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
Option Option::Within(Number least, Number most, const std::string& advice) const {
  const CLI::Range range(least, most);
  const auto refusal = [range, advice](const std::string& value) {
    const std::string wrong = range(value);
    return wrong.empty() || advice.empty() ? wrong : absl::StrCat(wrong, ". ", advice);
  };
  option_->check(CLI::Validator(refusal, ""));
  notes_->options[option_].range = absl::StrCat(least, " to ", most);
  return *this;
}

Option Option::OneOf(const std::vector<std::string>& words) const {
  option_->check(CLI::IsMember(words).description(""));
  notes_->options[option_].choices = words;
  return *this;
}

Option Option::ExistingFile() const {
  option_->check(CLI::Validator(CLI::ExistingFile).description(""));
  return Completes(Besides::kFiles);
}

Option Option::ExistingFolder() const {
  option_->check(CLI::Validator(CLI::ExistingDirectory).description(""));
  return Completes(Besides::kFolders);
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

Option Option::Completes(Besides besides) const {
  notes_->options[option_].besides = besides;
  return *this;
}

Option Option::Completes(Completer asks) const {
  notes_->options[option_].asks = std::move(asks);
  return *this;
}

bool Option::given() const { return option_->count() > 0; }

template Option Option::Within(int least, int most, const std::string& advice) const;
template Option Option::Within(std::int64_t least, std::int64_t most, const std::string& advice) const;
template Option Option::Within(std::uint32_t least, std::uint32_t most, const std::string& advice) const;
template Option Option::Within(double least, double most, const std::string& advice) const;

Command Command::AddCommand(const std::string& name, const std::string& help) const {
  return Command(app_->add_subcommand(name, help), notes_);
}

template <typename Value>
Option Command::Add(const std::string& name, Value& value, const std::string& help) const {
  CLI::Option* const option = app_->add_option(name, value, help);
  if constexpr (std::is_arithmetic_v<Value>) option->type_name("NUMBER");
  return Option(option, notes_);
}

template Option Command::Add(const std::string&, std::string&, const std::string&) const;
template Option Command::Add(const std::string&, std::vector<std::string>&, const std::string&) const;
template Option Command::Add(const std::string&, int&, const std::string&) const;
template Option Command::Add(const std::string&, std::uint32_t&, const std::string&) const;
template Option Command::Add(const std::string&, std::uint64_t&, const std::string&) const;
template Option Command::Add(const std::string&, double&, const std::string&) const;

Option Command::AddFlag(const std::string& name, bool& value, const std::string& help) const {
  return Option(app_->add_flag(name, value, help), notes_);
}

Option Command::Find(const std::string& name) const { return Option(app_->get_option(name), notes_); }

Command Command::FindCommand(const std::string& name) const {
  return Command(app_->get_subcommand(name), notes_);
}

void Command::Footer(const std::string& text) const { app_->footer(text); }

void Command::RequireCommand() const { app_->require_subcommand(1); }

void Command::Check(std::function<std::string()> check) const {
  std::vector<std::function<std::string()>>& checks = notes_->checks[app_];
  checks.push_back(std::move(check));
  app_->parse_complete_callback([&checks] {
    for (const auto& each : checks) {
      if (const std::string wrong = each(); !wrong.empty()) throw CLI::ValidationError(wrong);
    }
  });
}

void Command::Run(std::function<void()> run) const { app_->callback(std::move(run)); }

bool Command::given() const { return app_->parsed(); }

bool Command::command_given() const { return !app_->get_subcommands().empty(); }

Program::Program(const std::string& help, const std::string& name, const std::string& version)
    : Program(std::make_unique<CLI::App>(help, name), std::make_unique<CommandNotes>()) {
  program_->formatter(std::make_shared<HelpFormat>(*notes_));
  program_->set_version_flag("--version", version);
  notes_->version = version;
}

Program::Program(std::unique_ptr<CLI::App> app, std::unique_ptr<CommandNotes> notes)
    : Command(app.get(), notes.get()), program_(std::move(app)), kept_notes_(std::move(notes)) {}

Program::~Program() = default;

void Program::OptionsBehindCommands() const { program_->fallthrough(); }

void Program::SpeakToShells(AboutProgram about) const {
  about.version = notes_->version;
  const std::string name = about.name;
  notes_->about = std::move(about);
  if (CommandsBelow(*program_).empty()) return;
  const Command help = AddCommand(kHelp, "Show the help of a command");
  help.Footer(absl::StrCat("Example:\n  ", name, " help completion"));
  help.Add("command", notes_->words, "A command, after the commands that it is under; none: the program")
      .Completes([this](const TypedLine& line) {
        const CLI::App* asked = program_.get();
        if (const auto typed = line.values.find("command"); typed != line.values.end()) {
          for (const std::string& word : typed->second) {
            asked = CommandBelow(*asked, word);
            if (asked == nullptr) return std::vector<std::string>();
          }
        }
        return CommandsOf(*asked);
      });
  AddShell(AddCommand(kCompletion, kCompletionHelp), name, notes_->words);
  notes_->help = program_->get_subcommand(kHelp);
  notes_->completion = program_->get_subcommand(kCompletion);
}

CommandTree Program::Describe() const {
  return DescribeCommand(*program_, *notes_, notes_->about ? notes_->about->name : program_->get_name());
}

Outcome Program::Speak(const std::string& word, const std::vector<std::string>& words,
                       const std::string& called, std::ostream& out) const {
  if (word == kHelp && notes_->help == nullptr && !words.empty()) {
    if (words != std::vector<std::string>{kCompletion})
      return {.wrong = Printable(NoSuchWord(words.front(), *notes_->about))};
    CLI::App completion(kCompletionHelp, kCompletion);
    CommandNotes notes;
    completion.formatter(program_->get_formatter());
    AddShell(Command(&completion, &notes), notes_->about->name, notes.words);
    out << HelpOf(completion, absl::StrCat(called, " ", kCompletion));
    return {.answered = true};
  }
  if (word == kHelp) return PrintHelp(*program_, words, called, out);
  if (word == kCompletion) return PrintScript(words, notes_->about->name, out);
  if (word == kComplete) {
    CommandTree program = Describe();
    if (notes_->help == nullptr) AddWords(words, program);
    return PrintCandidates(program, words, out);
  }
  out << ManualPage(Describe(), *notes_->about, DateOfSources());
  return {.answered = true};
}

Outcome Program::Parse(int argc, const char* const* argv, std::ostream& out) const {
  notes_->words.clear();
  static_cast<HelpFormat&>(*program_->get_formatter()).width = TerminalOf(out).width;
  const std::string called = program_->get_name().empty() && argc > 0 ? argv[0] : program_->get_name();
  if (notes_->about && argc > 1) {
    const std::string first = argv[1];
    const bool instead_of_command = notes_->help == nullptr && (first == kHelp || first == kCompletion);
    if (instead_of_command || first == kManual || first == kComplete) {
      return Speak(first, {argv + 2, argv + argc}, called, AsItIs(out));
    }
  }
  try {
    program_->parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) {
      program_->exit(error, AsItIs(out));  // The text for --help or --version.
    } else if (AsksForHelp(argc, argv)) {
      AsItIs(out) << program_->help();
    } else {
      return {.wrong = WrongUsageWords(*program_, *notes_, error)};
    }
    return {.answered = true};
  }
  for (const CLI::App* command : {notes_->help, notes_->completion}) {
    if (command == nullptr || !command->parsed()) continue;
    return Speak(command->get_name(), notes_->words, called, AsItIs(out));
  }
  return {};
}

}  // namespace mirror::cli

#include "base/text/command_line.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/printable.h"
#include "base/text/nearest_word.h"
#include "base/text/wrapped_text.h"

namespace mirror {
namespace {

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

}  // namespace

std::string HelpFormat::make_help(const CLI::App* app, std::string name, CLI::AppFormatMode mode) const {
  return WrappedText(CLI::Formatter::make_help(app, std::move(name), mode), /*indent=*/0);
}

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

}  // namespace mirror

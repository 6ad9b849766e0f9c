#include "base/text/manual_page.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <ctime>
#include <map>
#include <string_view>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"

namespace mirror::cli {
namespace {

/// Escapes a text so that man shows it unchanged, anywhere in a line.
std::string Escaped(std::string_view text) {
  return absl::StrReplaceAll(absl::string_view(text.data(), text.size()), {{"\\", "\\e"},
                                                                           {"-", "\\-"},
                                                                           {"'", "\\(aq"},
                                                                           {"\"", "\\(dq"},
                                                                           {"`", "\\(ga"},
                                                                           {"^", "\\(ha"},
                                                                           {"~", "\\(ti"},
                                                                           {"\t", "    "}});
}

/// Returns a line of text. A dot at its start is escaped, because man would treat it as a command.
std::string LineOf(std::string_view text) {
  return absl::StrCat(text.starts_with('.') ? "\\&" : "", Escaped(text), "\n");
}

std::string Bold(std::string_view text) { return absl::StrCat("\\fB", Escaped(text), "\\fR"); }

/// Keeps indented lines unchanged: users copy them.
std::string Text(const std::string& text) {
  std::string page;
  bool typed = false;
  const std::size_t begin = std::min(text.find_first_not_of('\n'), text.size());
  const absl::string_view lines = absl::StripTrailingAsciiWhitespace(absl::string_view(text).substr(begin));
  for (const absl::string_view line : absl::StrSplit(lines, '\n')) {
    const std::string_view whole(line.data(), line.size());
    if (const bool goes_in = whole.starts_with(' '); goes_in != typed) {
      page += goes_in ? absl::StrCat(page.empty() ? "" : ".PP\n", ".RS 4\n.nf\n") : ".fi\n.RE\n.PP\n";
      typed = goes_in;
    }
    page += whole.empty() ? ".PP\n" : LineOf(typed ? whole.substr(whole.find_first_not_of(' ')) : whole);
  }
  return page + (typed ? ".fi\n.RE\n" : "");
}

/// The parts of a program's footer that have their own sections.
struct Footer {
  std::string plain, status, examples;
};

Footer PartsOf(const std::string& text) {
  Footer footer;
  std::string* part = &footer.plain;
  bool typed = false;
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    std::string_view rest(line.data(), line.size());
    const bool goes_in = rest.starts_with(' ');
    if (typed && !goes_in) part = &footer.plain;
    typed = goes_in;
    while (!goes_in && !rest.empty()) {
      const std::size_t status = rest.find("Exit code"), example = rest.find("Example");
      if (status == 0) part = &footer.status;
      if (example == 0) part = &footer.examples;
      const std::size_t next = std::min(status == 0 ? rest.find("Exit code", 1) : status,
                                        example == 0 ? rest.find("Example", 1) : example);
      // The section's title replaces it.
      std::string_view here = rest.substr(0, next);
      for (const std::string_view label : {"Exit codes:", "Exit code:", "Examples:", "Example:"}) {
        if (here.starts_with(label)) here.remove_prefix(label.size());
      }
      absl::StrAppend(part, std::string(absl::StripAsciiWhitespace({here.data(), here.size()})), "\n");
      rest = next == std::string_view::npos ? std::string_view() : rest.substr(next);
    }
    if (goes_in) absl::StrAppend(part, std::string(rest), "\n");
  }
  return footer;
}

std::string Section(const char* title, const std::string& text) {
  return absl::StripAsciiWhitespace(text).empty() ? "" : absl::StrCat(".SH ", title, "\n", text);
}

std::string OptionText(const OptionTree& option) {
  const std::string names = absl::StrJoin(option.names, ", ", [](std::string* out, const std::string& name) {
    absl::StrAppend(out, Bold(name));
  });
  // Allows a long list of words to continue in the next line.
  const std::string form = absl::StrReplaceAll(Escaped(option.form), {{",", ",\\:"}});
  return absl::StrCat(".TP\n", names, form, "\n", LineOf(option.help));
}

std::string OptionsText(const std::vector<OptionTree>& options) {
  std::string text;
  for (const OptionTree& option : options) text += OptionText(option);
  return text;
}

/// Returns its options without those of the program, such as --help.
std::vector<OptionTree> OwnOptions(const CommandTree& command, const CommandTree& program) {
  std::vector<OptionTree> own;
  for (const OptionTree& option : command.options) {
    bool shared = false;
    for (const OptionTree& one : program.options) {
      shared = shared || (one.names == option.names && one.help == option.help);
    }
    if (!shared) own.push_back(option);
  }
  return own;
}

std::string CommandsText(const CommandTree& command, const CommandTree& program, const std::string& before) {
  std::string text;
  for (const CommandTree& one : command.commands) {
    const std::string name = absl::StrCat(before, one.name);
    absl::StrAppend(&text, ".SS ", Escaped(name), "\n", LineOf(one.help), ".PP\n", Bold(one.usage), "\n",
                    OptionsText(one.arguments), OptionsText(OwnOptions(one, program)));
    if (!one.footer.empty()) absl::StrAppend(&text, ".PP\n", Text(one.footer));
    text += CommandsText(one, program, name + " ");
  }
  return text;
}

void FindVariables(const CommandTree& command, std::map<std::string, std::string>& found) {
  for (const OptionTree& option : command.options) {
    if (!option.variable.empty()) found[option.variable] = option.name();
  }
  for (const CommandTree& one : command.commands) FindVariables(one, found);
}

std::string Environment(const CommandTree& program, const AboutProgram& about) {
  std::map<std::string, std::string> options;
  FindVariables(program, options);
  std::map<std::string, std::string> meanings = {
      {"COLUMNS", LineOf("How many characters a line on a terminal has; without it the terminal says so.")}};
  for (const auto& [variable, option] : options) {
    meanings[variable] = absl::StrCat("Stands in for ", Bold(option), ".\n");
  }
  for (const auto& [variable, meaning] : about.variables) meanings[variable] = LineOf(meaning);
  std::string text;
  for (const auto& [variable, meaning] : meanings) {
    absl::StrAppend(&text, ".TP\n", Bold(variable), "\n", meaning);
  }
  return text;
}

std::string Files(const AboutProgram& about) {
  std::string text;
  for (const auto& [path, meaning] : about.files) {
    absl::StrAppend(&text, ".TP\n", "\\fI", Escaped(path), "\\fR\n", LineOf(meaning));
  }
  return text;
}

std::string SeeAlso(const AboutProgram& about) {
  std::vector<std::string> pages;
  for (const std::string& page : about.see_also) {
    const std::size_t at = page.find('(');
    pages.push_back(absl::StrCat(Bold(page.substr(0, at)), page.substr(at)));
  }
  return pages.empty() ? "" : absl::StrCat(absl::StrJoin(pages, ",\n"), "\n");
}

/// Returns the help's first line for whatis: without the leading name and the final dot.
std::string Summary(const CommandTree& program, const AboutProgram& about) {
  std::string_view text = program.help;
  text = text.substr(0, text.find('\n'));
  if (text.starts_with(about.name + " ")) text.remove_prefix(about.name.size() + 1);
  if (text.ends_with('.')) text.remove_suffix(1);
  std::string summary(text);
  if (!summary.empty()) summary.front() = absl::ascii_tolower(static_cast<unsigned char>(summary.front()));
  return summary;
}

}  // namespace

std::string ManualPage(const CommandTree& program, const AboutProgram& about, const std::string& date) {
  const Footer footer = PartsOf(program.footer);
  return absl::StrCat(
      ".TH ", Escaped(absl::AsciiStrToUpper(about.name)), " ", about.section, " \"", Escaped(date), "\" \"",
      Escaped(about.version), "\" \"Partner Mirror\"\n",
      // Words of the command line must not be broken or spread.
      ".nh\n.ad l\n",  //
      Section("NAME", absl::StrCat(Escaped(about.name), " \\- ", Escaped(Summary(program, about)), "\n")),
      Section("SYNOPSIS", absl::StrCat(Bold(program.usage), "\n")),
      Section("DESCRIPTION",
              absl::StrCat(Text(program.help), footer.plain.empty() ? "" : ".PP\n" + Text(footer.plain))),
      Section("OPTIONS", OptionsText(program.options)),
      Section("COMMANDS", CommandsText(program, program, "")),
      Section("ENVIRONMENT", Environment(program, about)), Section("FILES", Files(about)),
      Section("EXIT STATUS", footer.status.empty() ? "" : Text(footer.status)),
      Section("EXAMPLES", footer.examples.empty() ? "" : Text(footer.examples)),
      Section("SEE ALSO", SeeAlso(about)));
}

std::string DateOfSources() {
  const char* const text = std::getenv("SOURCE_DATE_EPOCH");
  std::int64_t seconds = 0;
  if (text == nullptr || !absl::SimpleAtoi(text, &seconds)) return "";
  const std::time_t time = seconds;
  std::tm parts = {};
  std::array<char, 32> date = {};
  if (gmtime_r(&time, &parts) == nullptr) return "";
  return {date.data(), std::strftime(date.data(), date.size(), "%Y-%m-%d", &parts)};
}

}  // namespace mirror::cli

#include "base/text/completion.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/printable.h"

namespace mirror::cli {
namespace {

bool IsOption(const std::string& word) { return word.size() > 1 && word.front() == '-'; }

bool HasName(const OptionTree& option, const std::string& name) {
  return std::find(option.names.begin(), option.names.end(), name) != option.names.end();
}

/// A line up to the word that is completed.
class Line {
 public:
  explicit Line(const CommandTree& program) : path_{&program} {}

  void Read(const std::string& word) {
    if (TakesValue(word)) {
      typed_.values[option_->name()].push_back(word);
      if (++option_values_ >= option_->most) option_ = nullptr;
    } else if (!only_arguments_ && word == "--") {
      option_ = nullptr;
      only_arguments_ = true;
    } else if (!only_arguments_ && IsOption(word)) {
      ReadOption(word);
    } else {
      option_ = nullptr;
      ReadPlain(word);
    }
  }

  Completion Candidates(const std::string& current) const;

 private:
  const CommandTree& command() const { return *path_.back(); }

  /// Returns true if the option before the word takes the word as a value.
  bool TakesValue(const std::string& word) const {
    if (option_ == nullptr) return false;
    return option_values_ < option_->least || !IsOption(word);
  }

  /// Returns the command's options, and those of outer commands that are allowed after it.
  std::vector<const OptionTree*> Options() const {
    std::vector<const OptionTree*> options;
    for (auto level = path_.rbegin(); level != path_.rend(); ++level) {
      if (level != path_.rbegin() && !(*level)->options_behind) continue;
      for (const OptionTree& option : (*level)->options) {
        const bool shown = std::any_of(options.begin(), options.end(),
                                       [&](const OptionTree* one) { return one->name() == option.name(); });
        if (!shown) options.push_back(&option);
      }
    }
    return options;
  }

  const OptionTree* Find(const std::string& name) const {
    for (const OptionTree* option : Options()) {
      if (HasName(*option, name)) return option;
    }
    return nullptr;
  }

  void ReadOption(const std::string& word) {
    const std::size_t equals = word.find('=');
    const OptionTree* const option = Find(word.substr(0, equals));
    option_ = nullptr;
    if (option == nullptr) return;
    std::vector<std::string>& values = typed_.values[option->name()];
    if (equals != std::string::npos) {
      values.push_back(word.substr(equals + 1));
    } else if (option->most > 0) {
      option_ = option;
      option_values_ = 0;
    }
  }

  void ReadPlain(const std::string& word) {
    for (const CommandTree& next : command().commands) {
      if (next.name == word && !only_arguments_) {
        path_.push_back(&next);
        arguments_ = 0;
        return;
      }
    }
    if (const OptionTree* const argument = Argument()) typed_.values[argument->name()].push_back(word);
    ++arguments_;
  }

  /// Returns the argument for the next plain word; null: there is none.
  const OptionTree* Argument() const {
    int before = 0;
    for (const OptionTree& argument : command().arguments) {
      before += argument.most;
      if (arguments_ < before) return &argument;
    }
    return nullptr;
  }

  void AddValues(const OptionTree& option, const std::string& current, const std::string& prefix,
                 Completion& completion) const;
  void AddOptions(const std::string& current, Completion& completion) const;
  void AddCommands(const std::string& current, Completion& completion) const;
  void AddPlain(const std::string& current, Completion& completion) const;

  std::vector<const CommandTree*> path_;
  int arguments_ = 0;  ///< Number of plain words after the innermost command.
  bool only_arguments_ = false;
  const OptionTree* option_ = nullptr;  ///< The option that still takes values.
  int option_values_ = 0;
  TypedLine typed_;
};

void Line::AddValues(const OptionTree& option, const std::string& current, const std::string& prefix,
                     Completion& completion) const {
  std::vector<std::string> words = option.choices;
  if (option.asks) {
    for (std::string& word : option.asks(typed_)) words.push_back(std::move(word));
  }
  const auto given = typed_.values.find(option.name());
  for (const std::string& word : words) {
    // Skips untrusted words that could control the terminal, and words with a line break.
    if (word.empty() || !word.starts_with(current) || Printable(word) != word) continue;
    const bool again = given != typed_.values.end() && prefix.empty() &&
                       std::find(given->second.begin(), given->second.end(), word) != given->second.end();
    if (!again) completion.candidates.push_back({absl::StrCat(prefix, word)});
  }
  completion.besides = option.besides;
}

void Line::AddOptions(const std::string& current, Completion& completion) const {
  if (only_arguments_) return;
  for (const OptionTree* option : Options()) {
    const bool again = typed_.values.contains(option->name()) && !option->repeats;
    if (!again && option->name().starts_with(current)) {
      completion.candidates.push_back({option->name(), option->brief});
    }
  }
}

void Line::AddCommands(const std::string& current, Completion& completion) const {
  for (const CommandTree& next : command().commands) {
    if (next.name.starts_with(current)) completion.candidates.push_back({next.name, next.help});
  }
}

void Line::AddPlain(const std::string& current, Completion& completion) const {
  AddCommands(current, completion);
  const OptionTree* const argument = Argument();
  if (argument != nullptr) return AddValues(*argument, current, "", completion);
  // Options are offered only if there is nothing else: otherwise a shell would insert their common beginning,
  // "--".
  if (completion.candidates.empty() && current.empty()) AddOptions(current, completion);
}

Completion Line::Candidates(const std::string& current) const {
  Completion completion;
  const bool needed = option_ != nullptr && option_values_ < option_->least;
  if (needed) {
    AddValues(*option_, current, "", completion);
  } else if (!only_arguments_ && current.starts_with('-')) {
    const std::size_t equals = current.find('=');
    const OptionTree* const option = equals == std::string::npos ? nullptr : Find(current.substr(0, equals));
    if (option != nullptr && option->most > 0) {
      AddValues(*option, current.substr(equals + 1), current.substr(0, equals + 1), completion);
    } else {
      AddOptions(current, completion);
    }
  } else if (option_ != nullptr) {
    AddValues(*option_, current, "", completion);
    // An argument here would become a value of the option, but a command would not.
    AddCommands(current, completion);
  } else {
    AddPlain(current, completion);
  }
  return completion;
}

}  // namespace

Completion Complete(const CommandTree& program, const std::vector<std::string>& words,
                    const std::string& current) {
  Line line(program);
  for (const std::string& word : words) line.Read(word);
  return line.Candidates(current);
}

std::string CompletionLines(const Completion& completion) {
  std::string lines;
  for (const Candidate& candidate : completion.candidates) {
    const std::string help = Printable(candidate.help.substr(0, candidate.help.find('\n')));
    absl::StrAppend(&lines, candidate.word, help.empty() ? "" : "\t", help, "\n");
  }
  const Besides besides = completion.besides;
  return lines + (besides == Besides::kFiles     ? ":files\n"
                  : besides == Besides::kFolders ? ":folders\n"
                                                 : ":none\n");
}

}  // namespace mirror::cli

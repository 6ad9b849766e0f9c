#include "base/config/variables.h"

#include <unistd.h>

#include <algorithm>
#include <string_view>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/config/config_value.h"
#include "base/name_pattern.h"

namespace mirror {
namespace {

std::vector<std::string> VariablesOf(const std::string& prefix, const ConfigSection& section) {
  std::vector<std::string> names;
  for (const ConfigKey& key : section.keys) names.push_back(VariableOf(prefix, section.name, key.name));
  return names;
}

absl::Status Unknown(const ConfigForm& form, const std::string& name) {
  std::vector<std::string> all, sections;
  for (const ConfigSection& section : form.sections) {
    const std::vector<std::string> own = VariablesOf(form.prefix, section);
    if (name.starts_with(VariableOf(form.prefix, section.name, ""))) {
      return absl::InvalidArgumentError(
          absl::StrCat(name, " is not a variable of [", section.name, "]", Suggestion(name, own)));
    }
    all.insert(all.end(), own.begin(), own.end());
    sections.push_back(absl::StrCat("[", section.name, "]"));
  }
  const std::string near = NearestKnown(name, all);
  return absl::InvalidArgumentError(absl::StrCat(
      name, " is not a variable of this program; ",
      near.empty() ? absl::StrCat("keys of ", absl::StrJoin(sections, ", "), " have one, as ", all.front())
                   : absl::StrCat("did you mean '", near, "'?")));
}

}  // namespace

std::string VariableOf(const std::string& prefix, const std::string& section, const std::string& key) {
  return prefix + absl::AsciiStrToUpper(absl::StrCat(section, "_", key));
}

absl::Status CheckVariables(const ConfigForm& form) {
  if (form.prefix.empty()) return absl::OkStatus();
  std::vector<std::string> known;
  for (const ConfigSection& section : form.sections) {
    for (std::string& name : VariablesOf(form.prefix, section)) known.push_back(std::move(name));
  }
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const std::string_view name = text.substr(0, text.find('='));
    const bool says = text.size() > name.size() + 1;
    if (!says || !name.starts_with(form.prefix)) continue;
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    const bool passes =
        std::any_of(form.let_through.begin(), form.let_through.end(),
                    [name](const std::string& pattern) { return MatchesExactly(name, pattern); });
    if (!passes) return Unknown(form, std::string(name));
  }
  return absl::OkStatus();
}

}  // namespace mirror

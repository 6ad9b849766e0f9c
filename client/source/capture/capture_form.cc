#include "client/source/capture/capture_form.h"

#include <xxhash.h>

#include <algorithm>
#include <string_view>

#include "absl/strings/str_cat.h"

namespace mirror {
namespace {

std::string DigestOf(std::string_view text) {
  return absl::StrCat(absl::Hex(XXH3_64bits(text.data(), text.size()), absl::kZeroPad16));
}

}  // namespace

std::string WriteCaptureForm(const TableSchema& table, const CaptureRule& rule, const std::string& steps) {
  std::string form = absl::StrCat(ToString(rule.how), " ", rule.column);
  if (rule.by_column) absl::StrAppend(&form, "\nby column");
  for (const Column& column : table.columns) {
    absl::StrAppend(&form, "\n", column.key_position, " ", column.name);
    // Keys are remembered as values of their type.
    if (column.key_position > 0) absl::StrAppend(&form, " ", static_cast<int>(column.type));
  }
  // Where not all rows are looked at, those that are to be sent otherwise now would not be seen.
  if (rule.how != Strategy::kSynthetic && !steps.empty()) absl::StrAppend(&form, "\nsteps ", steps);
  return form;
}

LookedBy ReadLookedBy(const std::string& capture_form) {
  const std::string line = capture_form.substr(0, capture_form.find('\n'));
  const std::size_t space = std::min(line.find(' '), line.size());
  const std::string word = line.substr(0, space);
  return {ParseStrategy(word), word, space == line.size() ? "" : line.substr(space + 1)};
}

Form FormOf(Strategy strategy, const std::string& capture_form) {
  const std::string_view text = capture_form;
  const std::size_t steps = std::min(text.find("\nsteps "), text.size());
  return {strategy, DigestOf(text.substr(0, steps)), DigestOf(text.substr(steps))};
}

}  // namespace mirror

#include "client/source/capture/capture_rule.h"

#include <xxhash.h>

#include <algorithm>
#include <cmath>
#include <ctime>

#include "absl/strings/str_cat.h"
#include "base/folded_name.h"

namespace mirror {
namespace {

/// Returns the length of the part of 2024-05-01 12:30:00 that a unit keeps.
std::size_t LengthTo(TimeUnit unit) {
  switch (unit) {
    case TimeUnit::kDay:
      return 10;
    case TimeUnit::kHour:
      return 13;
    case TimeUnit::kMinute:
      return 16;
    case TimeUnit::kSecond:
      break;
  }
  return 19;
}

std::string DigestOf(std::string_view text) {
  return absl::StrCat(absl::Hex(XXH3_64bits(text.data(), text.size()), absl::kZeroPad16));
}

}  // namespace

const CaptureRule* CaptureRules::Find(std::string_view table) const {
  static const CaptureRule kWhole;
  const std::string name = FoldName(table);
  if (logged.contains(name)) return nullptr;
  if (const auto rule = tables.find(name); rule != tables.end()) return &rule->second;
  return others ? &kWhole : nullptr;
}

KeyPart CutToPrecision(const KeyPart& pointer, const Precision& precision) {
  KeyPart cut = pointer;
  if (precision.unit) {
    if (cut.kind == Kind::kText) cut.bytes.resize(std::min(cut.bytes.size(), LengthTo(*precision.unit)));
    return cut;
  }
  const std::int64_t step = precision.step;
  if (step <= 0) return cut;
  if (cut.kind == Kind::kInteger) {
    const std::int64_t rest = ((cut.integer % step) + step) % step;
    cut.integer = cut.integer < INT64_MIN + rest ? INT64_MIN : cut.integer - rest;
  } else if (cut.kind == Kind::kReal) {
    cut.real = std::floor(cut.real / static_cast<double>(step)) * static_cast<double>(step);
  }
  return cut;
}

bool LooksLikeADay(const KeyPart& part) {
  constexpr std::string_view kForm = "dddd-dd-dd";
  if (part.kind != Kind::kText || part.bytes.size() < kForm.size()) return false;
  for (std::size_t i = 0; i < kForm.size(); ++i) {
    const char c = part.bytes[i];
    if (kForm[i] == 'd' ? c < '0' || c > '9' : c != kForm[i]) return false;
  }
  return true;
}

KeyPart BeginOfWindow(const CaptureRule& rule, bool numbers, std::int64_t now_ms) {
  const std::int64_t begin_ms = now_ms - rule.window_ms;
  const TimeFormat time = rule.time.value_or(numbers ? TimeFormat::kUnix : TimeFormat::kIso);
  KeyPart begin;
  if (time != TimeFormat::kIso) {
    begin.kind = Kind::kInteger;
    begin.integer = time == TimeFormat::kUnixMs ? begin_ms : begin_ms / 1'000;
    return begin;
  }
  const std::time_t seconds = begin_ms / 1'000;
  std::tm utc = {};
  gmtime_r(&seconds, &utc);
  char text[16];
  begin.kind = Kind::kText;
  begin.bytes.assign(text, std::strftime(text, sizeof text, "%Y-%m-%d", &utc));
  return begin;
}

std::string WriteCaptureForm(const TableSchema& table, const CaptureRule& rule, const std::string& steps) {
  std::string form = absl::StrCat(ToString(rule.how), " ", rule.column);
  if (rule.by_column) absl::StrAppend(&form, "\nby column");
  for (const Column& column : table.columns) {
    absl::StrAppend(&form, "\n", column.key_position, " ", column.name);
    // Keys are stored as values of their type, so the form contains the type.
    if (column.key_position > 0) absl::StrAppend(&form, " ", static_cast<int>(column.type));
  }
  // If only some rows are read, a change of the steps would miss the other rows. So the form contains the
  // steps.
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

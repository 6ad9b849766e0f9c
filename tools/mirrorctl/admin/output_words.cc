#include "tools/mirrorctl/admin/output_words.h"

#include <map>

#include "base/human_text.h"

namespace mirror {

std::string AgeText(std::int64_t then_ms, std::int64_t now_ms) { return SpanText(now_ms - then_ms); }

std::string RowsText(std::int64_t rows) { return rows < 0 ? "" : Grouped(static_cast<std::uint64_t>(rows)); }

Colour StateColour(const std::string& state) {
  static const std::map<std::string, Colour> kColours = {
      {"damaged", Colour::kRed},    {"failing", Colour::kRed},        {"held", Colour::kYellow},
      {"differs", Colour::kYellow}, {"late", Colour::kYellow},        {"incomplete", Colour::kYellow},
      {"unsent", Colour::kYellow},  {"unpopulated", Colour::kYellow}, {"repopulate", Colour::kYellow},
      {"stopped", Colour::kYellow}, {"paused", Colour::kYellow},      {"good", Colour::kGreen},
      {"mirrored", Colour::kGreen}};
  const auto found = kColours.find(state);
  return found == kColours.end() ? Colour::kNone : found->second;
}

}  // namespace mirror

#include "client/source/capture/capture_rule.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <ctime>

#include "base/folded_name.h"

namespace mirror {
namespace {

/// Characters of a text as 2024-05-01 12:30:00 up to a unit; 0: it is none.
std::size_t LengthTo(const std::string& unit) {
  return unit == "day" ? 10 : unit == "hour" ? 13 : unit == "minute" ? 16 : unit == "second" ? 19 : 0;
}

}  // namespace

std::string_view ToString(CaptureRule::How how) {
  switch (how) {
    case CaptureRule::How::kSynthetic:
      return "synthetic";
    case CaptureRule::How::kWatermark:
      return "watermark";
    case CaptureRule::How::kWatermarkCdc:
      return "watermark_cdc";
    case CaptureRule::How::kWindow:
      return "window";
  }
  return "";
}

const CaptureRule* CaptureRules::Find(std::string_view table) const {
  static const CaptureRule kWhole;
  const std::string name = FoldName(table);
  if (logged.contains(name)) return nullptr;
  if (const auto rule = tables.find(name); rule != tables.end()) return &rule->second;
  return others ? &kWhole : nullptr;
}

KeyPart CutToPrecision(const KeyPart& pointer, const std::string& precision) {
  KeyPart cut = pointer;
  if (const std::size_t length = LengthTo(precision); length > 0) {
    if (cut.kind == Kind::kText) cut.bytes.resize(std::min(cut.bytes.size(), length));
    return cut;
  }
  std::int64_t step = 0;
  std::from_chars(precision.data(), precision.data() + precision.size(), step);
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
  const std::string time = !rule.time.empty() ? rule.time : numbers ? "unix" : "iso";
  KeyPart begin;
  if (time != "iso") {
    begin.kind = Kind::kInteger;
    begin.integer = time == "unix_ms" ? begin_ms : begin_ms / 1'000;
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

}  // namespace mirror

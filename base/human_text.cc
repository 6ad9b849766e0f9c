#include "base/human_text.h"

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <ctime>
#include <iterator>
#include <string_view>

#include "absl/strings/str_cat.h"

namespace mirror {
namespace {

/// Characters that have no special meaning in any shell.
constexpr std::string_view kPlain =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-./:,=+@%";

}  // namespace

std::string Grouped(std::uint64_t number) {
  std::string text = std::to_string(number);
  for (std::size_t at = text.size(); at > 3;) text.insert(at -= 3, 1, ',');
  return text;
}

std::string Counted(std::uint64_t count, std::string_view noun) {
  std::string words = absl::StrCat(Grouped(count), " ", std::string(noun));
  if (count == 1) return words;
  // A 'y' after a vowel stays: "keys", but "entries".
  constexpr std::string_view kVowels = "aeiou";
  const bool is_y =
      noun.size() > 1 && noun.ends_with('y') && kVowels.find(noun[noun.size() - 2]) == kVowels.npos;
  if (is_y) words.replace(words.size() - 1, 1, "ie");
  return words + "s";
}

std::string SizeText(std::uint64_t bytes) {
  static constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  double size = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (size >= 1023.95 && unit + 1 < std::size(kUnits)) {  // Otherwise 1024.0 would be shown.
    size /= 1024;
    ++unit;
  }
  char text[32];
  std::snprintf(text, sizeof(text), unit == 0 ? "%.0f%s" : "%.1f%s", size, kUnits[unit]);
  return text;
}

std::string SpanText(std::int64_t milliseconds) {
  constexpr std::int64_t kMinute = 60, kHour = 3'600, kDay = 86'400;
  const std::int64_t seconds = std::max<std::int64_t>(0, milliseconds) / 1'000;
  if (seconds < 2 * kMinute) return absl::StrCat(seconds, " s");
  if (seconds < 2 * kHour) return absl::StrCat(seconds / kMinute, " min");
  if (seconds < 2 * kDay) return absl::StrCat(seconds / kHour, " h");
  return absl::StrCat(seconds / kDay, " d");
}

std::string ShellWord(const std::string& word) {
  if (!word.empty() && word.find_first_not_of(kPlain) == std::string::npos) return word;
  const auto is_control = [](unsigned char byte) { return byte < 0x20 || byte == 0x7f; };
  const bool in_numbers = std::any_of(word.begin(), word.end(), is_control);
  std::string quoted = in_numbers ? "$'" : "'";
  for (const char character : word) {
    if (in_numbers &&
        (is_control(static_cast<unsigned char>(character)) || character == '\'' || character == '\\')) {
      char number[16];
      std::snprintf(number, sizeof(number), "\\%03o", static_cast<unsigned>(character) & 0xff);
      quoted += number;
    } else if (character == '\'') {
      quoted += "'\\''";
    } else {
      quoted += character;
    }
  }
  return quoted + "'";
}

std::string QuotedCommand(const std::string& command) {
  std::string shown = "'";
  bool quoted = false;
  for (std::size_t at = 0; at < command.size(); ++at) {
    const char character = command[at];
    if (character == '\'') {
      if (quoted && command[at - 1] == '\'') shown += "\"\"";
      quoted = !quoted;
    } else if (!quoted && character == '\\' && at + 1 < command.size()) {
      shown += {character, command[++at]};
    } else {
      const bool plain =
          static_cast<unsigned char>(character) >= 0x80 || kPlain.find(character) != std::string_view::npos;
      if (quoted && !plain) shown += '\\';
      shown += character;
    }
  }
  return shown + "'";
}

std::string FormatUnixTime(std::int64_t seconds) {
  constexpr std::int64_t kLastSecond = 253402300799;  // 9999-12-31T23:59:59Z.
  if (seconds < 0 || seconds > kLastSecond) return std::to_string(seconds);
  const std::time_t time = seconds;
  std::tm parts = {};
  gmtime_r(&time, &parts);
  char text[32];
  std::strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

}  // namespace mirror

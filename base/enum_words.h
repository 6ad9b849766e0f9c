#ifndef MIRROR_BASE_ENUM_WORDS_H_
#define MIRROR_BASE_ENUM_WORDS_H_

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mirror {

/// The words for the values of an enum in files and messages: each value has one word.
template <typename T>
using EnumWords = std::vector<std::pair<std::string, T>>;

/// Empty: the value has no word.
template <typename T>
std::string WordOf(const EnumWords<T>& words, T value) {
  for (const auto& [word, meaning] : words) {
    if (meaning == value) return word;
  }
  return "";
}

/// Absent: the text is none of the words.
template <typename T>
std::optional<T> ValueOf(const EnumWords<T>& words, std::string_view text) {
  for (const auto& [word, meaning] : words) {
    if (word == text) return meaning;
  }
  return std::nullopt;
}

}  // namespace mirror

#endif  // MIRROR_BASE_ENUM_WORDS_H_

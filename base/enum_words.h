#ifndef MIRROR_BASE_ENUM_WORDS_H_
#define MIRROR_BASE_ENUM_WORDS_H_

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mirror {

/// The words that files and messages use for the values of an enum. Each value has one word.
template <typename T>
using EnumWords = std::vector<std::pair<std::string, T>>;

/// Returns the word for a value. Empty: the value has no word.
template <typename T>
std::string WordOf(const EnumWords<T>& words, T value) {
  for (const auto& [word, meaning] : words) {
    if (meaning == value) return word;
  }
  return "";
}

/// Returns the value for a word. Absent: the text is none of the words.
template <typename T>
std::optional<T> ValueOf(const EnumWords<T>& words, std::string_view text) {
  for (const auto& [word, meaning] : words) {
    if (word == text) return meaning;
  }
  return std::nullopt;
}

}  // namespace mirror

#endif  // MIRROR_BASE_ENUM_WORDS_H_

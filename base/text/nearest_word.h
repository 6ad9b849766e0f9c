#ifndef MIRROR_BASE_TEXT_NEAREST_WORD_H_
#define MIRROR_BASE_TEXT_NEAREST_WORD_H_

#include <string>
#include <string_view>
#include <vector>

namespace mirror {

/// Returns the word of `words` that `typed` most likely means. At most two of its letters, and fewer than
/// half of them, were omitted, added, changed or swapped with their neighbour. Empty: no word is similar.
std::string NearestWord(std::string_view typed, const std::vector<std::string>& words);

/// Returns a question that follows a sentence: " Did you mean 'tables'?". Empty: no word is similar.
std::string DidYouMean(std::string_view typed, const std::vector<std::string>& words);

}  // namespace mirror

#endif  // MIRROR_BASE_TEXT_NEAREST_WORD_H_

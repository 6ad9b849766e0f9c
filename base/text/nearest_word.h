#ifndef MIRROR_BASE_TEXT_NEAREST_WORD_H_
#define MIRROR_BASE_TEXT_NEAREST_WORD_H_

#include <string>
#include <string_view>
#include <vector>

namespace mirror {

/// Returns the one of `words` that `typed` most likely means: at most two letters were omitted, added,
/// changed or swapped with their neighbour, and fewer than half of them. Empty: none is similar.
std::string NearestWord(std::string_view typed, const std::vector<std::string>& words);

/// Returns " Did you mean 'tables'?", to follow a sentence; empty: none is similar.
std::string DidYouMean(std::string_view typed, const std::vector<std::string>& words);

}  // namespace mirror

#endif  // MIRROR_BASE_TEXT_NEAREST_WORD_H_

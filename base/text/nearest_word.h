#ifndef MIRROR_BASE_TEXT_NEAREST_WORD_H_
#define MIRROR_BASE_TEXT_NEAREST_WORD_H_

#include <string>
#include <string_view>
#include <vector>

namespace mirror {

/// Of `words` the one that `typed` most likely was meant to be: at most two letters were left out, put in,
/// changed or swapped with their neighbour, and fewer than half of them. Empty: none is near.
std::string NearestWord(std::string_view typed, const std::vector<std::string>& words);

/// " Did you mean 'tables'?", to be put behind a sentence; empty: none is near.
std::string DidYouMean(std::string_view typed, const std::vector<std::string>& words);

}  // namespace mirror

#endif  // MIRROR_BASE_TEXT_NEAREST_WORD_H_

#ifndef MIRROR_TESTS_SUPPORT_SOURCE_WORDS_H_
#define MIRROR_TESTS_SUPPORT_SOURCE_WORDS_H_

#include <string>

#include "client/config/source_config.h"

namespace mirror {

/// For tests whose parameters are the configuration's words. Another word ends the test with an exception.
inline Strategy StrategyNamed(const std::string& word) { return ParseStrategy(word).value(); }
inline SourceKind SourceKindNamed(const std::string& word) { return ParseSourceKind(word).value(); }

}  // namespace mirror

#endif  // MIRROR_TESTS_SUPPORT_SOURCE_WORDS_H_

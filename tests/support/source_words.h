#ifndef MIRROR_TESTS_SUPPORT_SOURCE_WORDS_H_
#define MIRROR_TESTS_SUPPORT_SOURCE_WORDS_H_

#include <stdexcept>
#include <string>

#include "client/config/source_config.h"

namespace mirror {

/// For tests whose parameters are the configuration's words.
inline Strategy StrategyNamed(const std::string& name) {
  for (const auto& [word, strategy] : StrategyWords()) {
    if (word == name) return strategy;
  }
  throw std::invalid_argument(name);
}
inline SourceKind KindNamed(const std::string& name) {
  for (const auto& [word, kind] : SourceKindWords()) {
    if (word == name) return kind;
  }
  throw std::invalid_argument(name);
}

}  // namespace mirror

#endif  // MIRROR_TESTS_SUPPORT_SOURCE_WORDS_H_

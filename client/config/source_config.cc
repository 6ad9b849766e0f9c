#include "client/config/source_config.h"

#include <algorithm>

namespace mirror {
namespace {

template <typename T>
std::string WordOf(const std::vector<std::pair<std::string, T>>& words, T value) {
  const auto found =
      std::find_if(words.begin(), words.end(), [value](const auto& word) { return word.second == value; });
  return found == words.end() ? "" : found->first;
}

}  // namespace

const std::vector<std::pair<std::string, SourceKind>>& SourceKindWords() {
  static const std::vector<std::pair<std::string, SourceKind>> kWords = {
      {"sqlite", SourceKind::kSqlite}, {"csv", SourceKind::kCsv}, {"xlsx", SourceKind::kXlsx}};
  return kWords;
}

const std::vector<std::pair<std::string, Strategy>>& StrategyWords() {
  static const std::vector<std::pair<std::string, Strategy>> kWords = {
      {"cdc", Strategy::kCdc},
      {"synthetic", Strategy::kSynthetic},
      {"watermark", Strategy::kWatermark},
      {"watermark_cdc", Strategy::kWatermarkCdc},
      {"window", Strategy::kWindow},
      {"populate", Strategy::kPopulate}};
  return kWords;
}

std::string ToString(SourceKind kind) { return WordOf(SourceKindWords(), kind); }
std::string ToString(Strategy strategy) { return WordOf(StrategyWords(), strategy); }

}  // namespace mirror

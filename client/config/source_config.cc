#include "client/config/source_config.h"

namespace mirror {

const EnumWords<SourceKind>& SourceKindWords() {
  static const EnumWords<SourceKind> kWords = {
      {"sqlite", SourceKind::kSqlite}, {"csv", SourceKind::kCsv}, {"xlsx", SourceKind::kXlsx}};
  return kWords;
}
std::string ToString(SourceKind kind) { return WordOf(SourceKindWords(), kind); }
std::optional<SourceKind> ParseSourceKind(std::string_view word) { return ValueOf(SourceKindWords(), word); }

}  // namespace mirror

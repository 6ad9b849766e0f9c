#include "client/config/source_config.h"

#include <algorithm>
#include <iterator>

namespace mirror {
namespace {

using Place = KindTraits::Place;

constexpr KindTraits kTraits[] = {
    {SourceKind::kSqlite},
    {SourceKind::kCsv, Place::kFolder, "folder", "files", false, true, Strategy::kSynthetic},
    {SourceKind::kXlsx, Place::kFolder, "folder", "files", false, true, Strategy::kSynthetic}};

}  // namespace

const EnumWords<SourceKind>& SourceKindWords() {
  static const EnumWords<SourceKind> kWords = {
      {"sqlite", SourceKind::kSqlite}, {"csv", SourceKind::kCsv}, {"xlsx", SourceKind::kXlsx}};
  return kWords;
}
std::string ToString(SourceKind kind) { return WordOf(SourceKindWords(), kind); }
std::optional<SourceKind> ParseSourceKind(std::string_view word) { return ValueOf(SourceKindWords(), word); }

const KindTraits& TraitsOf(SourceKind kind) {
  return *std::find_if(std::begin(kTraits), std::end(kTraits) - 1,
                       [kind](const KindTraits& traits) { return traits.kind == kind; });
}

}  // namespace mirror
